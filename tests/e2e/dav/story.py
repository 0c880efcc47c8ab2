"""One story of a CalDAV user, told with the `caldav` library: calendars, events, tasks and journals come, change and go.

After each step the query endpoint must return exactly the records that the step makes, with actor, target and the
values before and after. The server does not know of Earwitness. Where servers differ, the step says so.
"""

import pathlib
import tempfile

from objects import (
    ACCESS, ICALENDAR, XML, ZONE, event_text, free_busy_text, mkcalendar, mkcol, other_text, propertyupdate,
)
from servers import ADDRESS, PACK, USER, client

from expect import check, exactly, require, tell
from sidecar import Earwitness

import caldav
from caldav.elements import cdav, dav, ical

FIRST = dict(
    DTSTART="20260110T100000Z", DTEND="20260110T110000Z", SUMMARY="Planning", LOCATION="Room 1",
    DESCRIPTION="Bring figures", guests=[("bo@example.org", "NEEDS-ACTION")],
)
DAILY = "FREQ=DAILY;COUNT=3"
SECOND_DAY = {"RECURRENCE-ID": "20260116T140000Z", "DTSTART": "20260116T160000Z", "SUMMARY": "Budget, later"}


class Story:
    """The steps, in order: each does something as a client and says which records must follow."""

    def __init__(self, server, sidecar):
        self.server, self.sidecar = server, sidecar
        self.client = client(sidecar.port)
        self.work, self.home = f"{server.home}work/", f"{server.home}home/"
        self.calendar = self.event = None
        self.content = dict(FIRST)

    def records(self, *expected):
        """Exactly these new records; each is at least that, and Anna's."""
        found = exactly(self.sidecar.new_events(len(expected)), len(expected))
        for event, wanted in zip(found, expected):
            check(event, {"actor.id": USER, "source": "CALDAV", "apiKind": "caldav", "result": "success", **wanted})
        return found

    def send(self, method, path, body="", headers=None, status=None):
        """A request that the library has no call for."""
        url = f"http://127.0.0.1:{self.sidecar.port}{path}"
        answer = self.client.request(url, method, body, headers or {})
        require(status is None or answer.status == status, f"{method} is answered {status}", answer.status)
        return answer

    def put(self, exception=None, **changed):
        self.content.update(changed)
        self.event.data = event_text(exception=exception, **self.content)
        self.event.save()

    def a_calendar_is_created(self):
        self.calendar = self.client.principal().make_calendar(name="Work", cal_id="work")
        require(self.calendar.url.path == self.work, "the calendar is where we look for it", str(self.calendar.url))
        created = {
            "action": "create_calendar", "type": "calendar_change", "target.type": "calendar",
            "target.id": self.work.strip("/"), "target.name": "Work", "request.method": "MKCALENDAR",
            "response.status": 201, "client.ip": "127.0.0.1", "change displayname": (None, "Work"),
        }
        # The library sets the name once more; it is that already.
        again = {"action": "change_calendar", "request.method": "PROPPATCH", "before.state": "read", "changes": 0}
        self.records(created, again)

    def another_is_created_with_all_its_properties(self):
        properties = "<D:displayname>Home</D:displayname><C:calendar-description>Plans</C:calendar-description>"
        properties += "<A:calendar-color>#FF0000</A:calendar-color>"
        self.send("MKCALENDAR", self.home, mkcalendar(properties), XML, status=201)
        self.records({
            "action": "create_calendar", "target.id": self.home.strip("/"), "target.name": "Home",
            "change displayname": (None, "Home"), "change calendar-description": (None, "Plans"),
            "change calendar-color": (None, "#FF0000"), "changes": 3,
            "message.text": "anna created the calendar Home",
        })

    def its_properties_are_changed(self):
        self.calendar.set_properties([dav.DisplayName("Office"), cdav.CalendarDescription("Rooms and times")])
        title = {
            "action": "change_calendar_title", "response.status": 207, "before.state": "read",
            "target.name": "Office", "change displayname": ("Work", "Office"), "changes": 1, "notes": None,
            "message.text": "anna changed the title of the calendar Work to Office",
        }
        described = {
            "action": "change_calendar_description", "change calendar-description": (self.server.no_text, "Rooms and times"),
        }
        self.records(title, described)
        self.calendar.set_properties([cdav.CalendarDescription("Rooms"), ical.CalendarColor("#00FF00")])
        self.records(
            {
                "action": "change_calendar_description",
                "change calendar-description": ("Rooms and times", "Rooms"),
            },
            {"action": "change_calendar_color", "change calendar-color": (None, "#00FF00")},
        )
        self.calendar.set_properties([ical.CalendarColor("#0000FF"), cdav.CalendarTimeZone(ZONE)])
        self.records(
            {"action": "change_calendar_color", "change calendar-color": ("#00FF00", "#0000FF")},
            {"action": "change_calendar_timezone"},
        )
        for before, after in [(None, "3"), ("3", "4")]:
            order = f"<A:calendar-order>{after}</A:calendar-order>"
            self.send("PROPPATCH", self.work, propertyupdate(order), XML, status=207)
            self.records({"action": "change_calendar", "change calendar-order": (before, after)})

    def a_property_is_refused_and_another_is_not(self):
        """RFC 4918, section 9.2, wants all or none; Xandikos changes what it can, and Radicale refuses nothing."""
        if not self.server.guards_properties:
            return
        both = "<D:displayname>Desk</D:displayname><D:getetag>mine</D:getetag>"
        for title, back in [("Desk", both), ("Office", both.replace("Desk", "Office"))]:
            self.send("PROPPATCH", self.work, propertyupdate(back), XML, status=207)
            self.records({"action": "change_calendar_title", "before.state": "read", "target.name": title})
            now = self.calendar.get_property(dav.DisplayName(), use_cached=False)
            require(now == title, "the title was changed, as the record says", now)
        self.send("PROPPATCH", self.work, propertyupdate("<D:getetag>mine</D:getetag>"), XML, status=207)
        self.records({"action": "change_calendar", "result": "denied"})

    def an_access_list_is_an_attempt_where_the_server_has_none(self):
        """Neither server has access lists (RFC 3744): both refuse, and the attempt is kept."""
        self.send("ACL", self.work, ACCESS, XML)
        self.records({"action": "change_calendar_acls", "target.id": self.work.strip("/"), "result": "failure"})

    def an_event_is_created(self):
        self.event = self.calendar.save_event(event_text(**self.content))
        created = {
            "action": "create_event", "type": "event_change", "actor.assurance": "verified", "target.type": "event",
            "target.id": "planning", "target.name": "Planning", "before.state": "absent",
            "match.certainty": "certain", "notes": None,
            "change summary": (None, "Planning"), "change location": (None, "Room 1"),
            "change start": (None, {"dateTime": "2026-01-10T10:00:00Z"}),
        }
        self.records(created, {"action": "add_event_guest", "details.eventGuest": "bo@example.org"})

    def its_title_is_changed(self):
        self.put(SUMMARY="Budget")
        self.records({
            "action": "change_event_title", "before.state": "read", "change summary": ("Planning", "Budget"),
            "changes": 1, "target.name": "Budget",
            "message.text": "anna changed the title of Planning to Budget",
        })

    def its_start_is_changed(self):
        self.put(DTSTART="20260115T140000Z", DTEND="20260115T150000Z")
        self.records({
            "action": "change_event_start_time",
            "change start": ({"dateTime": "2026-01-10T10:00:00Z"}, {"dateTime": "2026-01-15T14:00:00Z"}),
            "change end": ({"dateTime": "2026-01-10T11:00:00Z"}, {"dateTime": "2026-01-15T15:00:00Z"}),
        })

    def its_location_and_description_are_changed(self):
        self.put(LOCATION="Room 2", DESCRIPTION="Bring coffee")
        place, text = self.records(
            {"action": "change_event", "change location": ("Room 1", "Room 2")},
            {"action": "change_event", "change description": ("Bring figures", "Bring coffee")},
        )
        check(text, {"exchangeId": place["exchangeId"]})

    def guests_come_go_and_answer(self):
        self.put(guests=[("bo@example.org", "ACCEPTED"), ("cy@example.org", "NEEDS-ACTION")])
        self.records(
            {"action": "add_event_guest", "details.eventGuest": "cy@example.org"},
            {
                "action": "change_event_guest_response", "details.eventGuest": "bo@example.org",
                "change attendees[bo@example.org].responseStatus": ("needsAction", "accepted"),
            },
        )
        self.put(guests=[("bo@example.org", "ACCEPTED")])
        self.records({"action": "remove_event_guest", "details.eventGuest": "cy@example.org"})

    def it_recurs_and_one_day_is_another(self):
        self.put(RRULE=DAILY)
        self.records({"action": "change_event", "change recurrence": (None, [f"RRULE:{DAILY}"])})
        self.put(exception=SECOND_DAY)
        first = {"recurrenceId": {"dateTime": "2026-01-16T14:00:00Z"}, "summary": "Budget, later"}
        (moved,) = self.records({"action": "change_event", "changes": 1, "target.name": "Budget"})
        require(self.override(moved, "after") | first == self.override(moved, "after"), "the exception", moved)
        self.put(exception={**SECOND_DAY, "SUMMARY": "Budget, last"})
        (renamed,) = self.records({"action": "change_event", "changes": 1})
        require(self.override(renamed, "before")["summary"] == "Budget, later", "its title before", renamed)
        require(self.override(renamed, "after")["summary"] == "Budget, last", "its title after", renamed)

    @staticmethod
    def override(event, side):
        """The one exception in a record's change of `overrides`."""
        (change,) = event["changes"]
        require(change["field"] == "overrides", "the exceptions are what changed", event)
        (only,) = exactly(change.get(side, []), 1)
        return only

    def it_is_moved_and_copied(self):
        here, there = f"{self.work}planning.ics", f"{self.home}planning.ics"
        where = f"http://127.0.0.1:{self.sidecar.port}"
        self.send("MOVE", here, headers={"Destination": where + there}, status=201)
        moved = {"target.type": "event", "target.id": "planning", "before.state": "read"}
        self.records({"action": "change_event", "change address": (here, where + there), **moved})
        self.send("COPY", there, headers={"Destination": where + here}, status=self.server.copies_with)
        result = "success" if self.server.copies_with == 201 else "failure"
        self.records({"action": "create_event", "result": result, "change address": (None, where + here), **moved})
        self.event.url = self.event.url.join(there)

    def tasks_and_journals_come_change_and_go(self):
        for component, kind in [("VTODO", "task"), ("VJOURNAL", "journal")]:
            path = f"{self.work}{kind}.ics"
            same = {"target.type": kind, "target.id": kind}
            self.send("PUT", path, other_text(component, kind, "Buy milk"), ICALENDAR, status=201)
            self.records({"action": f"create_{kind}", "change summary": (None, "Buy milk"), **same})
            self.send("PUT", path, other_text(component, kind, "Buy bread"), ICALENDAR)
            self.records({"action": f"change_{kind}", "change summary": ("Buy milk", "Buy bread"), **same})
            self.send("DELETE", path)
            self.records({"action": f"delete_{kind}", "change summary": ("Buy bread", None), **same})

    def somebody_asks_who_is_free(self):
        outbox = f"/{USER}/outbox/"
        if not self.server.has_outbox:
            self.send("POST", outbox, free_busy_text(ADDRESS, ADDRESS), ICALENDAR)
            (tried,) = exactly(self.sidecar.new_events(1), 1)
            require(tried["result"] != "success", "nobody was looked up", tried)
            check(tried, {"action": "availability_lookup", "type": "availability", "target.id": USER})
            return
        addresses = f"<C:calendar-user-address-set><D:href>{ADDRESS}</D:href></C:calendar-user-address-set>"
        self.send("PROPPATCH", f"/{USER}/", propertyupdate(addresses), XML, status=207)
        self.records({"action": "change_calendar", "target.id": USER})
        self.send("POST", outbox, free_busy_text(ADDRESS, ADDRESS, "mailto:di@example.org"), ICALENDAR, status=200)
        day = {"details.requestedFrom": "2026-01-10T00:00:00Z", "details.requestedTo": "2026-01-11T00:00:00Z"}
        self.records(
            {"action": "availability_lookup", "type": "availability", "target.id": "anna@example.org", **day},
            {"action": "availability_lookup", "target.id": "di@example.org", "result": "failure", **day},
        )

    def a_collection_is_created(self):
        # With a body (RFC 5689): Radicale forbids plain folders beside calendars.
        book = '<addressbook xmlns="urn:ietf:params:xml:ns:carddav"/>'
        kind = f"<D:resourcetype><D:collection/>{book}</D:resourcetype>"
        self.send("MKCOL", f"{self.server.home}papers/", mkcol(kind), XML, status=201)
        (created,) = self.records({"action": "create_collection", "target.type": "collection"})
        check(created, {"target.id": f"{self.server.home}papers".strip("/")})

    def a_wrong_password_is_a_denied_attempt(self):
        if not self.server.checks_passwords:
            return
        path = f"{self.home}planning.ics"
        with client(self.sidecar.port, password="guessed", path=path) as stranger:
            try:
                stranger.delete(str(stranger.url))
            except caldav.lib.error.AuthorizationError:
                pass
        denied, *again = self.sidecar.new_events(1)
        for event in [denied, *again]:
            check(event, {"action": "delete_event", "result": "denied", "response.status": 401})
            require(event["actor"]["assurance"] != "verified", "a refused credential verifies nobody", event)

    def the_event_is_deleted(self):
        self.event.delete()
        self.records({
            "action": "delete_event", "target.id": "planning", "target.name": "Budget", "before.state": "read",
            "change summary": ("Budget", None), "change location": ("Room 2", None),
            "change start": ({"dateTime": "2026-01-15T14:00:00Z"}, None),
        })

    def the_calendar_is_deleted(self):
        self.calendar.delete()
        self.records({
            "action": "delete_calendar", "target.id": self.work.strip("/"), "target.name": "Office",
            "before.state": "read", "change displayname": ("Office", None),
            "change calendar-description": ("Rooms", None), "change calendar-color": ("#0000FF", None),
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
        a_calendar_is_created, another_is_created_with_all_its_properties, its_properties_are_changed,
        a_property_is_refused_and_another_is_not, an_access_list_is_an_attempt_where_the_server_has_none,
        an_event_is_created, its_title_is_changed, its_start_is_changed, its_location_and_description_are_changed,
        guests_come_go_and_answer, it_recurs_and_one_day_is_another, it_is_moved_and_copied,
        tasks_and_journals_come_change_and_go, somebody_asks_who_is_free, a_collection_is_created,
        a_wrong_password_is_a_denied_attempt, the_event_is_deleted, the_calendar_is_deleted, filters_find_them_again,
    ]


def tell_with(start):
    """Tells the story with a server of that kind; the answer is the exit code."""
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        server = start(folder)
        try:
            sidecar = Earwitness(folder, server.port, PACK)
            story = Story(server, sidecar)
            steps = [(step.__name__, lambda step=step: step(story)) for step in Story.STEPS]
            return tell(steps, sidecar, server.process)
        finally:
            server.process.stop()
