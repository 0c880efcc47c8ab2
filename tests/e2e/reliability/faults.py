"""A disk that fails in every way that can be had: the proxy goes on, and nothing that was done is untold.

    cargo build --release && sudo python3 tests/e2e/reliability/faults.py [--long]

The short form fails the first calls of each sort and holds a sync for seconds; the long form fails the n-th call for every n until
none occurs, and holds a sync for half a minute. Each exchange must be an event, be told by a gap, or have been refused with 503.
"""

import argparse
import os
import random
import subprocess
import sys
import time

import verdict
from processes import require_strace, until
from trial import Trial, story

# A disk that hangs is waited for this long, for an intent and for a record.
INTENT_MS, RECORD_MS = 300, 600
LIMITS = f"limits: {{ intent_ms: {INTENT_MS}, record_ms: {RECORD_MS} }}\n"
ACTIONS = 16
HEALS_S = 30
# No thread makes so many calls of one sort in what is done here.
N_MAX = 1000
DISK_MB = 24
FILL_BYTES = 64 << 10
# How long the store is held before it writes, so that the disk can be filled meanwhile.
STORE_HELD_S = 3
# What the log says of the store's first failure of a row, and the kernel's word in it; that the store itself found too little room is said otherwise.
REFUSAL, FULL = "the store does not take events", "No space left on device"
# The short form fills the disk until the store has met that so often, each time at one of two calls.
FILLS_MET, FILLS_MAX = 2, 5
# Enough to use up what is kept in reserve on a disk that is full.
ATTACK_ACTIONS = 200
ATTACKS_MAX = 30

# How the log tells a panic; an error of the index's may say `panicked`, too, where it was none.
PANIC = "panicked at"

# How a call fails. `retval=0` is a write that writes nothing.
WRITE_ERRORS = ["error=EIO", "error=ENOSPC", "error=EINTR", "error=EROFS", "retval=0"]
SYNC_ERRORS = ["error=EIO", "error=ENOSPC", "error=EINTR"]
STORE_CALLS = ["mkdir", "fsync", "rename", "pwrite64", "fdatasync"]
START_CALLS = ["fsync", "fdatasync", "rename", "ftruncate", "mkdir", "flock", "getdents64"]


class SmallDisk:
    """A file system in memory, of so many MB, at a folder."""

    def __init__(self, folder, megabytes):
        self.folder = folder
        self._ballast = folder / "ballast"
        folder.mkdir(mode=0o700)
        self._mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=0700", "tmpfs")

    def fill(self):
        """Leaves not one byte free, also at the end of a log; what is given back meanwhile is taken by the next call."""
        for path in [self._ballast, *self.folder.glob("*.log")]:
            file, size = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), FILL_BYTES
            while size:
                try:
                    os.write(file, b" " * size)
                except OSError:
                    size //= 2
            os.close(file)

    def free(self):
        self._ballast.unlink()

    def make_read_only(self):
        self._mount("-o", "remount,ro")

    def make_writable(self):
        self._mount("-o", "remount,rw")

    def remove(self):
        subprocess.run(["umount", "--lazy", self.folder], check=True)

    def _mount(self, *options):
        done = subprocess.run(["mount", *options, self.folder], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"a file system must be mounted, and only root may: {done.stderr.strip()}")


class Faults(Trial):
    def __init__(self, folder, seed, is_long):
        super().__init__(folder, seed, LIMITS)
        self.is_long = is_long

    def begin(self):
        self.disk = SmallDisk(self.folder / "data", DISK_MB)
        self.ends.callback(self.disk.remove)
        super().begin()

    def act(self, actions=ACTIONS, kinds=()):
        """Asks for so many actions; the answers by name."""
        before = set(self.clients.answers)
        self.clients.only(*kinds)
        self.clients.go(actions)
        self.clients.wait(120)
        return {name: answer for name, answer in self.clients.answers.items() if name not in before}

    def look(self):
        """Waits until it records again and all that was done since the last look is told, by itself and without traffic."""
        until("it records again", self.proxy.is_ready, HEALS_S)
        return self.demand(lambda cases: verdict.after_faults(cases, self.records))

    def log_to(self, folder):
        """Starts it again with its own log there."""
        self.stop_in_order()
        log = self.folder / "earwitness.log"
        log.unlink()
        if folder != self.folder:
            log.symlink_to(folder / log.name)
        self.proxy.start()

    def refusals(self):
        """What the log says of each time that the store began to take nothing."""
        return [line for line in self.proxy.process.output().splitlines() if REFUSAL in line]

    def is_moved(self):
        return self.proxy.metric("earwitness_queue_depth") == 0

    def require_healed(self):
        """What is done now has its full record, in the same life of the same process."""
        self.act()
        self.demand(self.lacking)

    def lacking(self, cases):
        lacking = [case for case in cases if case.status != 200 or case.found.full != 1]
        return [f"{case.kind} {case.name}: the disk works again, and the record does not" for case in lacking]


