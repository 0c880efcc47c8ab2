"""What a program does by API v2, step by step, and which records must follow."""

from expect import check, exactly, require

from .client import VERSION, Caller
from .office import CLIENT, KEY

ATTENDEE = {"name": "Bo", "email": "bo@x.example", "timeZone": "UTC"}
TEN, ELEVEN = "2026-01-10T10:00:00Z", "2026-01-15T11:00:00Z"


class Api:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        self.program = Caller(sidecar.port, authorization=f"Bearer {KEY}", **VERSION)

    def one(self):
        return exactly(self.sidecar.new_events(1), 1)[0]

    def book(self, kind=51):
        made = self.program.ok("POST", "/v2/bookings", {"start": TEN, "eventTypeId": kind, "attendee": ATTENDEE})
        return made["uid"], self.one()

    def act(self, uid, what, body=None, method="POST"):
        self.program.ok(method, f"/v2/bookings/{uid}/{what}", body or {})
        return self.one()

    def cb1_a_booking_is_made_with_slot_and_host(self):
        uid, event = self.book()
        check(event, {
            "action": "CREATED", "result": "success", "source": "API_V2", "actor.id": "7", "actor.name": "Ada",
            "scope.organization": "3", "target.type": "booking", "target.id": uid, "details.attendee": "bo@x.example",
            "details.hosts": ["ada@example.org"], "change start": (None, TEN),
            "message.text": "Booking created for Jan 10, 2026",
        })

    def cb2_and_cb3_a_pending_booking_is_accepted_or_rejected(self):
        uid, _ = self.book(53)
        check(self.act(uid, "confirm"), {
            "action": "ACCEPTED", "before.state": "read", "change status": ("pending", "accepted"),
        })
        uid, _ = self.book(53)
        check(self.act(uid, "decline", {"reason": "Full"}), {
            "action": "REJECTED", "reason": "Full", "change status": ("pending", "rejected"),
        })

    def cb4_a_booking_is_cancelled_with_its_reason(self):
        uid, _ = self.book()
        check(self.act(uid, "cancel", {"cancellationReason": "Ill"}), {
            "action": "CANCELLED", "reason": "Ill", "target.id": uid, "change status": ("accepted", "cancelled"),
            "details.cancelledBy": "ada@example.org",
        })

    def cb5_a_booking_moves_and_both_times_are_kept(self):
        uid, _ = self.book()
        event = self.act(uid, "reschedule", {"start": ELEVEN, "reschedulingReason": "Travel"})
        check(event, {
            "action": "RESCHEDULED", "reason": "Travel", "target.id": uid, "change start": (TEN, ELEVEN),
            "message.text": "Booking rescheduled from Jan 10, 2026 to Jan 15, 2026",
        })
        require(event["links"][0]["rel"] == "rescheduled-to", "a link to the new booking", event)

    def cb6_somebody_is_asked_to_find_another_time(self):
        uid, _ = self.book()
        check(self.act(uid, "request-reschedule", {"rescheduleReason": "Travel"}), {
            "action": "RESCHEDULE_REQUESTED", "reason": "Travel", "change status": ("accepted", "cancelled"),
        })

    def cb7_another_host_takes_over(self):
        uid, _ = self.book()
        check(self.act(uid, "reassign/9", {"reason": "Holiday"}), {
            "action": "REASSIGNMENT", "reason": "Holiday", "details.assignment": "manual",
            "change host": ("ada@example.org", "bo@example.org"), "message.text": "Booking reassigned from Ada to Bo",
        })

    def cb8_cb9_cb10_attendees_place_and_absence(self):
        uid, _ = self.book()
        check(self.act(uid, "attendees", {"name": "Cy", "email": "cy@x.example", "timeZone": "UTC"}), {
            "action": "ATTENDEE_ADDED", "details.attendee": "cy@x.example", "change attendee": (None, "cy@x.example"),
        })
        place = {"location": {"type": "address", "address": "Main Street 1"}}
        check(self.act(uid, "location", place, "PATCH"), {
            "action": "LOCATION_CHANGED", "change location": ("https://meet.example/1", "Main Street 1"),
        })
        check(self.act(uid, "mark-absent", {"attendees": [{"email": "cy@x.example", "absent": True}]}), {
            "action": "NO_SHOW_UPDATED", "change attendees[cy@x.example].absent": (False, True), "changes": 1,
        })

    def cb11_and_cb12_a_seat_is_taken_and_moved(self):
        uid, event = self.book(52)
        check(event, {
            "action": "SEAT_BOOKED", "details.seat": "seat-2", "details.attendee": "bo@x.example", "target.id": uid,
        })
        check(self.act(uid, "reschedule", {"start": ELEVEN, "seatUid": "seat-2"}), {
            "action": "SEAT_RESCHEDULED", "details.seat": "seat-2", "change start": (TEN, ELEVEN),
        })

    def ca1_ca2_ca3_a_member_comes_rises_and_goes(self):
        made = self.program.ok("POST", "/v2/teams/5/memberships", {"userId": 11, "role": "MEMBER"})
        check(self.one(), {
            "action": "MEMBER_ADDED", "target.type": "membership", "target.id": str(made["id"]),
            "change role": (None, "MEMBER"),
            "scope.organization": "3", "scope.team": "5", "category": "ACCESS",
        })
        address = f"/v2/teams/5/memberships/{made['id']}"
        self.program.ok("PATCH", address, {"role": "ADMIN"})
        check(self.one(), {
            "action": "ROLE_CHANGED", "change role": ("MEMBER", "ADMIN"),
            "message.text": "Role of Cy changed from MEMBER to ADMIN",
        })
        status, _ = self.program("PATCH", address, {"role": "OWNER"})
        require(status == 403, "the stand-in refuses", status)
        check(self.one(), {
            "action": "ROLE_CHANGED", "result": "denied", "error": "ForbiddenException", "details.wanted": "OWNER",
        })
        self.program.ok("DELETE", address)
        check(self.one(), {"action": "MEMBER_REMOVED", "change role": ("ADMIN", None), "target.name": "Cy"})

    def cw1_cw2_cw3_a_workflow_is_made_changed_and_deleted(self):
        path = "/v2/organizations/3/teams/5/workflows"
        made = self.program.ok("POST", path, {"name": "Reminder", "trigger": {"type": "beforeEvent"}})
        check(self.one(), {"action": "WORKFLOW_CREATED", "target.id": str(made["id"]), "target.name": "Reminder"})
        self.program.ok("PATCH", f"{path}/{made['id']}", {"name": "Early reminder"})
        check(self.one(), {"action": "WORKFLOW_MODIFIED", "change name": ("Reminder", "Early reminder"), "changes": 1})
        self.program.ok("DELETE", f"{path}/{made['id']}")
        check(self.one(), {"action": "WORKFLOW_DELETED", "change name": ("Early reminder", None)})

    def ce1_an_event_type_is_made_changed_and_deleted(self):
        made = self.program.ok("POST", "/v2/event-types", {"title": "Intro", "slug": "intro", "lengthInMinutes": 30})
        check(self.one(), {
            "action": "EVENT_TYPE_CREATED", "target.type": "eventType", "change lengthInMinutes": (None, 30),
        })
        address = f"/v2/event-types/{made['id']}"
        self.program.ok("PATCH", address, {"lengthInMinutes": 45, "slug": "intro"})
        check(self.one(), {"action": "EVENT_TYPE_MODIFIED", "change lengthInMinutes": (30, 45), "changes": 1})
        self.program.ok("DELETE", address)
        check(self.one(), {"action": "EVENT_TYPE_DELETED", "target.name": "Intro", "change title": ("Intro", None)})

    def whatever_else_changes_is_seen_by_area(self):
        made = self.program.ok("POST", "/v2/schedules", {"name": "Work", "timeZone": "UTC"})
        check(self.one(), {"action": "schedule.created", "target.id": str(made["id"]), "target.name": "Work"})
        platform = Caller(self.sidecar.port, **{"x-cal-client-id": CLIENT["id"], "x-cal-secret-key": CLIENT["secret"]})
        platform.ok("PATCH", f"/v2/schedules/{made['id']}", {"timeZone": "Europe/Paris"})
        check(self.one(), {
            "action": "schedule.updated", "change timeZone": ("UTC", "Europe/Paris"), "changes": 1,
            "actor.type": "app", "actor.id": "7", "scope.organization": "3",
        })

    def cs1_an_address_changes_and_both_are_kept(self):
        self.program.ok("PATCH", "/v2/me", {"email": "ada@new.example"})
        check(self.one(), {
            "action": "EMAIL_CHANGED", "change email": ("ada@example.org", "ada@new.example"), "category": "SECURITY",
        })
        self.program.ok("PATCH", "/v2/me", {"email": "ada@example.org"})
        check(self.one(), {"action": "EMAIL_CHANGED"})

    def an_expired_token_is_denied(self):
        late = Caller(self.sidecar.port, authorization="Bearer cal_live_expired", **VERSION)
        status, _ = late("POST", "/v2/bookings/abc/cancel", {})
        require(status == 498, "the stand-in knows the token to be expired", status)
        check(self.one(), {
            "action": "CANCELLED", "result": "denied", "error": "TokenExpiredException", "actor.type": "unknown",
        })

    def ck1_and_ck2_a_key_takes_the_place_of_another(self):
        self.program.ok("POST", "/v2/api-keys/refresh", {"apiKeyDaysValid": 30})
        created, revoked = exactly(self.sidecar.new_events(2), 2)
        check(created, {"action": "API_KEY_CREATED", "change days": (None, 30), "actor.id": "7"})
        check(revoked, {"action": "API_KEY_REVOKED", "exchangeId": created["exchangeId"]})

    STEPS = [
        cb1_a_booking_is_made_with_slot_and_host, cb2_and_cb3_a_pending_booking_is_accepted_or_rejected,
        cb4_a_booking_is_cancelled_with_its_reason, cb5_a_booking_moves_and_both_times_are_kept,
        cb6_somebody_is_asked_to_find_another_time, cb7_another_host_takes_over,
        cb8_cb9_cb10_attendees_place_and_absence, cb11_and_cb12_a_seat_is_taken_and_moved,
        ca1_ca2_ca3_a_member_comes_rises_and_goes, cw1_cw2_cw3_a_workflow_is_made_changed_and_deleted,
        ce1_an_event_type_is_made_changed_and_deleted, whatever_else_changes_is_seen_by_area,
        cs1_an_address_changes_and_both_are_kept, an_expired_token_is_denied,
        ck1_and_ck2_a_key_takes_the_place_of_another,
    ]
