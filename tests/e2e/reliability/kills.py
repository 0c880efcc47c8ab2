"""A proxy that is killed again and again, anywhere, and what its record says of what the application did.

    cargo build --release && python3 tests/e2e/reliability/kills.py [--kills 25] [--seed N] [--sum FILE]

It dies at random moments under load, at the n-th write, sync or rename of the threads that keep the record, while it starts,
twice in a row, and while it stops. After each death it is started again, and every action since the last one is looked at.
With `--sum` the deaths of several runs add up in a file: a run that was broken off is gone on with by the same command.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import sys
import time

import verdict
from processes import require_strace
from records import Records
from trial import Trial, story

# Nothing here waits for a limit: what is not recorded is then lost by a crash, and by nothing else.
LIMITS = (
    "limits: { intent_ms: 60000, record_ms: 300000, shutdown_ms: 600000, connect_ms: 300000, upstream_ms: 600000, head_ms: 600000, "
    "abandoned_ms: 600000, query_ms: 300000 }\n"
)
LOAD_S_MAX = 1.5
# A call that does not come by then does not come any more.
COME_S = 4
ACTIONS = 16
# Of the journal's thread, which makes them for a new file only; one of so many deaths, since a file is long.
NEW_FILE_CALLS, NEW_FILE_S, NEW_FILE_EVERY = ["openat", "fsync"], 120, 25

JOURNAL_CALLS = ["write", "fdatasync"]
# Of the mover and of the store's own threads; nothing but the record makes them.
STORE_CALLS = ["fsync", "rename", "pwrite64", "fdatasync", "mkdir", "unlink"]
FIRST_START_CALLS = ["fsync", "write", "rename", "fdatasync", "ftruncate", "linkat", "unlink", "mkdir", "flock"]
# More than a start makes of any of them.
FIRST_START_CALLS_MAX = 12
START_CALLS = ["fsync", "write", "rename", "fdatasync", "openat", "ftruncate"]


class Sum:
    """What was done so far: the deaths, the calls that they have come to, and what was found; in a file, if there is one."""

    def __init__(self, path):
        self._path = path
        kept = json.loads(path.read_text()) if path and path.exists() else {}
        self.deaths, self.turns = kept.get("deaths", 0), kept.get("turns", {})
        self.counts = collections.Counter(kept.get("counts", {}))
        self.runs = kept.get("runs", [])

    def begin(self, seed):
        self.runs.append({"seed": seed, "deaths": 0})

    def add(self, counts):
        self.deaths += 1
        self.runs[-1]["deaths"] += 1
        self.counts.update(counts)
        self._keep()

    def end(self, how):
        self.runs[-1]["ended"] = how
        self._keep()

    def _keep(self):
        if self._path is None:
            return
        kept = {"deaths": self.deaths, "counts": self.counts, "runs": self.runs, "turns": self.turns}
        new = self._path.with_name(self._path.name + ".new")
        new.write_text(json.dumps(kept, indent=2) + "\n")
        os.replace(new, self._path)


class Crash(Trial):
    """One proxy over many lives."""

    def __init__(self, folder, seed, turns):
        super().__init__(folder, seed, LIMITS)
        self.random = random.Random(seed)
        self._turns = turns
        self.start_s = 1.0

    def live_and_die(self, way):
        """Dies once, in that way, and is looked at after the next start: how it died, and what there was since the last time."""
        how = way(self)
        self.clients.stop()
        began = time.monotonic()
        self.proxy.start()
        self.start_s = time.monotonic() - began
        cases = self.fresh()
        # At once: what a start recovers is there before anybody may ask.
        verdict.demand(self.complaints(cases, self.records))
        return how, verdict.tally(cases)

    def kill(self):
        self.proxy.process.kill()

    def complaints(self, cases, records):
        return verdict.after_crashes(cases, records.succeeded)

    def turn(self, what):
        """1, 2, 3, …: which call of this sort it is to die at."""
        self._turns[what] = self._turns.get(what, 0) + 1
        return self._turns[what]

    def begin_again(self, what):
        self._turns.pop(what, None)


def at_new_file(crash):
    """Dies while the journal's file is full and the next one is made, into which what is under way is carried."""
    call = crash.random.choice(NEW_FILE_CALLS)
    tracer = crash.proxy.attach("journal", f"{call}:signal=KILL:when=1")
    crash.clients.only("quick", "slow", "large", "large")
    crash.clients.go()
    # Always the first one.
    how = died(crash, tracer, f"new file: {call}", 1, come_s=NEW_FILE_S)
    crash.clients.only()
    return how


def at_random(crash):
    after_s = crash.random.uniform(0.02, LOAD_S_MAX)
    crash.clients.go()
    time.sleep(after_s)
    crash.kill()
    return f"{after_s:.3f} s under load"


