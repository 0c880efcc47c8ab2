"""Earwitness between Google's own Python client and a stand-in for Google Calendar: the client does not know of it.

Every activity of Google's audit log that its API carries is done through the proxy. After each step the query endpoint
must return exactly the records that the step makes, with actor, target and the values before and after.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/google_calendar.py
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import google_auth_httplib2
import httplib2
from google.oauth2.credentials import Credentials
from googleapiclient import discovery, discovery_cache
from googleapiclient.errors import HttpError
from googleapiclient.http import tunnel_patch

from expect import check, exactly, require, tell
from google_stand_in import Calendars, StandIn
from sidecar import ROOT, Earwitness, binary

PACK = ROOT / "rules" / "google-calendar"
ADA, BO, CY = "ada@example.org", "bo@example.org", "cy@example.org"
TOKENS = {"ya29.ada": ADA, "ya29.bo": BO, "ya29.narrow": ADA}
TEN, TWO = {"dateTime": "2026-01-10T10:00:00Z"}, {"dateTime": "2026-01-10T14:00:00Z"}
ELEVEN, THREE = {"dateTime": "2026-01-10T11:00:00Z"}, {"dateTime": "2026-01-10T15:00:00Z"}


def client(port, token, prepare=lambda http: http):
    """Google's client as a program has it, but for the address of the service."""
    description = json.loads(discovery_cache.get_static_doc("calendar", "v3"))
    description["rootUrl"] = f"http://127.0.0.1:{port}/"
    http = google_auth_httplib2.AuthorizedHttp(Credentials(token=token), http=httplib2.Http(timeout=10))
    return discovery.build_from_document(description, http=prepare(http))


def refused(request, status):
    """Does what must be refused."""
    try:
        request.execute()
    except HttpError as error:
        require(error.resp.status == status, f"status {status}", str(error))
        return
    raise AssertionError(f"a refusal with {status} was expected")


