"""What people do in the web application and on its public pages, step by step, and which records must follow."""

from expect import check, exactly, require

from .client import Caller

LOGIN = "/api/auth/callback/credentials"
ACT_AS = "/api/auth/callback/impersonation-auth"
TEN, ELEVEN = "2026-01-10T10:00:00.000Z", "2026-01-15T11:00:00.000Z"


class Browser:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        self.guest = Caller(sidecar.port)
        self.ada = Caller(sidecar.port)
        self.booked = None

    def one(self):
        return exactly(self.sidecar.new_events(1), 1)[0]

    def login(self, who, **form):
        who("POST", LOGIN, form={"csrfToken": "csrf-of-the-form", "json": "true", "redirect": "false", **form})
        return self.one()

    def book(self, **more):
        form = {"start": TEN, "end": TEN.replace("10:00", "10:30"), "eventTypeId": 51, "timeZone": "UTC", "user": "ada"}
        answers = {"name": "Di", "email": "di@x.example"}
        answer = self.guest("POST", "/api/book/event", {**form, "metadata": {}, "responses": answers, **more})
        return answer[1], self.one()

    def cb1_a_guest_books(self):
        self.booked, event = self.book()
        check(event, {
            "action": "CREATED", "source": "WEBAPP", "result": "success", "target.id": self.booked["uid"],
            "actor.type": "guest", "actor.email": "di@x.example", "actor.assurance": "claimed", "scope": None,
            "change start": (None, TEN), "change status": (None, "ACCEPTED"),
        })

    def a_slot_that_is_taken_is_a_failed_attempt(self):
        _, event = self.book(start="2026-02-30T10:00:00.000Z")
        check(event, {"action": "CREATED", "result": "failure", "error": "no_available_users_found_error"})

    def cb5_a_guest_moves_it(self):
        uid = self.booked["uid"]
        moved, event = self.book(start=ELEVEN, end=ELEVEN, rescheduleUid=uid, rescheduledBy="di@x.example")
        check(event, {
            "action": "RESCHEDULED", "target.id": self.booked["uid"], "before.state": "read",
            "change start": (TEN, ELEVEN),
            "details.rescheduledBy": "di@x.example",
            "message.text": "Booking rescheduled from Jan 10, 2026 to Jan 15, 2026",
        })
        require(event["links"][0]["id"] == moved["uid"], "a link to the new booking", event)
        self.booked = moved

    def cb4_a_guest_cancels_it_once(self):
        cancelled = {"uid": self.booked["uid"], "cancellationReason": "Ill", "cancelledBy": "di@x.example"}
        self.guest.ok("POST", "/api/cancel", cancelled)
        check(self.one(), {
            "action": "CANCELLED", "reason": "Ill", "actor.type": "guest", "change status": ("ACCEPTED", "CANCELLED"),
            "details.cancelledBy": "di@x.example",
        })
        self.guest("DELETE", "/api/cancel", {"uid": self.booked["uid"]})
        check(self.one(), {"action": "CANCELLED", "result": "failure", "before.state": "read"})

    def cb11_and_cb12_a_guest_takes_a_seat_and_moves_it(self):
        seat, event = self.book(eventTypeId=52)
        check(event, {
            "action": "SEAT_BOOKED", "details.seat": "seat-1", "target.id": seat["uid"],
            "details.attendee": "di@x.example",
        })
        _, event = self.book(eventTypeId=52, start=ELEVEN, end=ELEVEN, rescheduleUid=seat["uid"])
        check(event, {"action": "SEAT_RESCHEDULED", "details.seat": "seat-1", "change start": (TEN, ELEVEN)})

    def cb2_and_cb3_a_host_answers_by_a_link_once(self):
        booked, _ = self.book(eventTypeId=53)
        link = f"/api/verify-booking-token?action=accept&token=by-mail-only&bookingUid={booked['uid']}&userId=7"
        self.guest("GET", link)
        check(self.one(), {
            "action": "ACCEPTED", "source": "MAGIC_LINK", "result": "success", "target.id": booked["uid"],
            "change status": (None, "ACCEPTED"), "actor.id": "7", "actor.assurance": "claimed",
        })
        self.guest("GET", link)
        check(self.one(), {
            "action": "ACCEPTED", "result": "failure", "error": "Booking already confirmed", "changes": 0,
        })

    def cf1_the_system_and_webhooks_are_sources_of_their_own(self):
        scheduler = Caller(self.sidecar.port, authorization="the-scheduler-knows")
        scheduler.ok("POST", "/api/cron/bookingReminder", {})
        check(self.one(), {"action": "JOB_RUN", "source": "SYSTEM", "actor.type": "system", "actor.name": "Cal.com"})
        self.guest("POST", "/api/cron/bookingReminder", {})
        check(self.one(), {"action": "JOB_RUN", "result": "denied", "actor.type": "unknown"})
        payments = Caller(self.sidecar.port, **{"stripe-signature": "t=1"})
        told = {"id": "evt-1", "type": "payment_intent.succeeded"}
        payments.ok("POST", "/api/integrations/stripepayment/webhook", told)
        check(self.one(), {
            "action": "WEBHOOK_RECEIVED", "source": "WEBHOOK", "details.event": "payment_intent.succeeded",
            "actor.assurance": "claimed",
        })

    def cs4_logins_fail_in_every_way_and_then_succeed(self):
        bo = {"email": "bo@example.org", "password": "bo-knows"}
        check(self.login(self.guest, email="bo@example.org", password="guessed-it"), {
            "action": "LOGIN", "result": "failure", "error": "incorrect-email-password", "target.id": "bo@example.org",
        })
        check(self.login(self.guest, **bo), {
            "action": "LOGIN_SECOND_FACTOR_ASKED", "result": "unknown", "error": "second-factor-required",
        })
        check(self.login(self.guest, **bo, totpCode="135791"), {
            "action": "LOGIN", "result": "failure", "error": "incorrect-two-factor-code",
        })
        check(self.login(Caller(self.sidecar.port), **bo, totpCode="246810"), {
            "action": "LOGIN", "result": "success", "source": "WEBAPP", "category": "SECURITY", "error": None,
            "actor.email": "bo@example.org", "actor.assurance": "verified", "details.secondFactor": "totp",
            "message.text": "bo@example.org logged in",
        })
        check(self.login(self.ada, email="ada@example.org", password="ada-knows"), {"result": "success"})

    def cs4_google_says_who_it_is(self):
        Caller(self.sidecar.port)("GET", "/api/auth/callback/google?code=google-says&state=s-1")
        check(self.one(), {"action": "LOGIN", "result": "success", "source": "OAUTH", "details.provider": "google"})

    def cs6_and_cs7_a_second_factor_comes_and_goes(self):
        path = "/api/auth/two-factor/totp"
        self.ada("POST", f"{path}/enable", {"code": "135791"})
        check(self.one(), {"action": "TWO_FACTOR_ENABLED", "result": "failure", "error": "incorrect-two-factor-code"})
        self.ada.ok("POST", f"{path}/enable", {"code": "246810"})
        check(self.one(), {
            "action": "TWO_FACTOR_ENABLED", "result": "success", "actor.id": "7", "target.id": "7",
            "scope.organization": "3",
        })
        self.ada.ok("POST", f"{path}/disable", {"password": "ada-knows", "code": "246810"})
        check(self.one(), {"action": "TWO_FACTOR_DISABLED", "result": "success", "actor.name": "Ada"})
        self.guest("POST", f"{path}/disable", {"password": "guessed-it"})
        check(self.one(), {"action": "TWO_FACTOR_DISABLED", "result": "denied", "actor.type": "unknown"})

    def cs5_a_password_is_asked_for_and_set_anew(self):
        self.guest.ok("POST", "/api/auth/forgot-password", {"email": "bo@example.org"})
        check(self.one(), {"action": "PASSWORD_RESET_REQUESTED", "target.id": "bo@example.org"})
        self.guest.ok("POST", "/api/auth/reset-password", {"password": "bo-knows-better", "requestId": "reset-by-this"})
        check(self.one(), {"action": "PASSWORD_CHANGED", "result": "success", "source": "MAGIC_LINK"})

    def cs8_cs9_an_administrator_acts_as_somebody_and_stops(self):
        self.ada.ok("POST", ACT_AS, {"username": "bo", "csrfToken": "csrf-of-the-form", "json": "true"})
        check(self.one(), {
            "action": "IMPERSONATION_START", "result": "success", "actor.id": "7", "target.id": "bo",
            "message.text": "Ada acts as bo from now on",
        })
        booked, _ = self.book()
        self.ada.ok("POST", "/api/cancel", {"uid": booked["uid"]})
        check(self.one(), {
            "action": "CANCELLED", "actor.id": "7", "actor.role": "ADMIN", "onBehalfOf.id": "9",
            "onBehalfOf.name": "Bo",
        })
        self.ada.ok("POST", ACT_AS, {"returnToId": "7", "csrfToken": "csrf-of-the-form", "json": "true"})
        check(self.one(), {
            "action": "IMPERSONATION_STOP", "result": "success", "actor.id": "7", "onBehalfOf.id": "9",
            "target.id": "9",
        })

    def who_may_not_act_as_another_is_denied(self):
        bo = Caller(self.sidecar.port)
        self.login(bo, email="bo@example.org", password="bo-knows", totpCode="246810")
        bo("POST", ACT_AS, {"username": "ada"})
        check(self.one(), {
            "action": "IMPERSONATION_START", "result": "denied", "error": "CredentialsSignin", "actor.id": "9",
        })

    def a_logout_knows_who_it_was(self):
        self.ada.ok("POST", "/api/auth/signout", {"csrfToken": "csrf-of-the-form", "json": "true"})
        check(self.one(), {"action": "LOGOUT", "result": "success", "actor.id": "7", "message.text": "Ada logged out"})

    STEPS = [
        cb1_a_guest_books, a_slot_that_is_taken_is_a_failed_attempt, cb5_a_guest_moves_it, cb4_a_guest_cancels_it_once,
        cb11_and_cb12_a_guest_takes_a_seat_and_moves_it, cb2_and_cb3_a_host_answers_by_a_link_once,
        cf1_the_system_and_webhooks_are_sources_of_their_own, cs4_logins_fail_in_every_way_and_then_succeed,
        cs4_google_says_who_it_is, cs6_and_cs7_a_second_factor_comes_and_goes, cs5_a_password_is_asked_for_and_set_anew,
        cs8_cs9_an_administrator_acts_as_somebody_and_stops, who_may_not_act_as_another_is_denied,
        a_logout_knows_who_it_was,
    ]
