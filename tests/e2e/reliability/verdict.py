"""What was asked, performed and recorded, held against each other: every difference is a sentence."""

import collections
import time

# Answers that do not wait for their record: of a rule that says so, and of an event stream.
NEVER_HELD = ["buffered", "followed"]

COMPLAINTS_SHOWN = 20
POLL_S = 0.05


class Case:
    """One action, as each side saw it."""

    def __init__(self, name, performed, answer, found):
        self.name, self.performed, self.answer, self.found = name, performed, answer, found
        self.kind = answer.kind if answer else performed
        self.status = answer.status if answer else None
        self.is_answered = self.status == 200


def after_crashes(cases, succeeded):
    """The complaints about cases, of a proxy that died in between.

    A buffered record waits for no disk, and a process without a processor may take any time to write it: no number of
    seconds is promised of it. But records are written in the order in which they were made. What the same connection asked
    for afterwards and got with its record on the disk, puts the buffered one before it on the disk, too.
    """
    last_held = {case.answer.over: number_of(case) for case in sorted(filter(is_held, cases), key=number_of)}
    return complaints(cases, succeeded, lambda case: number_of(case) < last_held.get(case.answer.over, 0))


def without_crashes(cases, succeeded):
    """The complaints about cases, of a proxy that lived all the time: buffered records are there, too."""
    return complaints(cases, succeeded, lambda case: True)


def complaints(cases, succeeded, must_be_there):
    return [f"{case.kind} {case.name}: {why}" for case in cases for why in of_one(case, succeeded, must_be_there)]


def of_one(case, succeeded, must_be_there):
    full, recovered = case.found
    if full > 1 or recovered > 1:
        yield f"recorded more than once: {full} events, {recovered} recovered"
    if case.status not in (None, 200):
        yield f"answered {case.status}, though nothing was wrong but crashes"
    if case.name in succeeded and not case.performed:
        yield "recorded as done, and was never performed"
    if is_held(case) and recovered:
        yield "answered whole, and recovered as unknown all the same"
    if is_held(case) and not full:
        yield "answered whole, and its event is lost"
    if is_held(case) and full and case.name not in succeeded:
        yield "answered whole, and its event does not say that it was done"
    if case.kind == "buffered":
        if case.is_answered and not full and must_be_there(case):
            yield "answered, and lost, though it must have been written"
    elif case.performed and not full and not recovered:
        yield "performed, and neither an event nor an unknown tells of it"


def after_faults(cases, records):
    """The complaints about cases of a proxy whose disk failed: each is an event, named or counted in a gap, or a 503."""
    complaints, untold = [], []
    for case in cases:
        complaints += [f"{case.kind} {case.name}: {why}" for why in of_fault(case, records)]
        if case.performed and not any(case.found) and case.name not in records.missed:
            untold.append(f"{case.kind} {case.name}: performed, answered {case.status}, and neither an event nor a gap tells of it")
    if len(untold) > records.unnamed:
        complaints += [*untold, f"gaps count {records.unnamed} that they do not name, and these are {len(untold)}"]
    return complaints


def of_fault(case, records):
    full, recovered = case.found
    if full > 1 or recovered > 1:
        yield f"recorded more than once: {full} events, {recovered} recovered"
    if case.status not in (200, 503):
        yield f"answered {case.status}"
    if case.status == 503 and case.performed:
        yield "refused, and performed all the same"
    if case.name in records.succeeded and not case.performed:
        yield "recorded as done, and was never performed"


def is_held(case):
    """Whether its client was answered when its record was on the disk."""
    return case.is_answered and case.kind not in NEVER_HELD


def number_of(case):
    """The how manieth request of its client it was."""
    return int(case.name.partition("-")[2])


def demand(complaints):
    """Fails with the complaints, if there are any."""
    if complaints:
        shown = complaints[:COMPLAINTS_SHOWN]
        more = [f"and {len(complaints) - len(shown)} more"] if len(complaints) > len(shown) else []
        raise AssertionError("\n".join(["the record is not what happened:", *shown, *more]))


def demand_soon(complaints, limit_s=30):
    """Fails with the complaints if there are still some after so many looks."""
    for _ in range(int(limit_s / POLL_S)):
        if not (left := complaints()):
            return
        time.sleep(POLL_S)
    demand(left)


def tally(cases):
    """How many of which, for the report."""
    counts = collections.Counter()
    for case in cases:
        counts["performed"] += case.performed is not None
        counts["answered"] += case.is_answered
        counts["full"] += case.found.full > 0
        counts["recovered"] += case.found.recovered > 0
        counts["buffered lost"] += case.kind == "buffered" and case.performed is not None and case.found.full == 0
    return counts
