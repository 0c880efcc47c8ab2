"""A stand-in for Google Calendar's API v3 in memory, as far as tests/e2e/google_calendar.py needs it.

Nobody can run Google's servers. Methods, paths, parameters and members are those of the discovery document that
Google's client brings along (calendar v3). From its reference pages: which answers have no body, that an event
without guests has no member for them, that a deleted event can still be read as `cancelled`, what `fields` and
`maxAttendees` leave out, `self` in each calendar's view of an event, errors and their reasons ("Handle API errors"),
and the form of a batch ("Send batch requests"). Lists are empty here.
"""

import email
import http.server
import itertools
import json
import re
import threading
import urllib.parse

ROLES = ["none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner"]
BASE = "/calendar/v3"


class Refused(Exception):
    """What Google answers when it does not do what was asked."""

    def __init__(self, status, reason, message):
        super().__init__(message)
        error = {"domain": "global", "reason": reason, "message": message}
        self.status = status
        self.body = {"error": {"code": status, "message": message, "errors": [error]}}


class Call:
    """One request: by itself, or a part of a batch."""

    def __init__(self, method, target, headers, body):
        url = urllib.parse.urlsplit(target)
        self.path, self.headers = url.path, headers
        self.query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
        self.method = headers.get("x-http-method-override", method)
        self.body = json.loads(body) if body and self.method != "GET" else {}
        self.parts = []
        self.user = None


