"""Earwitness in front of the booking office of examples/legacy, for the day that its script plays; then a crash.

    cargo build --bins --examples && python3 tests/e2e/legacy.py
"""

import pathlib
import subprocess
import sys
import tempfile

from expect import check, exactly, require, tell
from sidecar import ROOT, Earwitness, Process, free_port, listens, newest

# Action, result, actor, on whose behalf: one line for each record of the day, in order.
DAY = [
    ("LOGIN", "success", "ben", None),
    ("BOOKING_MADE", "success", "ben", None),
    ("BOOKING_MOVED", "success", "ben", None),
    ("BOOKING_CANCELLED", "success", "ben", None),
    ("BOOKING_CANCELLED", "denied", "ben", None),
    ("LOGIN", "failure", None, None),
    ("LOGIN", "success", "alma", None),
    ("ACT_AS_STARTED", "success", "alma", None),
    ("BOOKING_CHANGED", "success", "alma", "chloe"),
    ("ACT_AS_STOPPED", "success", "alma", "chloe"),
    ("BOOKING_MADE", "success", "ben", None),
    ("LOGOUT", "success", "ben", None),
]


class Story:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        self.events = []

    def a_day_is_recorded_line_by_line(self):
        play = [newest("examples/legacy"), "play", f"127.0.0.1:{self.sidecar.port}"]
        subprocess.run(play, check=True, stdin=subprocess.DEVNULL, timeout=60)
        self.events = self.sidecar.new_events(len(DAY))
        lines = [
            (event["action"], event["result"], event["actor"].get("id"), event.get("onBehalfOf", {}).get("id"))
            for event in self.events
        ]
        require(lines == DAY, "the day as the script plays it", lines)

    def a_move_keeps_both_times(self):
        check(self.events[2], {
            "target.type": "booking", "target.id": "103", "target.name": "Glasses fitting", "before.state": "read",
            "actor.name": "Ben Becker", "actor.assurance": "lookedUp", "source": "API",
            "change start": ("2026-02-03T09:00:00Z", "2026-02-10T11:00:00Z"),
            "change end": ("2026-02-03T09:30:00Z", "2026-02-10T11:30:00Z"),
        })

    def a_cancellation_keeps_its_reason(self):
        check(self.events[3], {"reason": "Found my old glasses again", "change status": ("confirmed", "cancelled")})

    def a_denied_attempt_shows_nothing_of_the_other_s_booking(self):
        check(self.events[4], {"target.id": "102", "target.name": None, "response.status": 403, "changes": 0})

    def a_wrong_password_is_told_by_the_page_and_never_kept(self):
        check(self.events[5], {"target.id": "chloe", "response.status": 200, "error": "User name or password is wrong."})
        require("chole-knows" not in str(self.events), "no password in any record", self.events[5])

    def an_administrator_and_whom_he_acts_for_are_both_kept(self):
        check(self.events[8], {
            "actor.role": "admin", "onBehalfOf.name": "Chloe Conti", "change location": ("Room 2", "Room 3"),
        })

    def a_crash_loses_nothing(self):
        before = self.sidecar.all_events()
        self.sidecar.process.kill()
        self.sidecar.start()
        after = self.sidecar.all_events()
        exactly(after, len(DAY))
        require(after == before, "the same records after the restart", after)

    STEPS = [
        a_day_is_recorded_line_by_line, a_move_keeps_both_times, a_cancellation_keeps_its_reason,
        a_denied_attempt_shows_nothing_of_the_other_s_booking, a_wrong_password_is_told_by_the_page_and_never_kept,
        an_administrator_and_whom_he_acts_for_are_both_kept, a_crash_loses_nothing,
    ]


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        port = free_port()
        office = Process("legacy", [newest("examples/legacy"), f"127.0.0.1:{port}"], folder)
        try:
            office.wait_until("it listens", lambda: listens(port))
            story = Story(Earwitness(folder, port, ROOT / "examples" / "legacy" / "rules" / "legacy"))
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], story.sidecar, office)
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