def journal_calls_fail_once(faults):
    """The n-th write or sync fails, for every n."""
    for call, errors in [("write", WRITE_ERRORS), ("fdatasync", SYNC_ERRORS)]:
        for error in errors:
            told = every_n(faults, lambda n: faults.proxy.attach_to_journal(f"{call}:{error}:when={n}"))
            print(f"      {call} {error}: {told}", flush=True)


def journal_calls_fail_for_a_while(faults):
    for call, error in [("write", "error=ENOSPC"), ("fdatasync", "error=EIO"), ("write", "error=EROFS")]:
        tracer = faults.proxy.attach_to_journal(f"{call}:{error}:when=2+")
        faults.act(ACTIONS * 4)
        tracer.stop()
        print(f"      {call} {error}: {dict(faults.look())}, {faults.records.gaps} gaps so far", flush=True)
        faults.require_healed()


def store_calls_fail(faults):
    """What is moved to the store fails on its way; the journal keeps it, and a later try takes it."""
    errors = ["error=EIO", "error=ENOSPC"] if faults.is_long else ["error=ENOSPC"]
    for call in STORE_CALLS:
        failed = sum(store_call_fails(faults, call, error) for error in errors)
        require_failed(failed, call)
        print(f"      {call}: {failed} of them failed", flush=True)
    faults.require_healed()


def store_call_fails(faults, call, error):
    """How many calls could be made to fail, until there are no more of them."""
    failed = 0
    for n in range(1, N_MAX if faults.is_long else 2):
        # Every try has threads of its own, with a first call each: it fails until strace ends.
        tracer = faults.proxy.attach_to_all(f"{call}:{error}:when={n}")
        faults.act()
        until("a call fails or none is left", lambda: faults.proxy.injected() or faults.is_moved(), HEALS_S)
        tracer.stop()
        if not faults.proxy.injected():
            break
        failed += faults.proxy.injected()
        until("the store has everything", faults.is_moved, HEALS_S)
        faults.look()
    return failed


def a_disk_that_fills_under_the_store(faults):
    """The store sees that there is room and begins to write; then somebody takes the room. It meets a full disk itself, and lives on."""
    met = 0
    # Which call is held is nobody's choice: it may be one that has its room already, and then the store finds in time that there is none.
    for n in range(1, N_MAX) if faults.is_long else [1, 2] * FILLS_MAX:
        refusals = faults.refusals()
        tracer = faults.proxy.attach_to_all(f"pwrite64:delay_enter={STORE_HELD_S}s:when={n}")
        # More than the pages hold that its file has.
        faults.act(ATTACK_ACTIONS)
        until("the store writes", lambda: faults.proxy.traced("pwrite64(") or faults.is_moved(), HEALS_S)
        faults.disk.fill()
        until("it has failed", lambda: faults.refusals() != refusals or faults.is_moved(), HEALS_S)
        tracer.stop()
        has_come = faults.proxy.injected() > 0
        met += sum(FULL in refusal for refusal in faults.refusals()[len(refusals) :])
        faults.act()
        faults.disk.free()
        faults.look()
        until("the store has everything", faults.is_moved, HEALS_S)
        if not has_come if faults.is_long else met >= FILLS_MET:
            break
    require_failed(met, "full disk")
    print(f"      the store met a full disk {met} times", flush=True)
    faults.require_healed()


def every_n(faults, attach):
    """With the n-th call failing, all is told, and it heals. The answer tells how many were made to fail."""
    failed = 0
    for n in range(1, N_MAX if faults.is_long else 3):
        tracer = attach(n)
        faults.act()
        tracer.stop()
        if not faults.proxy.injected():
            break
        failed += faults.proxy.injected()
        faults.look()
    require_failed(failed, "call")
    faults.require_healed()
    return f"{failed} of them failed"


def require_failed(failed, call):
    if not failed:
        raise AssertionError(f"not one {call} came that could have failed: this tests nothing")


