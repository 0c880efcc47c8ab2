"""A proxy under attack: while it lasts, ordinary requests are answered and recorded, and afterwards nothing is left of it.

    cargo build --release && python3 tests/e2e/abuse/abuse.py [--long]

`--long` comes with more attackers, who stay longer.
"""

import collections
import pathlib
import ssl
import sys
import tempfile

# `expect` and `sidecar` are one folder up, for all tests, and the application is beside.
E2E = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(E2E), str(E2E / "wire")]

from bombs import BOMBS  # noqa: E402
from expect import require, tell  # noqa: E402
from office import RULES, Office  # noqa: E402
from sidecar import Earwitness, certificate  # noqa: E402

import attacks  # noqa: E402
import streams  # noqa: E402
from attacks import Victim  # noqa: E402
from ordinary import Ordinary  # noqa: E402

MB = 1 << 20
HEAD_MS, STALL_MS = 1000, 3000
# At `times` 1; all attackers but one crowd come from one address.
CONNECTIONS, CLIENT_CONNECTIONS = 1000, 500
# What the allocator may keep of an attack after it, for each step of `times`.
KEPT_MB = 128
# What may wait on its way to one client who does not read.
READER_MB = 1.5
BOMBS_MB = 64


class Story:
    """The attacks, in order; each is over before the next begins."""

    def __init__(self, sidecar, tls, office, folder, times):
        self.sidecar, self.tls, self.office, self.folder, self.times = sidecar, tls, office, folder, times
        self.process = sidecar.process
        self.victim = Victim(sidecar.port)
        self.connections_max, self.client_connections_max = CONNECTIONS * times, CLIENT_CONNECTIONS * times
        self.ordinary = Ordinary(sidecar.port)
        self.ordinary.requests(100)
        self.rss, self.descriptors = self.process.rss_bytes(), self.process.descriptors()

    def heads_that_never_end_are_cut(self):
        count = 200 * self.times
        with self.ordinary:
            closed = attacks.slowly(self.victim, attacks.SLOW_HEAD, count, HEAD_MS / 1000 + 5)
        require(all(closed), "every slow head is cut", collections.Counter(closed))
        hit = self.sidecar.metric('earwitness_limits_hit_total{limit="head_ms"}')
        require(hit >= count, "each of them is counted", hit)

    def bodies_that_never_end_are_cut(self):
        count = 200 * self.times
        with self.ordinary:
            closed = attacks.slowly(self.victim, attacks.SLOW_BODY, count, STALL_MS / 1000 * 2 + 5)
        require(all(closed), "every slow body is cut", collections.Counter(closed))

    def answers_that_nobody_reads_are_not_piled_up(self):
        count, grown = 100 * self.times, []
        with self.ordinary:
            attacks.slow_readers(self.victim, count, 2 * self.times, lambda: grown.append(self.grown_mb()))
        require(grown[0] < count * READER_MB + KEPT_MB, f"less than {READER_MB} MB for each of {count} readers", grown)

    def one_client_cannot_take_all_places(self):
        with self.ordinary:
            held = attacks.hold(self.victim, self.client_connections_max + 100, 100)
        require_about(self.client_connections_max, held)

    def too_many_connections_are_turned_away(self):
        self.ordinary.requests(1)
        crowd = Victim(self.sidecar.port, *(f"127.0.0.{number}" for number in range(2, 6)))
        require_about(self.connections_max, attacks.hold(crowd, self.connections_max + 100, 100))

    def bombs_are_passed_and_not_unpacked(self):
        count, before_mb = 200 * self.times, self.grown_mb()
        with self.ordinary:
            answers = attacks.bombs(self.victim, sorted(BOMBS.items()), count)
        wrong = [name for name, body in answers if body != BOMBS[name][1]]
        require(not wrong, "each came back as the application sent it", wrong)
        require(self.grown_mb() - before_mb < BOMBS_MB * self.times, "memory is bounded", self.grown_mb() - before_mb)
        events = self.sidecar.all_events(action="FETCHED")
        require(len(events) == count, f"{count} records", len(events))
        require(all("notes" in event for event in events), "each says that something is missing", events[-1])

    def requests_broken_off_anywhere_leave_no_trace(self):
        with self.ordinary:
            for number in range(self.times):
                attacks.broken_off(self.victim, f"broken off {number} at ")

    def answers_broken_off_anywhere_leave_no_trace(self):
        with self.ordinary:
            attacks.answers_broken_off(self.victim, 200 * self.times)

    def pipelines_are_answered_in_order(self):
        with self.ordinary:
            counts = attacks.pipelines(self.victim, 4, "pipelined ", 300 * self.times)
        require(counts == [300 * self.times] * 4, "every request is answered", counts)

    def heads_of_ten_thousand_lines_are_refused(self):
        lines = b"".join(b"x-%d: y\r\n" % number for number in range(10_000))
        giant = b"x: " + b"y" * (4 << 20) + b"\r\n"
        for more in (lines, giant, b"cookie: a=b\r\n" * 10_000):
            with self.ordinary:
                firsts = attacks.heads(self.victim, b"GET /page HTTP/1.1\r\nhost: office\r\n" + more + b"\r\n", 20 * self.times)
            # Who goes on sending while the refusal comes may lose it to the reset.
            require(set(firsts) <= {"HTTP/1.1 431 Request Header Fields Too Large", ""}, "431 or closed", sorted(set(firsts)))

    def streams_that_are_taken_back_keep_nobody_out(self):
        self.greedy(streams.rapid_reset(5000 * self.times), 10)

    def heads_without_end_over_http2_are_cut(self):
        for wire in streams.endless_head(5000), streams.unpacked_head(10_000):
            self.greedy(wire, 20)

    def frames_without_use_keep_nobody_out(self):
        for wire in streams.pings(20_000 * self.times), streams.empty_frames(50_000 * self.times):
            self.greedy(wire, 20)

    def streams_without_room_are_not_piled_up(self):
        self.greedy(streams.closed_windows(100), 20)

    def handshakes_that_come_to_nothing_keep_nobody_out(self):
        count, victim, open_before = 100 * self.times, Victim(self.tls.port), self.tls.process.descriptors()
        tls = ssl.create_default_context(cafile=self.folder / "certificate.pem")
        with Ordinary(self.tls.port, "behind TLS", tls):
            closed = attacks.slowly(victim, attacks.SLOW_HELLO, count, HEAD_MS / 1000 + 5)
            require(all(closed), "every slow handshake is cut", collections.Counter(closed))
            attacks.heads(victim, b"GET /page HTTP/1.1\r\nhost: office\r\n\r\n", count)
            attacks.handshakes(victim, count, tls)
        failed = self.tls.metric("earwitness_handshakes_failed_total")
        late = self.tls.metric('earwitness_limits_hit_total{limit="handshake_ms"}')
        require(failed >= count and late >= count, "each that failed is counted", {"failed": failed, "late": late})
        self.tls.process.wait_until("its descriptors are closed", lambda: self.tls.process.descriptors() <= open_before + 20)

    def everything_falls_back(self):
        self.process.wait_until("its descriptors are closed", lambda: self.process.descriptors() <= self.descriptors + 20)
        require(self.grown_mb() < KEPT_MB * self.times, "little memory is kept", self.grown_mb())
        self.ordinary.requests(100)

    def whatever_was_booked_is_recorded_once(self):
        booked = self.office.require_records(self.sidecar, self.tls)
        require(set(self.ordinary.titles) <= set(booked), "the office has all ordinary bookings", len(booked))

    def greedy(self, wire, count):
        """Some who send all of that and read nothing."""
        grown = []
        with self.ordinary:
            shut_out = streams.greedy(self.victim, wire, count, 2, lambda: grown.append(self.grown_mb()))
        require(grown[0] < KEPT_MB * (self.times + 1), "little memory is kept", grown)
        return shut_out

    def grown_mb(self):
        return (self.process.rss_bytes() - self.rss) / MB

    STEPS = [
        heads_that_never_end_are_cut, bodies_that_never_end_are_cut, answers_that_nobody_reads_are_not_piled_up,
        one_client_cannot_take_all_places, too_many_connections_are_turned_away, bombs_are_passed_and_not_unpacked,
        requests_broken_off_anywhere_leave_no_trace,
        answers_broken_off_anywhere_leave_no_trace, pipelines_are_answered_in_order, heads_of_ten_thousand_lines_are_refused,
        streams_that_are_taken_back_keep_nobody_out, heads_without_end_over_http2_are_cut, frames_without_use_keep_nobody_out,
        streams_without_room_are_not_piled_up, handshakes_that_come_to_nothing_keep_nobody_out,
        everything_falls_back, whatever_was_booked_is_recorded_once,
    ]


def require_about(wanted, held):
    """A few places may be taken still by connections that are about to end."""
    require(wanted - 10 <= held <= wanted, f"{wanted} are let in", held)


def limits(times):
    """What is waited for is short here, and what may come is little."""
    counts = f"connections_max: {CONNECTIONS * times}, client_connections_max: {CLIENT_CONNECTIONS * times}"
    return f"limits: {{ head_ms: {HEAD_MS}, handshake_ms: {HEAD_MS}, client_stall_ms: {STALL_MS}, {counts} }}\n"


def main():
    attacks.may_open(CONNECTIONS * 6)
    times = 5 if "--long" in sys.argv else 1
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        office = Office(folder)
        try:
            sidecar = Earwitness(folder, office.port, RULES, limits(times))
            (folder / "tls").mkdir()
            tls = Earwitness(folder / "tls", office.port, RULES, limits(times) + certificate(folder))
            try:
                story = Story(sidecar, tls, office, folder, times)
                steps = [(step.__name__, lambda step=step: step(story)) for step in Story.STEPS]
                return tell(steps, sidecar, tls.process, office)
            finally:
                tls.process.stop()
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