class Calendars:
    """What Google keeps. `tokens` says whose a token is; `narrow` ones may do nothing but change events."""

    def __init__(self, tokens, narrow=()):
        self.tokens, self.narrow = tokens, set(narrow)
        self.numbers = itertools.count(1)
        self.calendars = {}
        self.access = {}
        self.events = {}
        self.lists = {owner: {} for owner in tokens.values()}
        for owner in self.lists:
            self.add_calendar(owner, owner, {"summary": owner, "timeZone": "UTC"})

    def add_calendar(self, calendar_id, owner, body):
        self.calendars[calendar_id] = {"kind": "calendar#calendar", "etag": self.etag(), "id": calendar_id, **body}
        self.access[calendar_id] = {f"user:{owner}": rule(f"user:{owner}", "owner")}
        self.lists[owner][calendar_id] = {"id": calendar_id, "accessRole": "owner"}
        return self.calendars[calendar_id]

    def etag(self):
        return f'"{next(self.numbers):016d}"'

    def answer(self, call):
        """Status and body for a call."""
        try:
            call.user = self.user(call)
            for method, pattern, handler in ROUTES:
                found = re.fullmatch(f"{BASE}(?:{pattern})", call.path)
                if found and call.method in method.split("|"):
                    call.parts = [urllib.parse.unquote(part) for part in found.groups() if part]
                    self.refuse_narrow(call)
                    return 200, self.seen(call, handler(self, call))
            raise Refused(404, "notFound", "Not Found")
        except Refused as refused:
            return refused.status, refused.body

    def user(self, call):
        token = call.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            raise Refused(401, "authError", "Invalid Credentials")
        return self.tokens[token]

    def refuse_narrow(self, call):
        token = call.headers["authorization"].removeprefix("Bearer ")
        if token in self.narrow and "/events" not in call.path:
            raise Refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")

    @staticmethod
    def seen(call, body):
        """What the client wants to see of it: `fields` names members of the first level here."""
        wanted = call.query.get("fields")
        if body is None or wanted is None:
            return body
        return {name: body[name] for name in re.split("[,/(]", wanted) if name in body}

    def calendar(self, call, at_least):
        """The calendar that the path names, if this user may do that much there."""
        calendar_id = call.user if call.parts[0] == "primary" else call.parts[0]
        mine = self.access.get(calendar_id, {}).get(f"user:{call.user}", {"role": "none"})["role"]
        if mine == "none":
            raise Refused(404, "notFound", "Not Found")
        if ROLES.index(mine) < ROLES.index(at_least):
            raise Refused(403, "requiredAccessLevel", f"You need to have {at_least} access to this calendar.")
        return self.calendars[calendar_id]

    def change(self, call, thing, kept):
        """PATCH lays over, null takes away; PUT takes all away but what the server sets itself."""
        if call.headers.get("if-match", thing["etag"]) != thing["etag"]:
            raise Refused(412, "conditionNotMet", "Precondition Failed")
        if call.method == "PUT":
            for name in set(thing) - set(kept):
                del thing[name]
        thing.update({name: value for name, value in call.body.items() if name not in kept})
        for name in [name for name, value in thing.items() if value in (None, [], "")]:
            del thing[name]
        thing["etag"] = self.etag()
        return thing

    # Calendars

    def insert_calendar(self, call):
        calendar_id = f"c{next(self.numbers)}@group.calendar.google.com"
        return self.add_calendar(calendar_id, call.user, {"timeZone": "UTC", **call.body, "dataOwner": call.user})

    def get_calendar(self, call):
        return dict(self.calendar(call, "reader"))

    def change_calendar(self, call):
        calendar = self.calendar(call, "owner")
        return dict(self.change(call, calendar, ("kind", "etag", "id", "dataOwner")))

    def delete_calendar(self, call):
        del self.calendars[self.calendar(call, "owner")["id"]]

    def clear_calendar(self, call):
        calendar = self.calendar(call, "owner")
        for event in self.events.values():
            if event["organizer"]["email"] == calendar["id"]:
                event["status"] = "cancelled"

    def transfer_calendar(self, call):
        self.calendar(call, "owner")["dataOwner"] = call.query["newDataOwner"]

    # Access

    def insert_acl(self, call):
        scope = call.body["scope"]
        rule_id = f"{scope['type']}:{scope['value']}" if "value" in scope else scope["type"]
        granted = rule(rule_id, call.body["role"])
        self.access[self.calendar(call, "owner")["id"]][rule_id] = granted
        return granted

    def acl(self, call):
        rules = self.access[self.calendar(call, "owner")["id"]]
        if call.parts[1] not in rules:
            raise Refused(404, "notFound", "Not Found")
        return rules

    def get_acl(self, call):
        return dict(self.acl(call)[call.parts[1]])

    def change_acl(self, call):
        changed = self.acl(call)[call.parts[1]]
        changed["role"] = call.body["role"]
        return dict(changed)

    def delete_acl(self, call):
        del self.acl(call)[call.parts[1]]

    # Events: one event for all, and a view of it in each calendar where it stands

    def view(self, event, calendar_id):
        mine = lambda person: {**person, "self": True} if person["email"] == calendar_id else dict(person)
        shown = {**event, "creator": mine(event["creator"]), "organizer": mine(event["organizer"])}
        if "attendees" in event:
            shown["attendees"] = [mine(guest) for guest in event["attendees"]]
        return shown

    def event(self, call, at_least):
        calendar = self.calendar(call, at_least)
        event = self.events.get(call.parts[1])
        guests = [guest["email"] for guest in (event or {}).get("attendees", [])]
        if event is None or calendar["id"] not in [event["organizer"]["email"], *guests]:
            raise Refused(404, "notFound", "Not Found")
        return event, calendar["id"]

    def insert_event(self, call):
        calendar = self.calendar(call, "writer")
        event_id = call.body.get("id", f"e{next(self.numbers)}")
        event = {
            "kind": "calendar#event", "etag": self.etag(), "id": event_id, "status": "confirmed",
            "iCalUID": f"{event_id}@google.com", "eventType": "default",
            "htmlLink": f"https://www.google.com/calendar/event?eid={event_id}",
            "creator": {"email": call.user}, "organizer": {"email": calendar["id"]}, **call.body,
        }
        self.events[event_id] = with_responses(event)
        return self.view(event, calendar["id"])

    def quick_add(self, call):
        call.body = {"summary": call.query["text"]}
        return self.insert_event(call)

    def get_event(self, call):
        return self.view(*self.event(call, "reader"))

    def change_event(self, call):
        event, calendar_id = self.event(call, "writer")
        if calendar_id == event["organizer"]["email"]:
            kept = ("kind", "etag", "id", "iCalUID", "htmlLink", "creator", "organizer", "eventType")
            with_responses(self.change(call, event, kept)).setdefault("status", "confirmed")
        else:
            # A guest's copy: nothing but the guest's own answer reaches the others.
            for said in call.body.get("attendees", []):
                for guest in event["attendees"]:
                    if guest["email"] == said["email"] == calendar_id:
                        guest.update(said)
        shown = self.view(event, calendar_id)
        if "maxAttendees" in call.query and "attendees" in shown:
            shown["attendees"] = shown["attendees"][: int(call.query["maxAttendees"])]
            shown["attendeesOmitted"] = True
        return shown

    def delete_event(self, call):
        event, _ = self.event(call, "writer")
        if event["status"] == "cancelled":
            raise Refused(410, "deleted", "Resource has been deleted")
        event["status"] = "cancelled"

    def move_event(self, call):
        event, _ = self.event(call, "writer")
        event["organizer"] = {"email": call.query["destination"]}
        return self.view(event, call.query["destination"])

    def list_events(self, call):
        return {"kind": "calendar#events", "summary": self.calendar(call, "reader").get("summary"), "items": []}

    # The list of calendars, availability, channels

    def insert_entry(self, call):
        calendar_id = call.body["id"]
        if calendar_id not in self.calendars:
            raise Refused(404, "notFound", "Not Found")
        self.lists[call.user][calendar_id] = {**call.body, "accessRole": "reader"}
        return self.entry(call.user, calendar_id)

    def entry(self, user, calendar_id):
        calendar_id = user if calendar_id == "primary" else calendar_id
        if calendar_id not in self.lists[user]:
            raise Refused(404, "notFound", "Not Found")
        entry = {"kind": "calendar#calendarListEntry", "etag": '"1"', **self.lists[user][calendar_id]}
        return {**entry, "summary": self.calendars[calendar_id].get("summary")}

    def get_entry(self, call):
        return self.entry(call.user, call.parts[0])

    def change_entry(self, call):
        self.lists[call.user][self.entry(call.user, call.parts[0])["id"]].update(call.body)
        return self.entry(call.user, call.parts[0])

    def delete_entry(self, call):
        del self.lists[call.user][self.entry(call.user, call.parts[0])["id"]]

    def free_busy(self, call):
        window = {name: call.body[name] for name in ("timeMin", "timeMax")}
        shown = {item["id"]: self.busy(item["id"]) for item in call.body["items"]}
        return {"kind": "calendar#freeBusy", **window, "calendars": shown}

    def busy(self, calendar_id):
        if calendar_id not in self.calendars:
            return {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
        held = [event for event in self.events.values() if event["organizer"]["email"] == calendar_id]
        times = [event for event in held if event["status"] == "confirmed" and "dateTime" in event.get("start", {})]
        return {"busy": [{"start": event["start"]["dateTime"], "end": event["end"]["dateTime"]} for event in times]}

    def watch(self, call):
        return {"kind": "api#channel", "id": call.body["id"], "resourceId": "r1", "expiration": "1800000000000"}

    def nothing(self, call):
        return None


def rule(rule_id, role):
    kind, _, value = rule_id.partition(":")
    scope = {"type": kind, "value": value} if value else {"type": kind}
    return {"kind": "calendar#aclRule", "etag": '"1"', "id": rule_id, "role": role, "scope": scope}


def with_responses(event):
    for guest in event.get("attendees", []):
        guest.setdefault("responseStatus", "needsAction")
    return event


ONE = "/([^/]+)"
CALENDAR, ENTRIES = "/calendars" + ONE, "/users/me/calendarList"
EVENT = CALENDAR + "/events" + ONE
ROUTES = [
    ("POST", "/calendars", Calendars.insert_calendar),
    ("GET", CALENDAR, Calendars.get_calendar),
    ("PATCH|PUT", CALENDAR, Calendars.change_calendar),
    ("DELETE", CALENDAR, Calendars.delete_calendar),
    ("POST", CALENDAR + "/clear", Calendars.clear_calendar),
    ("POST", CALENDAR + "/transferOwnership", Calendars.transfer_calendar),
    ("POST", CALENDAR + "/acl", Calendars.insert_acl),
    ("GET", CALENDAR + "/acl" + ONE, Calendars.get_acl),
    ("PATCH|PUT", CALENDAR + "/acl" + ONE, Calendars.change_acl),
    ("DELETE", CALENDAR + "/acl" + ONE, Calendars.delete_acl),
    ("POST", CALENDAR + "/events", Calendars.insert_event),
    ("POST", CALENDAR + "/events/import", Calendars.insert_event),
    ("POST", CALENDAR + "/events/quickAdd", Calendars.quick_add),
    ("POST", CALENDAR + "/events/watch", Calendars.watch),
    ("GET", EVENT, Calendars.get_event),
    ("PATCH|PUT", EVENT, Calendars.change_event),
    ("DELETE", EVENT, Calendars.delete_event),
    ("POST", EVENT + "/move", Calendars.move_event),
    ("GET", CALENDAR + "/events|" + EVENT + "/instances", Calendars.list_events),
    ("POST", ENTRIES, Calendars.insert_entry),
    ("GET", ENTRIES + ONE, Calendars.get_entry),
    ("PATCH|PUT", ENTRIES + ONE, Calendars.change_entry),
    ("DELETE", ENTRIES + ONE, Calendars.delete_entry),
    ("POST", "/freeBusy", Calendars.free_busy),
    ("POST", "/channels/stop", Calendars.nothing),
]


class StandIn:
    """The server, on a port of its own, until `stop`."""

    def __init__(self, calendars):
        self.lines = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                if self.path == "/batch/calendar/v3":
                    kind, answer = batch(calendars, headers, body)
                    return self.reply(200, kind, answer)
                status, answer = calendars.answer(Call(self.command, self.path, headers, body))
                if answer is None:
                    return self.reply(204, None, b"")
                return self.reply(status, "application/json; charset=UTF-8", json.dumps(answer).encode())

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

            def reply(self, status, kind, body):
                self.send_response(status)
                if kind:
                    self.send_header("content-type", kind)
                    self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, form, *values):
                outer.lines.append(form % values)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def log(self):
        return "\n".join(["--- log of the stand-in", *self.lines[-40:]])

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def batch(calendars, headers, body):
    """Each part is a request of its own; its answer carries its id, with `response-` before it."""
    message = email.message_from_bytes(b"Content-Type: " + headers["content-type"].encode() + b"\r\n\r\n" + body)
    answers = []
    for part in message.get_payload():
        line, _, rest = part.get_payload().partition("\n")
        inner = email.message_from_string(rest)
        own = {name.lower(): value for name, value in inner.items()}
        method, target, _ = line.split(" ")
        outer = {"authorization": headers.get("authorization", "")}
        status, answer = calendars.answer(Call(method, target, {**outer, **own}, inner.get_payload()))
        status = 204 if answer is None else status
        text = "" if answer is None else json.dumps(answer)
        answers.append(
            f"--batch_stand_in\r\nContent-Type: application/http\r\n"
            f"Content-ID: <response-{part['content-id'].removeprefix('<')}\r\n\r\n"
            f"HTTP/1.1 {status} OK\r\nContent-Type: application/json; charset=UTF-8\r\n"
            f"Content-Length: {len(text)}\r\n\r\n{text}\r\n"
        )
    return "multipart/mixed; boundary=batch_stand_in", ("".join(answers) + "--batch_stand_in--\r\n").encode()