def start_fails_or_not(faults):
    """A start under a fault works, or ends with a sentence; never with a panic, and the next one works."""
    for call in START_CALLS:
        for n in range(1, N_MAX if faults.is_long else 2):
            faults.stop_in_order()
            faults.proxy.launch(f"{call}:error=EIO:when={n}")
            until("it has started or ended", lambda: faults.proxy.process.is_over() or faults.proxy.is_up(), HEALS_S)
            has_come, has_ended = faults.proxy.injected() > 0, faults.proxy.process.is_over()
            faults.proxy.process.stop()
            log = faults.proxy.process.log()
            if PANIC in log:
                raise AssertionError(f"a panic at the {n}. {call} of a start")
            print(f"      {call} {n}: {'did not come' if not has_come else 'ended' if has_ended else 'started'}", flush=True)
            faults.proxy.start()
            if not has_come:
                break
    faults.require_healed()
    faults.look()


def a_sync_that_hangs(faults):
    """E45: a sync that takes half a minute holds nobody for longer than the limits say, and nothing passes untold."""
    hang_s = 30 if faults.is_long else 5
    tracer = faults.proxy.attach_to_journal(f"fdatasync:delay_enter={hang_s}s:when=3")
    rounds, deadline = 0, time.monotonic() + hang_s + HEALS_S
    while not faults.proxy.injected() and time.monotonic() < deadline:
        faults.act()
        rounds += not faults.proxy.injected()
    tracer.stop()
    if rounds < 2:
        raise AssertionError(f"while a sync lasted {hang_s} s, clients were answered {rounds} times: they waited for it")
    print(f"      {hang_s} s: {dict(faults.look())}, {faults.records.gaps} gaps so far", flush=True)
    faults.require_healed()


def a_full_disk(faults):
    """E44: somebody fills the disk, then acts; what he did is named when there is room again, and what may not be untold is refused."""
    # What it logs is on the same disk, as in a small container: a full one takes neither.
    faults.log_to(faults.disk.folder)
    faults.act()
    faults.look()
    fill_until_refused(faults)
    cancels = faults.act(kinds=["quick"])
    if faults.proxy.is_ready():
        raise AssertionError("the disk is full, and /readyz says that all is well")
    faults.disk.free()
    print(f"      {dict(faults.look())}, {faults.records.gaps} gaps so far", flush=True)
    lost = [name for name in cancels if name not in faults.records.missed and not any(faults.records.of[name])]
    if lost:
        raise AssertionError(f"done on a full disk, and not named: {lost}")
    faults.require_healed()
    faults.log_to(faults.folder)


def fill_until_refused(faults):
    for _ in range(ATTACKS_MAX):
        faults.disk.fill()
        faults.act(ATTACK_ACTIONS)
        if all(answer.status == 503 for answer in faults.act(kinds=["strict"]).values()):
            return
    raise AssertionError(f"{ATTACKS_MAX * ATTACK_ACTIONS} actions on a full disk, and what may not be untold was not refused")


def a_read_only_disk(faults):
    """A start on a disk that cannot be written ends with a sentence; on one that can, everything is there."""
    faults.stop_in_order()
    faults.disk.make_read_only()
    faults.proxy.launch()
    if not faults.proxy.wait_for_end(HEALS_S):
        raise AssertionError("it started on a disk that cannot be written")
    code, log = faults.proxy.process.stop(), faults.proxy.process.log()
    if code == 0 or PANIC in log or "Read-only file system" not in log:
        raise AssertionError(f"it ended with code {code}, and did not say why")
    faults.disk.make_writable()
    faults.proxy.start()
    faults.require_healed()


STEPS = [
    store_calls_fail, a_disk_that_fills_under_the_store, journal_calls_fail_once, journal_calls_fail_for_a_while, start_fails_or_not, a_sync_that_hangs, a_full_disk,
    a_read_only_disk,
]


def tell(faults):
    for step in STEPS:
        began = time.monotonic()
        step(faults)
        print(f"ok    {step.__name__.replace('_', ' ')}: {time.monotonic() - began:.0f} s", flush=True)
    faults.stop_in_order()
    faults.verify()
    faults.proxy.start()
    cases, records = faults.all()
    verdict.demand(verdict.after_faults(cases, records))
    print(f"ok    the whole log, {records.sequence} entries: {dict(verdict.tally(cases))}", flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--long", action="store_true")
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    asked = arguments.parse_args()
    require_strace()
    print(f"seed {asked.seed}", flush=True)
    again = f"faults.py --seed {asked.seed}{' --long' if asked.long else ''}"
    return story(lambda folder: Faults(folder, asked.seed, asked.long), tell, again)


if __name__ == "__main__":
    sys.exit(main())
