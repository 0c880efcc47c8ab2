"""Floods of HTTP/2 frames for a minute: what they cost the proxy, and whether others notice (THREATS D01).

    cargo build --release && python3 tests/e2e/abuse/frames.py [--seconds 60] [--judge]

Somebody works through the proxy that is attacked, and by turns through another one on the same machine, which nobody attacks: what both
suffer from is the machine, and not the attack. With `--judge` the slowest of a hundred requests may take no more than twice as long
there as here; without, that is told.
"""

import argparse
import asyncio
import multiprocessing
import os
import pathlib
import sys
import tempfile
import time

# `expect` and `sidecar` are one folder up, for all tests, and the application is beside.
E2E = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(E2E), str(E2E / "wire")]

from expect import require, tell  # noqa: E402
from office import RULES, Office  # noqa: E402
from sidecar import Earwitness  # noqa: E402

import attacks  # noqa: E402
import streams  # noqa: E402
from attacks import Victim  # noqa: E402
from ordinary import Ordinary  # noqa: E402

MB = 1 << 20
FLOODS = {
    "requests taken back": streams.rapid_reset(1000),
    "requests that must be taken back": streams.made_reset(1000),
    "a head without an end": streams.endless_head(1000),
    "bodies of nothing": streams.empty_frames(5000),
    "pings and settings": streams.pings(3000),
    "a head that unpacks": streams.unpacked_head(1000),
}
# Attackers at a time, of each kind.
ATTACKERS = 4
PAUSE_S = 0.002
GROWTH_MB_MAX, TIMES_SLOWER_MAX = 64, 2


async def flood(victim, wire, until):
    """The same over and over, each time over a new connection; the answer is how often."""
    rounds = 0
    while time.monotonic() < until:
        try:
            async with victim.connection() as (reader, writer):
                writer.write(wire)
                # Who is cut off comes again at once.
                await asyncio.wait_for(attacks.all_of(reader), 1)
        except (ConnectionError, asyncio.TimeoutError):
            pass
        rounds += 1
    return rounds


def attack(port, seconds, told):
    """In a process of its own, so that whoever measures is not held up by it."""

    async def run():
        victim, until = Victim(port), time.monotonic() + seconds
        wires = [wire for wire in FLOODS.values() for _ in range(ATTACKERS)]
        return sum(await asyncio.gather(*(flood(victim, wire, until) for wire in wires)))

    began = os.times()
    rounds, ended = asyncio.run(run()), os.times()
    told.put((rounds, ended.user + ended.system - began.user - began.system))


class Story:
    def __init__(self, attacked, spared, office, seconds, judges):
        self.attacked, self.spared, self.office, self.seconds, self.judges = attacked, spared, office, seconds, judges
        self.here, self.there = Ordinary(spared.port, "spared"), Ordinary(attacked.port, "attacked")

    def floods_keep_nobody_out(self):
        process = self.attacked.process
        self.work(2)
        for each in self.here, self.there:
            each.seconds.clear()
        before_mb, cpu_us, most_mb = process.rss_bytes() / MB, process.cpu_us(), 0
        told = multiprocessing.Queue()
        attacker = multiprocessing.Process(target=attack, args=(self.attacked.port, self.seconds, told))
        attacker.start()
        while attacker.is_alive():
            self.work(0.5)
            most_mb = max(most_mb, process.rss_bytes() / MB)
            if not told.empty():
                break
        rounds, attackers_s = told.get(timeout=30)
        attacker.join()
        cpu_s = (process.cpu_us() - cpu_us) / 1e6
        print(f"      {rounds} floods in {self.seconds} s: {cpu_s:.1f} s of a core here, {attackers_s:.1f} s there; "
              f"{most_mb - before_mb:+.1f} MB at most", flush=True)
        require(most_mb - before_mb < GROWTH_MB_MAX, f"less than {GROWTH_MB_MAX} MB more", most_mb - before_mb)
        self.others(rounds)

    def others(self, rounds):
        """What the others had of it."""
        spared, attacked = slowest(self.here.seconds), slowest(self.there.seconds)
        print(f"      {len(self.there.seconds)} ordinary requests, one of a hundred took {attacked * 1000:.1f} ms or more; "
              f"where nobody attacks, {spared * 1000:.1f} ms", flush=True)
        require(rounds > 0 and len(self.there.seconds) > 100, "there were floods and others", (rounds, len(self.there.seconds)))
        if self.judges:
            require(attacked < TIMES_SLOWER_MAX * spared, f"less than {TIMES_SLOWER_MAX} times as slow", (attacked, spared))

    def each_flood_alone_is_cut_off(self):
        for name, wire in FLOODS.items():
            shut_out = streams.greedy(Victim(self.attacked.port), wire, ATTACKERS, 0.5)
            require(all(shut_out), f"{name}: every connection is closed", shut_out)

    def everything_falls_back(self):
        process = self.attacked.process
        process.wait_until("their connections are gone", lambda: self.attacked.metric("earwitness_connections") <= 2)
        self.work(0.5)

    def whatever_was_booked_is_recorded_once(self):
        booked = self.office.require_records(self.attacked, self.spared)
        require(set(self.here.titles + self.there.titles) <= set(booked), "the office has all ordinary bookings", len(booked))

    def work(self, seconds):
        """Ordinary requests through both, by turns."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.here.requests(1)
            self.there.requests(1)
            time.sleep(PAUSE_S)

    STEPS = [floods_keep_nobody_out, each_flood_alone_is_cut_off, everything_falls_back, whatever_was_booked_is_recorded_once]


def slowest(seconds):
    """What one of a hundred exceeds."""
    return sorted(seconds)[len(seconds) * 99 // 100]


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--judge", action="store_true", help="fail when others are slowed down")
    given = arguments.parse_args()
    attacks.may_open(2000)
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        (folder / "spared").mkdir()
        office = Office(folder)
        try:
            attacked = Earwitness(folder, office.port, RULES, "workers: 1\n")
            spared = Earwitness(folder / "spared", office.port, RULES, "workers: 1\n")
            try:
                story = Story(attacked, spared, office, given.seconds, given.judge)
                steps = [(step.__name__, lambda step=step: step(story)) for step in Story.STEPS]
                return tell(steps, attacked, spared.process, office)
            finally:
                spared.process.stop()
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