def at_start(crash):
    crash.kill()
    after_s = crash.random.uniform(0, crash.start_s * 1.2)
    crash.clients.go()
    crash.proxy.launch()
    time.sleep(after_s)
    crash.kill()
    return f"{after_s:.3f} s after it was started"


def twice(crash):
    return ", and ".join([at_random(crash), at_start(crash)])


def at_journal_call(crash):
    call = crash.random.choice(JOURNAL_CALLS)
    number = crash.turn(f"journal: {call}")
    tracer = crash.proxy.attach("journal", f"{call}:signal=KILL:when={number}")
    crash.clients.go()
    return died(crash, tracer, f"journal: {call}", number)


def at_mover_write(crash):
    return at_the_end(crash, "write", lambda injection: crash.proxy.attach("mover", injection))


def at_store_call(crash):
    return at_the_end(crash, crash.random.choice(STORE_CALLS), crash.proxy.attach_to_all)


def at_the_end(crash, call, attach):
    """The store has most to do when the proxy is told to end."""
    number = crash.turn(f"store: {call}")
    crash.clients.go(actions=100)
    crash.clients.wait()
    tracer = attach(f"{call}:signal=KILL:when={number}")
    crash.proxy.process.ask_to_end()
    return died(crash, tracer, f"store: {call}", number)


def at_start_call(crash):
    call = crash.random.choice(START_CALLS)
    number = crash.turn(f"start: {call}")
    crash.kill()
    crash.clients.go()
    crash.proxy.launch(f"{call}:signal=KILL:when={number}")
    return died(crash, None, f"start: {call}", number, crash.proxy.is_ready)


def died(crash, tracer, what, number, or_else=lambda: False, come_s=COME_S):
    """Waits for the death at the n-th call. If the call does not come, it is killed by hand, and counted from 1 the next time."""
    came = crash.proxy.wait_for_end(come_s, or_else)
    crash.kill()
    if tracer:
        tracer.kill()
    if not came:
        crash.begin_again(what)
    return f"{what} {number}" + ("" if came else ", which did not come")


WAYS = [at_random, at_journal_call, at_start_call, at_store_call, at_start, at_journal_call, twice, at_mover_write]


def first_starts(trial, count, seed):
    """Dies while it makes its folder and its key; the next start makes do with what there is."""
    moments = [(call, number) for number in range(1, FIRST_START_CALLS_MAX) for call in FIRST_START_CALLS]
    deaths = 0
    for call, number in random.Random(seed).sample(moments, len(moments)):
        if deaths == count:
            break
        trial.proxy.process.kill()
        trial.proxy.forget_everything()
        trial.proxy.launch(f"{call}:signal=KILL:when={number}")
        deaths += trial.proxy.wait_for_end(COME_S, trial.proxy.is_ready)
        trial.proxy.process.kill()
        trial.proxy.start()
        trial.records = Records(trial.proxy)
        trial.clients.go(ACTIONS)
        trial.clients.wait()
        trial.demand(lambda cases: verdict.without_crashes(cases, trial.records.succeeded))
    print(f"ok    {deaths} first starts that were cut", flush=True)


def tell(crash, kills, done):
    """The deaths that are lacking; then the log as a whole."""
    while done.deaths < kills:
        number = done.deaths + 1
        way = at_new_file if number % NEW_FILE_EVERY == 0 else WAYS[number % len(WAYS)]
        how, counts = crash.live_and_die(way)
        done.add(counts)
        print(f"ok    {number:4} {how}: {counts['performed']} performed, {counts['recovered']} recovered", flush=True)
    crash.stop_in_order()
    crash.verify()
    crash.proxy.start()
    cases, records = crash.all()
    verdict.demand(crash.complaints(cases, records))
    print(f"ok    the whole log, {records.sequence} entries: {dict(verdict.tally(cases))}", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--kills", type=int, default=25)
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    arguments.add_argument("--sum", type=pathlib.Path, help="a file in which the deaths of several runs add up to --kills")
    asked = arguments.parse_args()
    require_strace()
    done = Sum(asked.sum)
    done.begin(asked.seed)
    print(f"seed {asked.seed}, {done.deaths} of {asked.kills} deaths done before", flush=True)
    again = f"kills.py --kills {asked.kills} --seed {asked.seed}"
    failed = story(lambda folder: Crash(folder, asked.seed, done.turns), lambda crash: tell(crash, asked.kills, done), again)
    done.end("failed" if failed else "well")
    count = max(2, asked.kills // 10)
    failed = failed or story(lambda folder: Trial(folder, asked.seed, LIMITS), lambda trial: first_starts(trial, count, asked.seed), again)
    print(f"      {done.deaths} deaths in {len(done.runs)} runs: {dict(done.counts)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
