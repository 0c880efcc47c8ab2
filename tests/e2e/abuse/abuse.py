"""A proxy under attack: while it lasts, ordinary requests are answered and recorded, and afterwards nothing is left of it.

    cargo build --release && python3 tests/e2e/abuse/abuse.py [--long]

`--long` comes with more attackers, who stay longer.
"""

import collections
import pathlib
import sys
import tempfile

# `expect` and `sidecar` are one folder up, for all tests, and the application is beside.
E2E = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(E2E), str(E2E / "wire")]

from bombs import BOMBS  # noqa: E402
from expect import require, tell  # noqa: E402
from office import RULES, Office  # noqa: E402
from sidecar import Earwitness  # noqa: E402

import attacks  # noqa: E402
from attacks import Victim  # noqa: E402
from ordinary import Ordinary  # noqa: E402

MB = 1 << 20
HEAD_MS, CONNECTIONS = 1000, 1000
# What the allocator may keep of an attack after it, for each step of `times`.
KEPT_MB = 100
# What may wait on its way to one client who does not read.
READER_MB = 1.5
BOMBS_MB = 64


class Story:
    """The attacks, in order; each is over before the next begins."""

    def __init__(self, sidecar, office, times):
        self.sidecar, self.office, self.times = sidecar, office, times
        self.process = sidecar.process
        self.victim, self.connections_max = Victim(sidecar.port), connections_max(times)
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

    def bodies_that_never_end_keep_nobody_out(self):
        with self.ordinary:
            attacks.slowly(self.victim, attacks.SLOW_BODY, 200 * self.times, 2 * self.times)

    def answers_that_nobody_reads_are_not_piled_up(self):
        count, grown = 100 * self.times, []
        with self.ordinary:
            attacks.slow_readers(self.victim, count, 2 * self.times, lambda: grown.append(self.grown_mb()))
        require(grown[0] < count * READER_MB + KEPT_MB, f"less than {READER_MB} MB for each of {count} readers", grown)

    def too_many_connections_are_turned_away(self):
        self.ordinary.requests(1)
        held = attacks.hold(self.victim, self.connections_max + 100, 100)
        fits = self.connections_max - 10 <= held <= self.connections_max
        require(fits, f"{self.connections_max} are let in, or those less that were about to end", held)

    def bombs_are_passed_and_not_unpacked(self):
        count, before_mb = 8 * self.times, self.grown_mb()
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

    def everything_falls_back(self):
        self.process.wait_until("its descriptors are closed", lambda: self.process.descriptors() <= self.descriptors + 20)
        require(self.grown_mb() < KEPT_MB * self.times, "little memory is kept", self.grown_mb())
        self.ordinary.requests(100)

    def whatever_was_booked_is_recorded_once(self):
        booked = self.office.require_records(self.sidecar)
        require(set(self.ordinary.titles) <= set(booked), "the office has all ordinary bookings", len(booked))

    def grown_mb(self):
        return (self.process.rss_bytes() - self.rss) / MB

    STEPS = [
        heads_that_never_end_are_cut, bodies_that_never_end_keep_nobody_out, answers_that_nobody_reads_are_not_piled_up,
        too_many_connections_are_turned_away, bombs_are_passed_and_not_unpacked, requests_broken_off_anywhere_leave_no_trace,
        answers_broken_off_anywhere_leave_no_trace, pipelines_are_answered_in_order, heads_of_ten_thousand_lines_are_refused,
        everything_falls_back, whatever_was_booked_is_recorded_once,
    ]


def connections_max(times):
    return CONNECTIONS * times


def main():
    attacks.may_open(CONNECTIONS * 6)
    times = 5 if "--long" in sys.argv else 1
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        office = Office(folder)
        try:
            client = f"client_connections_max: {connections_max(times)}"
            limits = f"limits: {{ head_ms: {HEAD_MS}, connections_max: {connections_max(times)}, {client} }}\n"
            sidecar = Earwitness(folder, office.port, RULES, limits)
            story = Story(sidecar, office, times)
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], sidecar, office)
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
