"""The web application's own routes: NextAuth's, what public pages send, what schedulers and other services call.

NextAuth: the documented REST API of version 4; a refusal is a 401 with a `url` that has `error=` in it, and the error
codes are those that Cal.com's own login page knows. The rest: what the web application sends and shows.
"""

from office import ADA, SESSION, shown


class Nextauth:
    """`/api/auth/…`"""

    def credentials(self, call):
        form, office = call.body, call.office
        person = next((one for one in office.people.values() if one["email"] == form.get("email")), None)
        if person is None or person["password"] != form.get("password"):
            return call.login_refused("incorrect-email-password")
        if person["locked"]:
            return call.login_refused("user-account-locked")
        if person["factor"] and not form.get("totpCode"):
            return call.login_refused("second-factor-required")
        if person["factor"] and form["totpCode"] != person["factor"]:
            return call.login_refused("incorrect-two-factor-code")
        return call.login(person["id"])

    def google(self, call):
        call.login(ADA)
        return 302, None, {"location": "/event-types", **call.answered}

    def impersonation(self, call):
        session = call.session()
        if call.body.get("returnToId"):
            return call.login(session["impersonator"])
        people = call.office.people.values()
        person = next((one for one in people if one["username"] == call.body.get("username")), None)
        if session is None or person is None or call.person()["role"] != "ADMIN":
            return call.login_refused("CredentialsSignin")
        return call.login(person["id"], impersonator=session["user"])

    def session(self, call):
        session = call.session()
        if session is None:
            return 200, {}
        person = call.office.people[session["user"]]
        user = {name: person[name] for name in ("id", "name", "email", "username", "role")}
        user["org"] = {"id": 3, "name": "Example"}
        if session["impersonator"]:
            impersonator = call.office.people[session["impersonator"]]
            user["impersonatedBy"] = {"id": impersonator["id"], "role": impersonator["role"]}
        return 200, {"user": user, "expires": "2027-01-01T00:00:00.000Z", "upId": f"usr-{person['id']}"}

    def signout(self, call):
        call.office.sessions.pop(call.cookie(), None)
        return 200, {"url": "/auth/login"}, {"set-cookie": f"{SESSION}=; Path=/; Max-Age=0"}

    def enable(self, call):
        person = call.person()
        if call.body.get("code") != "246810":
            return 400, {"error": "incorrect-two-factor-code"}
        person["factor"] = "246810"
        return 200, {"message": "Two-factor enabled"}

    def disable(self, call):
        person = call.person()
        if call.body.get("password") != person["password"]:
            return 400, {"error": "incorrect-password"}
        person["factor"] = None
        return 200, {"message": "Two factor disabled"}

    def forgot(self, call):
        return 201, {"message": "password_reset_email_sent"}

    def reset(self, call):
        if call.body.get("requestId") != "reset-by-this":
            return 404, {"message": "not found"}
        return 201, {"message": "Password reset."}

    ROUTES = {
        ("POST", "callback/credentials"): credentials, ("GET", "callback/google"): google, ("GET", "session"): session,
        ("POST", "callback/impersonation-auth"): impersonation, ("POST", "signout"): signout,
        ("POST", "two-factor/totp/enable"): enable, ("POST", "two-factor/totp/disable"): disable,
        ("POST", "forgot-password"): forgot, ("POST", "reset-password"): reset,
    }


class Pages:
    """What the public pages send: `/api/book/…` and `/api/cancel`, and links in e-mails."""

    def book(self, call):
        body, office = call.body, call.office
        if body["start"].startswith("2026-02-30"):
            return 409, {"message": "no_available_users_found_error"}
        booking = office.book(start=body["start"], end=body["end"])
        booking["status"] = "pending" if body["eventTypeId"] == 53 else "accepted"
        if moved := body.get("rescheduleUid"):
            office.booking(moved)["status"] = "cancelled"
        seat = {"seatReferenceUid": "seat-1"} if body["eventTypeId"] == 52 else {}
        return 200, {**shown(booking), **seat}

    def cancel(self, call):
        booking = call.office.booking(call.body["uid"])
        if booking["status"] == "cancelled":
            return 400, {"success": False, "message": "This booking has already been cancelled"}
        booking["status"] = "cancelled"
        return 200, {"success": True, "message": "Booking successfully cancelled."}

    def answer_by_link(self, call):
        booking = call.office.booking(call.query["bookingUid"])
        place = f"http://localhost/booking/{booking['uid']}"
        if booking["status"] != "pending":
            return 303, None, {"location": f"{place}?error=Booking+already+confirmed"}
        booking["status"] = {"accept": "accepted", "reject": "rejected"}[call.query["action"]]
        return 303, None, {"location": place}


class Machines:
    """What schedulers and other services call."""

    def job(self, call):
        if call.headers.get("authorization") != "the-scheduler-knows":
            return 401, {"message": "Not authenticated"}
        return 200, {"notificationsSent": 2}

    def hook(self, call):
        if "stripe-signature" not in call.headers:
            return 400, {"message": "Webhook signature is missing"}
        return 200, {"received": True}
