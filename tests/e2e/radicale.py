"""Earwitness between Radicale (a CalDAV server) and the `caldav` client: neither knows of it.

A calendar and events are created, changed and deleted through the proxy. After each step the query endpoint
must return exactly the records that the step makes, with actor, target and the values before and after.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/radicale.py
"""

import pathlib
import sys
import tempfile

from expect import check, exactly, require, tell
from sidecar import ROOT, Earwitness, Process, free_port, listens

import caldav
from caldav.elements import cdav, dav

USER, PASSWORD = "anna", "anna-knows"


def event_text(**properties):
    """An iCalendar object with one event; values are put in as they are."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Earwitness//e2e//EN", "BEGIN:VEVENT"]
    lines += ["UID:planning", "DTSTAMP:20260101T000000Z"]
    guests = properties.pop("guests", [])
    lines += [f"{name}:{value}" for name, value in properties.items()]
    lines += [f"ATTENDEE;PARTSTAT={answer}:mailto:{email}" for email, answer in guests]
    return "\r\n".join([*lines, "END:VEVENT", "END:VCALENDAR", ""])


FIRST = dict(
    DTSTART="20260110T100000Z", DTEND="20260110T110000Z", SUMMARY="Planning", LOCATION="Room 1",
    DESCRIPTION="Bring figures", guests=[("bo@example.org", "NEEDS-ACTION")],
)


class Story:
    """The steps, in order: each does something as a client and says which records must follow."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        url = f"http://127.0.0.1:{sidecar.port}/"
        self.client = caldav.DAVClient(url=url, username=USER, password=PASSWORD)
        self.calendar = None
        self.event = None

    def put(self, **changed):
        self.event.data = event_text(**{**FIRST, **changed})
        self.event.save()

    def a_calendar_is_created(self):
        self.calendar = self.client.principal().make_calendar(name="Work", cal_id="work")
        created, *rest = self.sidecar.new_events(1)
        check(created, {
            "action": "create_calendar", "type": "calendar_change", "source": "CALDAV", "apiKind": "caldav",
            "result": "success", "actor.id": USER, "target.type": "calendar", "target.id": f"{USER}/work",
            "request.method": "MKCALENDAR", "response.status": 201, "client.ip": "127.0.0.1",
            "target.name": "Work", "change displayname": (None, "Work"),
        })
        for event in rest:
            check(event, {"action": "change_calendar", "target.id": f"{USER}/work"})

    def its_properties_are_changed(self):
        self.calendar.set_properties([dav.DisplayName("Office"), cdav.CalendarDescription("Rooms and times")])
        title, text = exactly(self.sidecar.new_events(2), 2)
        check(title, {
            "action": "change_calendar_title", "result": "success", "response.status": 207, "before.state": "read",
            "target.name": "Office", "change displayname": ("Work", "Office"), "changes": 1, "notes": None,
            "message.text": "anna changed the title of the calendar Work to Office",
        })
        check(text, {
            "action": "change_calendar_description", "change calendar-description": (None, "Rooms and times"),
        })
        self.calendar.set_properties([cdav.CalendarDescription("Rooms")])
        (again,) = exactly(self.sidecar.new_events(1), 1)
        check(again, {
            "action": "change_calendar_description", "change calendar-description": ("Rooms and times", "Rooms"),
        })

    def an_event_is_created(self):
        self.event = self.calendar.save_event(event_text(**FIRST))
        created, invited = exactly(self.sidecar.new_events(2), 2)
        check(created, {
            "action": "create_event", "type": "event_change", "result": "success", "actor.id": USER,
            "actor.assurance": "verified", "target.type": "event", "target.id": "planning",
            "target.name": "Planning", "before.state": "absent", "match.certainty": "certain", "notes": None,
            "change summary": (None, "Planning"), "change location": (None, "Room 1"),
            "change start": (None, {"dateTime": "2026-01-10T10:00:00Z"}),
        })
        check(invited, {"action": "add_event_guest", "details.eventGuest": "bo@example.org"})

    def its_title_is_changed(self):
        self.put(SUMMARY="Budget")
        (changed,) = exactly(self.sidecar.new_events(1), 1)
        check(changed, {
            "action": "change_event_title", "before.state": "read", "result": "success",
            "change summary": ("Planning", "Budget"), "changes": 1, "target.name": "Budget",
            "message.text": "anna changed the title of Planning to Budget",
        })
        FIRST["SUMMARY"] = "Budget"

    def its_start_is_changed(self):
        self.put(DTSTART="20260115T140000Z", DTEND="20260115T150000Z")
        (changed,) = exactly(self.sidecar.new_events(1), 1)
        check(changed, {
            "action": "change_event_start_time",
            "change start": ({"dateTime": "2026-01-10T10:00:00Z"}, {"dateTime": "2026-01-15T14:00:00Z"}),
            "change end": ({"dateTime": "2026-01-10T11:00:00Z"}, {"dateTime": "2026-01-15T15:00:00Z"}),
        })
        FIRST.update(DTSTART="20260115T140000Z", DTEND="20260115T150000Z")

    def its_location_and_description_are_changed(self):
        self.put(LOCATION="Room 2", DESCRIPTION="Bring coffee")
        place, text = exactly(self.sidecar.new_events(2), 2)
        check(place, {"action": "change_event", "change location": ("Room 1", "Room 2")})
        check(text, {"action": "change_event", "change description": ("Bring figures", "Bring coffee")})
        check(text, {"exchangeId": place["exchangeId"]})
        FIRST.update(LOCATION="Room 2", DESCRIPTION="Bring coffee")

    def guests_come_go_and_answer(self):
        self.put(guests=[("bo@example.org", "ACCEPTED"), ("cy@example.org", "NEEDS-ACTION")])
        added, answered = exactly(self.sidecar.new_events(2), 2)
        check(added, {"action": "add_event_guest", "details.eventGuest": "cy@example.org"})
        check(answered, {
            "action": "change_event_guest_response", "details.eventGuest": "bo@example.org",
            "change attendees[bo@example.org].responseStatus": ("needsAction", "accepted"),
        })
        self.put(guests=[("bo@example.org", "ACCEPTED")])
        (removed,) = exactly(self.sidecar.new_events(1), 1)
        check(removed, {"action": "remove_event_guest", "details.eventGuest": "cy@example.org"})

    def a_wrong_password_is_a_denied_attempt(self):
        url = f"http://127.0.0.1:{self.sidecar.port}/{USER}/work/planning.ics"
        with caldav.DAVClient(url=url, username=USER, password="guessed") as stranger:
            try:
                stranger.delete(url)
            except caldav.lib.error.AuthorizationError:
                pass
        denied, *again = self.sidecar.new_events(1)
        for event in [denied, *again]:
            check(event, {"action": "delete_event", "result": "denied", "response.status": 401})
            require(event["actor"]["assurance"] != "verified", "a refused credential verifies nobody", event)

    def the_event_is_deleted(self):
        self.event.delete()
        (deleted,) = exactly(self.sidecar.new_events(1), 1)
        check(deleted, {
            "action": "delete_event", "result": "success", "actor.id": USER, "target.id": "planning",
            "target.name": "Budget", "before.state": "read", "change summary": ("Budget", None),
            "change location": ("Room 2", None), "change start": ({"dateTime": "2026-01-15T14:00:00Z"}, None),
        })

    def the_calendar_is_deleted(self):
        self.calendar.delete()
        (deleted,) = exactly(self.sidecar.new_events(1), 1)
        check(deleted, {
            "action": "delete_calendar", "result": "success", "target.id": f"{USER}/work", "target.name": "Office",
            "change displayname": ("Office", None),
        })

    def filters_find_them_again(self):
        found = self.sidecar.get("/audit/v1/events", targetId="planning", action="change_event_title")["data"]
        check(exactly(found, 1)[0], {"change summary": ("Planning", "Budget")})
        found = self.sidecar.get("/audit/v1/events", actor=USER, result="denied")["data"]
        require(all(event["result"] == "denied" for event in found), "only denied ones", found)
        nobody = self.sidecar.get("/audit/v1/events", actor="nobody")
        exactly(nobody["data"], 0)
        one = self.sidecar.get("/audit/v1/events/" + self.sidecar.get("/audit/v1/events?limit=1")["data"][0]["id"])
        check(one, {"action": "delete_calendar"})

    STEPS = [
        a_calendar_is_created, its_properties_are_changed, an_event_is_created, its_title_is_changed,
        its_start_is_changed, its_location_and_description_are_changed, guests_come_go_and_answer,
        a_wrong_password_is_a_denied_attempt, the_event_is_deleted, the_calendar_is_deleted,
        filters_find_them_again,
    ]


def start_radicale(folder):
    """A Radicale of our own: one user, its storage in the folder."""
    port = free_port()
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    (folder / "radicale.conf").write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {folder / 'users'}\nhtpasswd_encryption = plain\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {folder / 'collections'}\n"
        "[logging]\nlevel = info\n"
    )
    # By its program, not by `-m radicale`, which could mean this very file.
    command = [pathlib.Path(sys.executable).with_name("radicale"), "--config", folder / "radicale.conf"]
    process = Process("radicale", command, folder)
    process.wait_until("it listens", lambda: listens(port))
    return process, port


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        radicale, port = start_radicale(folder)
        try:
            sidecar = Earwitness(folder, port, ROOT / "rules" / "caldav")
            story = Story(sidecar)
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], sidecar, radicale)
        finally:
            radicale.stop()


if __name__ == "__main__":
    sys.exit(main())
