"""Audited requests at a steady rate for a long time: everything recorded, nothing dropped, and no more memory and files than before.

    cargo build --release && python3 tests/e2e/reliability/load.py [--seconds 20] [--rate 1000]

Memory and files are compared by how many requests were answered, not by the clock: a slower machine takes longer, and finds the same.
"""

import argparse
import random
import sys
import time

import verdict
from trial import Trial, story

CLIENTS = 64
# Most requests are ordinary ones; of each other kind there are some.
KINDS = ["quick"] * 6 + ["buffered", "strict", "slow", "streamed", "followed"]
# After so many requests the load pauses, and each of them is looked at.
ROUND_ACTIONS = 20_000
ROUND_S_MAX = 600
SAMPLE_S = 0.1
GROWTH_MB_MAX, GROWTH_DESCRIPTORS_MAX = 32, 16
MB = 1 << 20


class Load(Trial):
    def __init__(self, folder, seed):
        super().__init__(folder, seed, clients=CLIENTS)
        # Requests answered before, memory and descriptors.
        self.samples, self.asked, self.took_s = [], 0, 0

    def round(self, actions, rate):
        """So many requests; then each of them has its one full event."""
        began = time.monotonic()
        self.clients.go(actions, rate)
        while not self.clients.is_done():
            if time.monotonic() > began + ROUND_S_MAX:
                raise AssertionError(f"{actions} requests were not answered within {ROUND_S_MAX} s")
            self.sample(len(self.clients.answers))
            time.sleep(SAMPLE_S)
        self.clients.wait(1)
        self.took_s += time.monotonic() - began
        self.asked += actions
        self.judge(actions)

    def sample(self, answered):
        self.samples.append((self.asked + answered, self.proxy.process.rss_bytes(), self.proxy.process.descriptors()))

    def judge(self, actions):
        # The last buffered ones follow a moment later.
        self.demand(self.complaints)
        if len(self.clients.answers) != actions:
            raise AssertionError(f"{len(self.clients.answers)} answers to {actions} requests")
        dropped = self.proxy.metric("earwitness_drops_total")
        if dropped:
            raise AssertionError(f"{dropped:.0f} events were dropped")
        self.forget()

    def complaints(self, cases):
        again = [f"{name}: recorded again" for name in self.records.of if name not in self.clients.answers]
        return again + verdict.without_crashes(cases, self.records.succeeded)

    def growth(self):
        """By how much the most of the last quarter is above the most of the second: MB and descriptors."""
        second = [sample for sample in self.samples if self.asked / 4 <= sample[0] < self.asked / 2]
        last = [sample for sample in self.samples if sample[0] >= self.asked * 3 / 4]
        memory, descriptors = (max(each[of] for each in last) - max(each[of] for each in second) for of in (1, 2))
        return memory / MB, descriptors


def tell(load, seconds, rate):
    load.clients.only(*KINDS)
    left = seconds * rate
    while left > 0:
        load.round(min(left, ROUND_ACTIONS), rate)
        left -= ROUND_ACTIONS
        _, memory, descriptors = load.samples[-1]
        print(f"ok    {load.asked} requests, each recorded: {memory / MB:.0f} MB, {descriptors} descriptors", flush=True)
    reached = load.asked / load.took_s
    print(f"      {reached:.0f} requests a second" + ("" if reached > rate * 0.9 else f": this machine does not give {rate}"))
    memory, descriptors = load.growth()
    if memory > GROWTH_MB_MAX or descriptors > GROWTH_DESCRIPTORS_MAX:
        raise AssertionError(f"{memory:.1f} MB and {descriptors} descriptors more in the last quarter than in the second")
    print(f"ok    {memory:+.1f} MB and {descriptors:+} descriptors from the second quarter to the last", flush=True)
    load.stop_in_order()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=int, default=20)
    arguments.add_argument("--rate", type=int, default=1000)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    asked = arguments.parse_args()
    again = f"load.py --seconds {asked.seconds} --rate {asked.rate} --seed {asked.seed}"
    return story(lambda folder: Load(folder, asked.seed), lambda load: tell(load, asked.seconds, asked.rate), again)


if __name__ == "__main__":
    sys.exit(main())
