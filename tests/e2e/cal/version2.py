"""`/v2/…`: paths, fields and errors as Cal.com's published OpenAPI description has them; `data` of the envelope."""

from office import fail


class Version2:
    """`/v2/…`: each answers with the `data` of the envelope."""

    def me(self, call):
        return {**{name: call.holder()[name] for name in ("id", "username", "name", "email")}, "organizationId": 3}

    def change_me(self, call):
        call.holder().update(call.body)
        return self.me(call)

    def book(self, call):
        booking = call.office.book(**slot(call))
        booking["status"] = "pending" if call.body["eventTypeId"] == 53 else "accepted"
        booking["attendees"] = [{**call.body["attendee"], "absent": False}]
        return {**booking, "seatUid": "seat-2"} if call.body["eventTypeId"] == 52 else booking

    def booking(self, call, uid):
        return call.office.booking(uid)

    def confirm(self, call, uid):
        return self._set(call, uid, status="accepted")

    def decline(self, call, uid):
        return self._set(call, uid, status="rejected")

    def cancel(self, call, uid):
        said = {"cancellationReason": call.body.get("cancellationReason"), "cancelledByEmail": call.holder()["email"]}
        return self._set(call, uid, status="cancelled", **said)

    def reschedule(self, call, uid):
        self._set(call, uid, status="cancelled")
        return {**call.office.book(**slot(call)), "rescheduledFromUid": uid}

    def request_reschedule(self, call, uid):
        self._set(call, uid, status="cancelled")

    def reassign(self, call, uid, user):
        host = call.office.people[int(user)]
        return {"bookingUid": uid, "reassignedTo": {name: host[name] for name in ("id", "name", "email")}}

    def add_attendee(self, call, uid):
        call.office.booking(uid)["attendees"].append({**call.body, "absent": False})
        return {"id": call.office.next(), **call.body}

    def move(self, call, uid):
        return self._set(call, uid, location=call.body["location"]["address"])

    def mark_absent(self, call, uid):
        absent = {one["email"]: one["absent"] for one in call.body["attendees"]}
        attendees = call.office.booking(uid)["attendees"]
        marked = [{**one, "absent": absent.get(one["email"], one["absent"])} for one in attendees]
        return self._set(call, uid, attendees=marked)

    def _set(self, call, uid, **fields):
        call.office.bookings[uid] = {**call.office.booking(uid), **fields}
        return call.office.bookings[uid]

    def refresh_key(self, call):
        call.office.keys["cal_live_00112233445566778899aabbccddeeff"] = call.holder()["id"]
        return {"apiKey": "cal_live_00112233445566778899aabbccddeeff"}

    def add_member(self, call, team):
        serial = call.office.next()
        cy = dict(name="Cy", email="cy@example.org")
        call.office.memberships[serial] = dict(id=serial, teamId=int(team), user=cy, **call.body)
        return call.office.memberships[serial]

    # One kind of route for all that is kept by number: made, read, changed, deleted.
    def make(self, call, kept, **fields):
        serial = call.office.next()
        kept[serial] = dict(id=serial, **call.body, **fields)
        return kept[serial]

    def thing(self, call, kept, serial):
        found = kept.get(int(serial)) or fail(404, "NotFoundException", "not found")
        if call.method == "PATCH":
            if call.body.get("role") == "OWNER":
                fail(403, "ForbiddenException", "only owners make owners")
            found = kept[int(serial)] = {**found, **call.body}
        return kept.pop(int(serial)) if call.method == "DELETE" else found


def version_2(call, parts):
    """The route's answer; `parts` is the path behind `/v2`."""
    api, office, method = Version2(), call.office, call.method
    call.holder()
    match (method, *parts):
        case ("GET", "me"):
            return api.me(call)
        case ("PATCH", "me"):
            return api.change_me(call)
        case ("POST", "bookings"):
            return api.book(call)
        case ("GET", "bookings", uid):
            return api.booking(call, uid)
        case ("POST", "bookings", uid, "reassign", user):
            return api.reassign(call, uid, user)
        case ("POST", "bookings", uid, "attendees"):
            return api.add_attendee(call, uid)
        case ("PATCH", "bookings", uid, "location"):
            return api.move(call, uid)
        case ("POST", "bookings", uid, verb) if verb in VERBS:
            return VERBS[verb](api, call, uid)
        case ("POST", "api-keys", "refresh"):
            return api.refresh_key(call)
        case ("POST", "teams", team, "memberships"):
            return api.add_member(call, team)
        case (_, "teams", _, "memberships", serial):
            return api.thing(call, office.memberships, serial)
        case ("POST", "organizations", _, "teams", team, "workflows"):
            return api.make(call, office.workflows, teamId=int(team))
        case (_, "organizations", _, "teams", _, "workflows", serial):
            return api.thing(call, office.workflows, serial)
        case ("POST", "event-types"):
            return api.make(call, office.event_types)
        case (_, "event-types", serial):
            return api.thing(call, office.event_types, serial)
        case ("POST", "schedules"):
            return api.make(call, office.schedules)
        case (_, "schedules", serial):
            return api.thing(call, office.schedules, serial)
        case _:
            return fail(404, "NotFoundException", f"Cannot {method} /v2/{'/'.join(parts)}")


def slot(call):
    start = call.body["start"]
    return {"start": start, "end": start.replace(":00:00Z", ":30:00Z")}


VERBS = {
    "confirm": Version2.confirm, "decline": Version2.decline, "cancel": Version2.cancel,
    "reschedule": Version2.reschedule, "request-reschedule": Version2.request_reschedule,
    "mark-absent": Version2.mark_absent,
}

# What API v2 answers with 201.
CREATED = ("bookings", "reschedule", "attendees", "memberships", "workflows", "event-types", "schedules")
