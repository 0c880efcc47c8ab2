"""Earwitness in front of Prism, which serves an excerpt of the description of Cal.com's API v2 (`cal/excerpt.yaml`).

The stand-in of `calcom.py` is ours, and could err as our rules do; here a program of others checks each request
against the description, ours and the questions that Earwitness asks of itself, and makes the answers.

    npm install --prefix tests/e2e && cargo build
    E2E_NODE_PACKAGES=tests/e2e python3 tests/e2e/calcom_prism.py
"""

import os
import pathlib
import sys
import tempfile

from cal.client import VERSION, Caller
from cal.office import KEY
from expect import check, exactly, require, tell
from sidecar import ROOT, Earwitness, Process, free_port, listens

ATTENDEE = {"name": "Bo", "email": "bo@x.example", "timeZone": "UTC"}
BOOKING = {"start": "2026-01-10T10:00:00Z", "eventTypeId": 51, "attendee": ATTENDEE}


class Story:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        self.program = self.caller()

    def caller(self, **headers):
        return Caller(self.sidecar.port, authorization=f"Bearer {KEY}", **VERSION, **headers)

    def one(self):
        return exactly(self.sidecar.new_events(1), 1)[0]

    def a_booking_is_made(self):
        self.program.ok("POST", "/v2/bookings", BOOKING)
        check(self.one(), {
            "action": "CREATED", "actor.name": "Ada", "scope.organization": "3", "target.id": "booking-1",
            "details.hosts": ["ada@example.org"], "change status": (None, "accepted"), "notes": None,
        })

    def what_the_description_does_not_allow_is_a_failed_attempt(self):
        status, _ = self.program("POST", "/v2/bookings", {"attendee": ATTENDEE})
        require(status == 422, "Prism refuses a booking without a start", status)
        check(self.one(), {"action": "CREATED", "result": "failure", "response.status": 422})

    def a_booking_is_cancelled(self):
        self.program.ok("POST", "/v2/bookings/booking-1/cancel", {"cancellationReason": "Ill"})
        check(self.one(), {
            "action": "CANCELLED", "reason": "Ill", "before.state": "read", "change status": ("accepted", "cancelled"),
            "notes": None,
        })

    def who_may_not_cancel_is_denied(self):
        self.caller(prefer="code=403")("POST", "/v2/bookings/booking-1/cancel", {})
        check(self.one(), {"action": "CANCELLED", "result": "denied", "error": "ForbiddenException", "changes": 0})

    def an_event_type_changes(self):
        self.program.ok("PATCH", "/v2/event-types/51", {"lengthInMinutes": 45})
        check(self.one(), {
            "action": "EVENT_TYPE_MODIFIED", "change lengthInMinutes": (30, 45), "changes": 1, "notes": None,
        })

    def a_role_changes_and_a_member_goes(self):
        address = "/v2/teams/5/memberships/40"
        self.program.ok("PATCH", address, {"role": "ADMIN"})
        check(self.one(), {
            "action": "ROLE_CHANGED", "change role": ("MEMBER", "ADMIN"), "scope.team": "5", "target.name": "Bo",
            "changes": 1, "notes": None,
        })
        self.program("PATCH", address, {"role": "EMPEROR"})
        check(self.one(), {"action": "ROLE_CHANGED", "result": "failure", "details.wanted": "EMPEROR"})
        self.program.ok("DELETE", address)
        check(self.one(), {"action": "MEMBER_REMOVED", "change role": ("MEMBER", None), "details.user": 9})

    def an_address_changes(self):
        self.program.ok("PATCH", "/v2/me", {"email": "ada@new.example"})
        check(self.one(), {
            "action": "EMAIL_CHANGED", "change email": ("ada@example.org", "ada@new.example"), "notes": None,
        })

    STEPS = [
        a_booking_is_made, what_the_description_does_not_allow_is_a_failed_attempt, a_booking_is_cancelled,
        who_may_not_cancel_is_denied, an_event_type_changes, a_role_changes_and_a_member_goes, an_address_changes,
    ]


def program():
    if "E2E_NODE_PACKAGES" not in os.environ:
        sys.exit("set E2E_NODE_PACKAGES to the folder where npm installed what package.json names")
    return pathlib.Path(os.environ["E2E_NODE_PACKAGES"]).resolve() / "node_modules" / ".bin" / "prism"


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder, port = pathlib.Path(name), free_port()
        description = pathlib.Path(__file__).parent / "cal" / "excerpt.yaml"
        command = [program(), "mock", "--host", "127.0.0.1", "--port", port, description]
        prism = Process("prism", command, folder)
        try:
            prism.wait_until("it listens", lambda: listens(port), limit_s=60)
            story = Story(Earwitness(folder, port, ROOT / "rules" / "calcom"))
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], story.sidecar, prism)
        finally:
            prism.stop()


if __name__ == "__main__":
    sys.exit(main())
