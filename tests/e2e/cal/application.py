"""What people do in the web application by tRPC, step by step, and which records must follow. The application sends
several procedures in one request as it likes; each is a record of its own."""

from expect import check, exactly, require

from .client import Caller
from .browser import LOGIN

TEN = "2026-01-10T10:00:00.000Z"


class Application:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        self.ada = Caller(sidecar.port)
        self.bo = Caller(sidecar.port)

    def some(self, count):
        return exactly(self.sidecar.new_events(count), count)

    def one(self):
        return self.some(1)[0]

    def book(self, kind=51):
        form = {"start": TEN, "end": TEN, "eventTypeId": kind, "responses": {"name": "Di", "email": "di@x.example"}}
        booked = Caller(self.sidecar.port).ok("POST", "/api/book/event", form)
        self.one()
        return booked

    def two_people_log_in(self):
        for who, form in [
            (self.ada, {"email": "ada@example.org", "password": "ada-knows"}),
            (self.bo, {"email": "bo@example.org", "password": "bo-knows", "totpCode": "246810"}),
        ]:
            who.ok("POST", LOGIN, form={"csrfToken": "csrf-of-the-form", "json": "true", **form})
            check(self.one(), {"action": "LOGIN", "result": "success"})

    def cb2_and_cb3_bookings_are_answered_in_one_request(self):
        first, second, third = self.book(53), self.book(53), self.book()
        status, _ = self.ada.batch(
            "bookings",
            ("confirm", {"bookingId": first["id"], "confirmed": True}),
            ("confirm", {"bookingId": second["id"], "confirmed": False, "reason": "Full"}),
            ("confirm", {"bookingId": third["id"], "confirmed": True}),
        )
        require(status == 207, "an answer of several statuses", status)
        accepted, rejected, refused = self.some(3)
        check(accepted, {
            "action": "ACCEPTED", "result": "success", "actor.id": "7", "source": "WEBAPP", "target.id": first["uid"],
            "before.state": "read", "change status": ("PENDING", "ACCEPTED"),
        })
        check(rejected, {"action": "REJECTED", "reason": "Full", "change status": ("PENDING", "REJECTED")})
        check(refused, {"action": "ACCEPTED", "result": "failure", "error": "Booking already confirmed"})
        require(accepted["exchangeId"] == refused["exchangeId"], "one exchange", refused)

    def cb6_somebody_is_asked_to_find_another_time(self):
        booked = self.book()
        self.ada.call("bookings/requestReschedule", {"bookingId": booked["uid"], "rescheduleReason": "Travel"})
        check(self.one(), {
            "action": "RESCHEDULE_REQUESTED", "reason": "Travel", "target.id": booked["uid"],
            "change status": ("ACCEPTED", "CANCELLED"),
        })

    def cb7_to_cb10_host_guests_place_and_absence(self):
        booked = self.book()
        self.ada.call("teams/roundRobinManualReassign", {"bookingId": booked["id"], "teamMemberId": 9})
        check(self.one(), {
            "action": "REASSIGNMENT", "details.assignment": "manual", "target.id": booked["uid"],
            "change host": ("ada@example.org", 9),
        })
        self.ada.call("bookings/addGuests", {"bookingId": booked["id"], "guests": ["ed@x.example", "flo@x.example"]})
        check(self.some(2)[1], {"action": "ATTENDEE_ADDED", "details.attendee": "flo@x.example"})
        self.ada.call("bookings/editLocation", {"bookingId": booked["id"], "newLocation": "Room 2"})
        check(self.one(), {"action": "LOCATION_CHANGED", "change location": ("https://meet.example/1", "Room 2")})
        absent = {"bookingUid": booked["uid"], "attendees": [{"email": "di@x.example", "noShow": True}]}
        self.ada.call("loggedInViewerRouter/markNoShow", absent)
        check(self.one(), {
            "action": "NO_SHOW_UPDATED", "details.attendee": "di@x.example", "change absent": (None, True),
        })

    def cs1_an_address_changes(self):
        self.ada.call("me/updateProfile", {"name": "Ada", "email": "ada@new.example"})
        check(self.one(), {"action": "EMAIL_CHANGED", "change email": ("ada@example.org", "ada@new.example")})
        self.ada.call("me/updateProfile", {"name": "Ada", "email": "ada@example.org"})
        check(self.one(), {"action": "EMAIL_CHANGED"})

    def cs2_and_cs3_an_account_is_locked_and_unlocked(self):
        self.ada.call("admin/lockUserAccount", {"userId": 9, "locked": True})
        check(self.one(), {
            "action": "ACCOUNT_LOCKED", "target.id": "9", "actor.id": "7", "change locked": (None, True),
        })
        Caller(self.sidecar.port)("POST", LOGIN, form={"email": "bo@example.org", "password": "bo-knows"})
        check(self.one(), {"action": "LOGIN", "result": "failure", "error": "user-account-locked"})
        self.ada.call("admin/lockUserAccount", {"userId": 9, "locked": False})
        check(self.one(), {"action": "ACCOUNT_UNLOCKED"})
        self.bo("POST", "/api/trpc/admin/lockUserAccount", {"json": {"userId": 7, "locked": True}})
        check(self.one(), {"action": "ACCOUNT_LOCKED", "result": "denied", "actor.id": "9", "error": "UNAUTHORIZED"})

    def cs5_a_password_changes(self):
        wrong = {"json": {"oldPassword": "guessed-it", "newPassword": "ada-knows"}}
        self.ada("POST", "/api/trpc/auth/changePassword", wrong)
        check(self.one(), {"action": "PASSWORD_CHANGED", "result": "failure", "error": "incorrect_password"})
        self.ada.call("auth/changePassword", {"oldPassword": "ada-knows", "newPassword": "ada-knows"})
        check(self.one(), {"action": "PASSWORD_CHANGED", "result": "success", "target.id": "7"})

    def ca1_ca2_ca3_members_are_invited_raised_and_removed(self):
        several = [{"email": "cy@example.org", "role": "ADMIN"}, "di@example.org"]
        self.ada.call("teams/inviteMember", {"teamId": 5, "usernameOrEmail": several, "role": "MEMBER"})
        first, second = self.some(2)
        check(first, {"action": "MEMBER_ADDED", "details.member": "cy@example.org", "change role": (None, "ADMIN")})
        check(second, {"details.member": "di@example.org", "change role": (None, "MEMBER"), "scope.team": None})
        self.ada.call("teams/changeMemberRole", {"teamId": 5, "memberId": 9, "role": "ADMIN"})
        check(self.one(), {
            "action": "ROLE_CHANGED", "change role": ("MEMBER", "ADMIN"), "target.name": "Bo", "scope.team": "5",
            "before.state": "read",
        })
        self.bo("POST", "/api/trpc/teams/changeMemberRole", {"json": {"teamId": 5, "memberId": 9, "role": "OWNER"}})
        check(self.one(), {"action": "ROLE_CHANGED", "result": "denied", "error": "FORBIDDEN", "actor.id": "9"})
        self.ada.call("teams/removeMember", {"teamIds": [5, 6], "memberIds": [9], "isOrg": False})
        first, second = self.some(2)
        check(first, {"action": "MEMBER_REMOVED", "target.id": "5/9"})
        check(second, {"action": "MEMBER_REMOVED", "target.id": "6/9"})

    def ck1_and_ck2_a_key_is_made_and_revoked(self):
        self.ada.call("apiKeys/create", {"note": "CI", "neverExpires": True})
        check(self.one(), {"action": "API_KEY_CREATED", "target.name": "CI", "change neverExpires": (None, True)})
        (key,) = self.ada("GET", "/api/trpc/apiKeys/list")[1]["result"]["data"]["json"]
        self.ada.call("apiKeys/delete", {"id": key["id"]})
        check(self.one(), {"action": "API_KEY_REVOKED", "target.id": key["id"], "target.name": "CI"})

    def cw1_cw2_cw3_a_workflow_is_made_changed_and_deleted(self):
        serial = self.ada.call("workflows/create", {"teamId": 5})["workflow"]["id"]
        check(self.one(), {"action": "WORKFLOW_CREATED", "target.id": str(serial)})
        self.ada.call("workflows/update", {"id": serial, "name": "Reminder", "trigger": "NEW_EVENT", "steps": []})
        check(self.one(), {
            "action": "WORKFLOW_MODIFIED", "change trigger": ("BEFORE_EVENT", "NEW_EVENT"), "scope.team": "5",
        })
        self.ada.call("workflows/delete", {"id": serial})
        check(self.one(), {"action": "WORKFLOW_DELETED", "target.name": "Reminder"})

    def ce1_an_event_type_changes(self):
        made = self.ada.call("eventTypesHeavy/create", {"title": "Intro", "slug": "intro", "length": 30})
        serial = made["eventType"]["id"]
        check(self.one(), {"action": "EVENT_TYPE_CREATED", "target.id": str(serial), "change length": (None, 30)})
        self.ada.call("eventTypesHeavy/update", {"id": serial, "length": 45, "title": "Intro"})
        check(self.one(), {"action": "EVENT_TYPE_MODIFIED", "change length": (30, 45), "changes": 1})
        self.ada.call("eventTypes/delete", {"id": serial})
        check(self.one(), {"action": "EVENT_TYPE_DELETED", "target.name": "Intro"})

    def whatever_else_is_seen_by_its_name_also_beside_a_question(self):
        hook = {"subscriberUrl": "https://hook.example", "secret": "hook-secret"}
        self.ada.batch("webhook", ("create", hook), ("list", {}))
        created, listed = self.some(2)
        check(created, {"action": "webhook.create", "result": "success", "actor.id": "7"})
        check(listed, {"action": "webhook.list", "result": "failure"})

    STEPS = [
        two_people_log_in, cb2_and_cb3_bookings_are_answered_in_one_request, cb6_somebody_is_asked_to_find_another_time,
        cb7_to_cb10_host_guests_place_and_absence, cs1_an_address_changes,
        cs2_and_cs3_an_account_is_locked_and_unlocked, cs5_a_password_changes,
        ca1_ca2_ca3_members_are_invited_raised_and_removed, ck1_and_ck2_a_key_is_made_and_revoked,
        cw1_cw2_cw3_a_workflow_is_made_changed_and_deleted, ce1_an_event_type_changes,
        whatever_else_is_seen_by_its_name_also_beside_a_question,
    ]