class Story:
    """The steps, in order: each does something as a client and says which records must follow."""

    def __init__(self, sidecar, folder):
        self.sidecar, self.folder = sidecar, folder
        self.ada, self.bo = client(sidecar.port, "ya29.ada"), client(sidecar.port, "ya29.bo")
        self.calendar = None
        self.event = None

    def records(self, *expected):
        """Exactly these new records; each is at least that."""
        found = exactly(self.sidecar.new_events(len(expected)), len(expected))
        for event, wanted in zip(found, expected):
            check(event, {"actor.id": ADA, "apiKind": "api_v3", "source": "API_V3", "result": "success", **wanted})
        return found

    def patch(self, body, **query):
        return self.ada.events().patch(calendarId=self.calendar, eventId=self.event, body=body, **query).execute()

    def the_rules_cover_all_that_the_client_can_change(self):
        description = self.folder / "calendar.v3.json"
        description.write_text(discovery_cache.get_static_doc("calendar", "v3"))
        command = [binary(), "coverage", "--openapi", description, "--rules", PACK]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60)
        require(told.returncode == 0, "no operation without a rule", told.stdout + told.stderr)

    def a_calendar_is_created(self):
        body = {"summary": "Team", "location": "Bern"}
        self.calendar = self.ada.calendars().insert(body=body).execute()["id"]
        self.records({
            "action": "create_calendar", "type": "calendar_change", "actor.type": "user", "actor.email": ADA,
            "actor.assurance": "lookedUp", "target.type": "calendar", "target.id": self.calendar, "target.name": "Team",
            "change summary": (None, "Team"), "change timeZone": (None, "UTC"), "client.ip": "127.0.0.1",
            "message.text": f"{ADA} created the calendar Team",
        })

    def its_four_properties_are_changed(self):
        body = {"summary": "Crew", "description": "Who is where", "location": "Basel", "timeZone": "Europe/Zurich"}
        self.ada.calendars().patch(calendarId=self.calendar, body=body).execute()
        self.records(
            {"action": "change_calendar_title", "change summary": ("Team", "Crew"), "before.state": "read"},
            {"action": "change_calendar_description", "change description": (None, "Who is where")},
            {"action": "change_calendar_location", "change location": ("Bern", "Basel")},
            {"action": "change_calendar_timezone", "change timeZone": ("UTC", "Europe/Zurich")},
        )
        body = {"summary": "Crew", "timeZone": "Europe/Zurich", "location": "Basel"}
        self.ada.calendars().update(calendarId=self.calendar, body=body, fields="kind").execute()
        gone = ("Who is where", None)
        self.records({"action": "change_calendar_description", "change description": gone, "changes": 1})

    def access_is_given_changed_and_taken_away(self):
        acl = self.ada.acl()
        scope = {"type": "user", "value": BO}
        acl.insert(calendarId=self.calendar, body={"role": "reader", "scope": scope}).execute()
        grant = {"action": "change_calendar_acls", "target.id": self.calendar, "details.granteeEmail": BO}
        told = {
            "action": "notification_triggered", "type": "notification", "details.recipientEmail": BO,
            "details.notificationType": "Calendar access granted",
        }
        level = {"details.accessLevel": "read", "change role": (None, "read"), "before.state": "absent"}
        self.records({**grant, **level}, told)
        of_bo = {"calendarId": self.calendar, "ruleId": f"user:{BO}"}
        acl.patch(**of_bo, body={"role": "writer"}, sendNotifications=False).execute()
        self.records({**grant, "change role": ("read", "editor")})
        acl.insert(calendarId=self.calendar, body={"role": "owner", "scope": scope}).execute()
        self.records({**grant, "change role": ("editor", "owner")}, told)
        acl.delete(**of_bo).execute()
        self.records({**grant, "change role": ("owner", "none"), "details.accessLevel": "none"})

    def an_event_is_created(self):
        body = {"summary": "Planning", "start": TEN, "end": ELEVEN, "attendees": [{"email": BO}]}
        made = self.ada.events().insert(calendarId=self.calendar, body=body, sendUpdates="all").execute()
        self.event = made["id"]
        self.records(
            {
                "action": "create_event", "type": "event_change", "target.type": "event", "target.id": self.event,
                "target.name": "Planning", "details.calendarId": self.calendar, "details.iCalUID": made["iCalUID"],
                "details.startTime": TEN["dateTime"], "details.endTime": ELEVEN["dateTime"],
                "change summary": (None, "Planning"), "change start": (None, TEN), "notes": None,
            },
            {"action": "add_event_guest", "details.eventGuest": BO},
            {
                "action": "notification_triggered", "details.notificationType": "New event",
                "details.recipientEmail": BO, "details.sendUpdates": "all",
            },
        )

    def events_are_imported_and_added_by_a_sentence(self):
        day = {"start": {"date": "2026-01-12"}, "end": {"date": "2026-01-13"}}
        body = {"iCalUID": "x@outlook.com", "summary": "Dentist", **day}
        self.ada.events().import_(calendarId="primary", body=body).execute()
        self.records({"action": "create_event", "details.calendarId": ADA, "details.iCalUID": "x@outlook.com"})
        made = self.ada.events().quickAdd(calendarId="primary", text="Lunch with Bo").execute()
        self.records({"action": "create_event", "target.id": made["id"], "target.name": "Lunch with Bo"})

    def one_request_changes_many_things(self):
        body = {"summary": "Budget", "start": TWO, "end": THREE, "location": "Room 2", "attendees": [{"email": CY}]}
        self.patch(body)
        self.records(
            {
                "action": "change_event_title", "change summary": ("Planning", "Budget"), "before.state": "read",
                "change location": (None, "Room 2"), "details.oldEventTitle": "Planning", "notes": None,
            },
            {"action": "change_event_start_time", "change start": (TEN, TWO), "change end": (ELEVEN, THREE)},
            {"action": "add_event_guest", "details.eventGuest": CY},
            {"action": "remove_event_guest", "details.eventGuest": BO},
        )
        self.patch({"location": None}, sendUpdates="all")
        self.records(
            {"action": "change_event", "change location": ("Room 2", None), "changes": 1},
            {
                "action": "notification_triggered", "details.notificationType": "Changed event",
                "details.recipientEmail": CY,
            },
        )

    def guests_come_answer_and_go(self):
        self.patch({"attendees": [{"email": BO}]}, sendUpdates="externalOnly")
        told = {"action": "notification_triggered", "details.sendUpdates": "externalOnly"}
        self.records(
            {"action": "add_event_guest", "details.eventGuest": BO},
            {"action": "remove_event_guest", "details.eventGuest": CY},
            {**told, "details.notificationType": "New event", "details.recipientEmail": BO},
            {**told, "details.notificationType": "Cancelled event", "details.recipientEmail": CY},
        )
        answer = {"attendees": [{"email": BO, "responseStatus": "accepted"}]}
        self.bo.events().patch(calendarId="primary", eventId=self.event, body=answer, sendUpdates="all").execute()
        self.records(
            {
                "action": "change_event_guest_response", "actor.id": BO, "details.calendarId": BO,
                "details.eventGuest": BO, "details.eventResponseStatus": "accepted",
                f"change attendees[{BO}].responseStatus": ("needsAction", "accepted"),
            },
            {
                "action": "notification_triggered", "actor.id": BO, "details.notificationType": "Event response",
                "details.recipientEmail": self.calendar,
            },
        )

    def a_client_that_hides_the_answer_hides_no_change(self):
        body = {"summary": "Budget", "start": TWO, "end": THREE, "attendees": []}
        request = self.ada.events().update(calendarId=self.calendar, eventId=self.event, body=body, fields="kind")
        require(request.execute() == {"kind": "calendar#event"}, "an answer that shows nothing", None)
        self.records({"action": "remove_event_guest", "details.eventGuest": BO, "target.name": "Budget"})
        self.patch({"attendees": [{"email": BO}, {"email": CY}]})
        self.records({"action": "add_event_guest"}, {"action": "add_event_guest"})
        shown = self.patch({"colorId": "5"}, maxAttendees=1)
        require(len(shown["attendees"]) == 1, "an answer without one guest", shown)
        self.records({"action": "change_event", "change colorId": (None, "5"), "changes": 1})
        body = {"id": "own7", "summary": "Quiet"}
        self.ada.events().insert(calendarId=self.calendar, body=body, fields="kind").execute()
        self.records({"action": "create_event", "target.id": "own7", "target.name": "Quiet"})

    def several_calls_come_in_one_request(self):
        quiet = {"calendarId": self.calendar, "eventId": "own7"}
        batch = self.ada.new_batch_http_request()
        batch.add(self.ada.events().insert(calendarId="primary", body={"summary": "Alone?"}))
        batch.add(self.ada.events().patch(**quiet, body={"summary": "Loud"}))
        batch.add(self.bo.events().insert(calendarId="primary", body={"summary": "Mine"}))
        batch.add(self.ada.events().get(**quiet))
        batch.add(self.ada.events().delete(calendarId=self.calendar, eventId="none"))
        batch.execute()
        first, *rest = self.records(
            {"action": "create_event", "request.part": 0, "target.name": "Alone?", "details.calendarId": ADA},
            {
                "action": "change_event_title", "request.part": 1, "before.state": "read",
                "change summary": ("Quiet", "Loud"),
            },
            {"action": "create_event", "request.part": 2, "actor.id": BO, "details.calendarId": BO},
            {
                "action": "delete_event", "request.part": 4, "result": "failure", "error": "notFound",
                "target.id": "none",
            },
        )
        for event in rest:
            check(event, {"exchangeId": first["exchangeId"]})

    def a_patch_may_come_as_a_post(self):
        tunnel = client(self.sidecar.port, "ya29.ada", tunnel_patch)
        tunnel.events().patch(calendarId=self.calendar, eventId="own7", body={"summary": "Low"}).execute()
        self.records({
            "action": "change_event_title", "change summary": ("Loud", "Low"), "changes": 1, "request.method": "POST",
        })
        tunnel.calendars().patch(calendarId=self.calendar, body={"description": "By tunnel"}).execute()
        self.records({"action": "change_calendar_description", "change description": (None, "By tunnel"), "changes": 1})

    def what_is_refused_is_an_attempt(self):
        stale = self.ada.events().patch(calendarId=self.calendar, eventId=self.event, body={"summary": "Lost"})
        stale.headers["If-Match"] = '"old"'
        refused(stale, 412)
        self.records({
            "action": "change_event_title", "result": "failure", "attempted": True, "error": "conditionNotMet",
            "target.name": "Budget",
            "change summary": ("Budget", "Lost"), "message.text": f"{ADA} tried to change the title of Budget to Lost",
        })
        refused(self.bo.calendars().patch(calendarId=ADA, body={"summary": "Mine"}), 404)
        self.records({
            "action": "change_calendar", "actor.id": BO, "result": "failure", "error": "notFound",
            "target.id": ADA, "target.name": None, "attempted": True,
        })
        share = {"role": "reader", "scope": {"type": "user", "value": BO}}
        self.ada.acl().insert(calendarId=self.calendar, body=share, sendNotifications=False).execute()
        self.records({"action": "change_calendar_acls"})
        refused(self.bo.events().delete(calendarId=self.calendar, eventId=self.event), 403)
        self.records({
            "action": "delete_event", "actor.id": BO, "result": "denied", "error": "requiredAccessLevel",
            "target.id": self.event, "target.name": None, "changes": 0,
        })

    def the_event_is_deleted_restored_and_moved(self):
        self.ada.events().delete(calendarId=self.calendar, eventId=self.event, sendUpdates="all").execute()
        told = {"action": "notification_triggered", "details.notificationType": "Cancelled event"}
        self.records(
            {"action": "delete_event", "target.name": "Budget", "change summary": ("Budget", None)},
            {**told, "details.recipientEmail": BO}, {**told, "details.recipientEmail": CY},
        )
        refused(self.ada.events().delete(calendarId=self.calendar, eventId=self.event), 410)
        self.records({"action": "delete_event", "result": "failure", "error": "deleted"})
        self.patch({"status": "confirmed"})
        self.records({"action": "restore_event", "change status": ("cancelled", "confirmed")})
        move = self.ada.events().move(calendarId=self.calendar, eventId=self.event, destination=ADA, sendUpdates="all")
        move.execute()
        told = {"action": "notification_triggered", "details.notificationType": "Event ownership change"}
        self.records(
            {"action": "change_event", "change organizerCalendarId": (self.calendar, ADA), "target.name": "Budget"},
            {**told, "details.recipientEmail": BO}, {**told, "details.recipientEmail": CY},
        )

    def subscriptions_come_change_and_go(self):
        entries = self.bo.calendarList()
        entries.insert(body={"id": self.calendar}).execute()
        mine = {"actor.id": BO, "target.id": self.calendar, "target.name": "Crew", "details.subscriberCalendarId": BO}
        self.records({**mine, "action": "add_subscription", "type": "subscription_change"})
        wanted = {"notificationSettings": {"notifications": [{"type": "agenda", "method": "email"}]}}
        entries.patch(calendarId=self.calendar, body=wanted).execute()
        mail = {"details.notificationType": "agenda", "details.notificationMethod": "email"}
        self.records({**mine, **mail, "action": "add_subscription"})
        entries.delete(calendarId=self.calendar).execute()
        self.records({**mine, "action": "delete_subscription"})

    def availability_is_looked_up(self):
        begin, end, nobody = TEN["dateTime"], THREE["dateTime"], "no@example.org"
        body = {"timeMin": begin, "timeMax": end, "items": [{"id": BO}, {"id": nobody}]}
        window = {"details.requestedPeriodStart": begin, "details.requestedPeriodEnd": end}
        self.ada.freebusy().query(body=body).execute()
        self.records(
            {**window, "action": "interop_freebusy_lookup_inbound_successful", "type": "interop", "target.id": BO},
            {
                **window, "action": "interop_freebusy_lookup_inbound_unsuccessful", "target.id": nobody,
                "result": "failure", "error": "notFound", "details.interopErrorCode": "notFound",
            },
        )
        self.ada.freebusy().query(body=body, fields="kind").execute()
        self.records({**window, "result": "unknown", "target.id": BO}, {"result": "unknown", "target.id": nobody})

    def programs_listen_and_stop(self):
        channel = {"id": "ch-1", "type": "web_hook", "address": "https://example.org/hook"}
        self.ada.events().watch(calendarId=self.calendar, body=channel).execute()
        self.records({"action": "add_notification_channel", "target.id": "ch-1", "details.address": channel["address"]})
        self.ada.channels().stop(body={"id": "ch-1", "resourceId": "r1"}).execute()
        self.records({"action": "delete_notification_channel", "target.id": "ch-1"})

    def a_token_that_tells_no_name_stays_unknown(self):
        narrow = client(self.sidecar.port, "ya29.narrow")
        narrow.events().insert(calendarId="primary", body={"summary": "Whose?"}).execute()
        unknown = {"actor.type": "unknown", "actor.id": None, "details.calendarId": "primary"}
        (event,) = self.records({"action": "create_event", **unknown})
        require(event["actor"].get("credential"), "a hash of the token", event)

    def reading_leaves_no_trace(self):
        self.ada.events().get(calendarId="primary", eventId=self.event).execute()
        # An address of more than 2,048 characters: the client sends a POST that stands for a GET.
        self.ada.events().list(calendarId="primary", q="planning " * 300).execute()
        self.ada.events().instances(calendarId="primary", eventId=self.event).execute()
        self.ada.calendarList().get(calendarId="primary").execute()
        transfer = self.ada.calendars().transferOwnership
        transfer(calendarId=self.calendar, newDataOwner=BO, useAdminAccess=False).execute()
        self.records({"action": "change_calendar_owner", "change dataOwner": (ADA, BO)})

    def the_calendars_are_emptied_and_deleted(self):
        self.ada.calendars().clear(calendarId="primary").execute()
        self.records({"action": "clear_calendar", "target.id": ADA})
        self.ada.calendars().delete(calendarId=self.calendar).execute()
        self.records({"action": "delete_calendar", "target.id": self.calendar, "target.name": "Crew"})

    def filters_find_them_again(self):
        find = lambda **query: self.sidecar.get("/audit/v1/events", limit=200, **query)["data"]
        (found,) = exactly(find(targetId=self.event, action="restore_event"), 1)
        check(found, {"change status": ("cancelled", "confirmed")})
        by_bo = [event["action"] for event in find(actor=BO)]
        require(by_bo == [
            "delete_subscription", "add_subscription", "add_subscription", "delete_event", "change_calendar",
            "create_event", "notification_triggered", "change_event_guest_response",
        ], "what Bo did, newest first", by_bo)
        exactly(find(actor=CY), 0)

    STEPS = [
        the_rules_cover_all_that_the_client_can_change, a_calendar_is_created, its_four_properties_are_changed,
        access_is_given_changed_and_taken_away,
        an_event_is_created, events_are_imported_and_added_by_a_sentence, one_request_changes_many_things,
        guests_come_answer_and_go, a_client_that_hides_the_answer_hides_no_change, several_calls_come_in_one_request,
        a_patch_may_come_as_a_post, what_is_refused_is_an_attempt, the_event_is_deleted_restored_and_moved,
        subscriptions_come_change_and_go, availability_is_looked_up, programs_listen_and_stop,
        a_token_that_tells_no_name_stays_unknown, reading_leaves_no_trace, the_calendars_are_emptied_and_deleted,
        filters_find_them_again,
    ]


def main():
    google = StandIn(Calendars(TOKENS, narrow=["ya29.narrow"]))
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        try:
            sidecar = Earwitness(pathlib.Path(name), google.port, PACK)
            story = Story(sidecar, pathlib.Path(name))
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], sidecar, google)
        finally:
            google.stop()


if __name__ == "__main__":
    sys.exit(main())
