"""Earwitness before a Django project: the admin site and django-scheduler, worked with as a browser does.

Nothing but forms, pages and a session cookie: no API to ask, and answers that say no with 200. After each step the query
endpoint must return exactly the records that the step makes.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/django_admin.py
"""

import pathlib
import sys
import tempfile

from expect import check, exactly, require, tell
from sidecar import ROOT, Earwitness, Process, free_port, listens

import mechanicalsoup

FORM = "#content form"
# Of a page that has no other.
PLAIN_FORM = "form"
# Written anew each time: MechanicalSoup sends a text area with one line end too many, which would be a change.
TEXT = {"description": "Bring the old ones"}


class Browser:
    """Somebody with a browser of his own: opens pages, fills in forms, presses their first button."""

    def __init__(self, sidecar):
        self.base = f"http://127.0.0.1:{sidecar.port}"
        self._browser = mechanicalsoup.StatefulBrowser()

    def submit(self, path, form=FORM, **fields):
        """Opens a page and sends a form of it; the answer is the page that comes back at last."""
        self._browser.open(self.base + path)
        return self.submit_again(form, **fields)

    def submit_again(self, form=FORM, **fields):
        """Sends a form of the page that is open."""
        selected = self._browser.select_form(form)
        for name, value in fields.items():
            if isinstance(value, bool):
                selected.set_checkbox({name: value})
            else:
                selected.set(name, value)
        return self._browser.submit_selected()

    def tick(self, path, values, **fields):
        """Ticks rows of a list and runs an action on them."""
        self._browser.open(self.base + path)
        self._browser.select_form("#changelist-form").set_checkbox({"_selected_action": values})
        return self.submit_again("#changelist-form", **fields)

    def post(self, path, **fields):
        """Sends what no form of a page would."""
        return self._browser.session.post(self.base + path, data=fields, allow_redirects=False, timeout=10)

    def cookie(self, name):
        return self._browser.session.cookies.get(name)

    def take_cookies(self, **cookies):
        """Goes on with somebody else's."""
        self._browser.session.cookies.update(cookies)

    def login(self, name, password):
        return self.submit("/admin/login/", "#login-form", username=name, password=password)


class Story:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar
        self.ada = Browser(sidecar)
        self.bo = Browser(sidecar)
        self.secrets = ["ada-knows", "ada-learnt-2026", "bo-knows", "carl-knows-2026", "carl-learnt-2026", "guessed"]

    def only(self):
        (event,) = exactly(self.sidecar.new_events(1), 1)
        return event

    def a_wrong_password_is_told_by_the_page(self):
        self.ada.login("ada", "guessed")
        event = self.only()
        check(event, {"action": "LOGIN", "result": "failure", "response.status": 200, "target.id": "ada"})
        require(event["error"].startswith("Please enter the correct username"), "the page's own words", event)

    def a_login_is_recorded(self):
        self.ada.login("ada", "ada-knows")
        check(self.only(), {
            "action": "LOGIN", "result": "success", "actor.id": "ada", "actor.assurance": "verified",
            "response.status": 302, "error": None, "source": "ADMIN",
        })

    def a_calendar_is_added(self):
        self.ada.submit("/admin/schedule/calendar/add/", name="Work", slug="work")
        event = self.only()
        check(event, {
            "action": "ADDED", "result": "success", "actor.id": "ada", "actor.evidence": "login",
            "target.type": "schedule.calendar", "target.name": "Work",
        })
        require("csrfmiddlewaretoken" in str(event["raw"]), "what was sent is kept", event)

    def a_change_has_both_values(self):
        self.ada.submit("/admin/schedule/calendar/1/change/", name="Rooms & times")
        check(self.only(), {
            "action": "CHANGED", "result": "success", "before.state": "read", "target.id": "1", "target.name": "Work",
            "changes": 1, "change name": ("Work", "Rooms & times"), "actor.id": "ada", "match.certainty": "certain",
        })

    def a_form_that_comes_back_has_changed_nothing(self):
        self.ada.submit("/admin/schedule/calendar/1/change/", name="")
        check(self.only(), {
            "action": "CHANGED", "result": "failure", "response.status": 200, "error": "This field is required.", "changes": 0,
        })

    def an_account_is_added(self):
        self.ada.submit("/admin/auth/user/add/", username="carl", password1="carl-knows-2026", password2="carl-knows-2026")
        check(self.only(), {"action": "ADDED", "target.type": "auth.user", "target.id": "3", "target.name": "carl"})

    def its_rights_are_told_apart(self):
        self.ada.submit("/admin/auth/user/3/change/", is_staff=True, first_name="Carl")
        check(self.only(), {
            "action": "RIGHTS_CHANGED", "category": "SECURITY", "target.name": "carl", "changes": 2,
            "change is_staff": (None, "on"), "change first_name": ("", "Carl"),
        })

    def its_password_is_set(self):
        self.ada.submit("/admin/auth/user/3/password/", password1="carl-learnt-2026", password2="carl-learnt-2026")
        check(self.only(), {"action": "PASSWORD_SET", "result": "success", "target.id": "3", "actor.id": "ada"})

    def what_is_ticked_and_deleted_is_told_one_by_one(self):
        for name in ("Sales", "Office"):
            self.ada.submit("/admin/auth/group/add/", name=name)
        exactly(self.sidecar.new_events(2), 2)
        self.ada.tick("/admin/auth/group/", ["1", "2"], action="delete_selected")
        self.ada.submit_again()
        # The page that asks whether she is sure made no record: it did nothing.
        first, second = exactly(self.sidecar.new_events(2), 2)
        names = {event["target"]["id"]: event["target"]["name"] for event in (first, second)}
        require(names == {"1": "Sales", "2": "Office"}, "both groups as they were", [first, second])
        check(first, {"action": "DELETED", "result": "success", "before.state": "read", "actor.id": "ada"})

    def what_is_deleted_is_kept_as_it_was(self):
        self.ada.submit("/admin/schedule/calendar/add/", name="Spare", slug="spare")
        self.only()
        self.ada.submit("/admin/schedule/calendar/2/delete/")
        event = self.only()
        check(event, {"action": "DELETED", "target.id": "2", "target.name": "Spare", "before.state": "read"})
        require("spare" in str(event["raw"]), "the whole of it", event)

    def whoever_may_not_is_denied(self):
        self.bo.login("bo", "bo-knows")
        check(self.only(), {"action": "LOGIN", "actor.id": "bo"})
        self.bo.post("/admin/schedule/calendar/1/delete/", post="yes", csrfmiddlewaretoken=self.bo.cookie("csrftoken"))
        event = self.only()
        check(event, {
            "action": "DELETED", "result": "denied", "response.status": 403, "actor.id": "bo", "target.id": "1",
            "before.state": "unavailable", "target.name": None,
        })

    def a_form_without_its_token_is_denied(self):
        self.ada.post("/admin/schedule/calendar/1/delete/", post="yes")
        check(self.only(), {"action": "DELETED", "result": "denied", "response.status": 403, "actor.id": "ada"})

    def one_s_own_password_is_changed_and_the_session_goes_on(self):
        new = dict(new_password1="ada-learnt-2026", new_password2="ada-learnt-2026")
        self.ada.submit("/admin/password_change/", old_password="guessed", **new)
        check(self.only(), {
            "action": "PASSWORD_CHANGED", "result": "failure",
            "error": "Your old password was entered incorrectly. Please enter it again.",
        })
        self.ada.submit("/admin/password_change/", old_password="ada-knows", **new)
        check(self.only(), {"action": "PASSWORD_CHANGED", "result": "success", "actor.id": "ada"})
        self.ada.submit("/admin/schedule/calendar/1/change/", name="Rooms")
        check(self.only(), {"action": "CHANGED", "actor.id": "ada", "change name": ("Rooms & times", "Rooms")})

    def an_event_is_entered_in_the_calendar(self):
        day = dict(start_0="2026-01-10", start_1="10:00", end_0="2026-01-10", end_1="11:00")
        event = dict(title="Fitting", **day, **TEXT)
        self.ada.submit("/schedule/event/create/work/", PLAIN_FORM, **{**event, "end_1": "09:00"})
        check(self.only(), {
            "action": "EVENT_CREATED", "result": "failure", "response.status": 200,
            "error": "The end time must be later than start time.",
        })
        self.ada.submit("/schedule/event/create/work/", PLAIN_FORM, **event)
        check(self.only(), {
            "action": "EVENT_CREATED", "result": "success", "source": "SCHEDULER", "actor.id": "ada",
            "target.type": "event", "target.id": "1", "target.name": "Fitting", "details.calendar": "work",
            "change start_0": (None, "2026-01-10"), "message.text": "Fitting was entered for 2026-01-10 10:00",
        })

    def it_is_moved_and_changed_and_both_are_told_with_what_was(self):
        self.ada.submit("/schedule/event/edit/work/1/", PLAIN_FORM, start_0="2026-01-12", end_0="2026-01-12", **TEXT)
        check(self.only(), {
            "action": "EVENT_MOVED", "before.state": "read", "target.name": "Fitting", "changes": 2,
            "change start_0": ("2026-01-10", "2026-01-12"), "change end_0": ("2026-01-10", "2026-01-12"),
        })
        self.ada.submit("/schedule/event/edit/work/1/", PLAIN_FORM, title="Second fitting", **TEXT)
        check(self.only(), {"action": "EVENT_CHANGED", "changes": 1, "change title": ("Fitting", "Second fitting")})

    def it_is_dragged_and_both_times_are_read(self):
        drag = dict(id="", existed="false", delta="60", event_id="1")
        token = self.ada.cookie("csrftoken")
        self.ada.post("/schedule/api/move_or_resize/", csrfmiddlewaretoken=token, **drag)
        check(self.only(), {
            "action": "EVENT_MOVED", "result": "success", "target.name": "Second fitting", "actor.id": "ada",
            "change start_1": ("10:00:00", "11:00:00"), "change end_1": ("11:00:00", "12:00:00"), "changes": 2,
        })
        stranger = Browser(self.sidecar)
        stranger.submit("/admin/login/", "#login-form")
        exactly(self.sidecar.new_events(1), 1)
        token = stranger.cookie("csrftoken")
        stranger.post("/schedule/api/move_or_resize/", csrfmiddlewaretoken=token, **drag)
        check(self.only(), {
            "action": "EVENT_MOVED", "result": "denied", "response.status": 200, "actor.type": "unknown",
            "target.name": None, "changes": 0,
        })

    def what_the_application_fails_at_is_a_failure(self):
        # django-scheduler 0.12 answers 500 to everything about single times, on Django 5.2.
        self.ada.post("/schedule/occurrence/cancel/1/2026/1/12/11/0/0/", csrfmiddlewaretoken=self.ada.cookie("csrftoken"))
        check(self.only(), {
            "action": "OCCURRENCE_CANCELLED", "result": "failure", "response.status": 500, "target.id": "1",
            "details.occurrence": "2026/1/12/11/0/0", "actor.id": "ada",
        })

    def it_is_deleted_and_kept_as_it_was(self):
        self.ada.submit("/schedule/event/delete/1/", PLAIN_FORM)
        event = self.only()
        check(event, {"action": "EVENT_DELETED", "result": "success", "target.name": "Second fitting"})
        require("Bring the old ones" in str(event["raw"]), "the whole of it", event)

    def a_logout_ends_it(self):
        session, token = self.ada.cookie("sessionid"), self.ada.cookie("csrftoken")
        self.secrets += [session, token]
        self.ada.submit("/admin/", "#logout-form")
        check(self.only(), {"action": "LOGOUT", "result": "success", "actor.id": "ada"})
        stale = Browser(self.sidecar)
        stale.take_cookies(sessionid=session, csrftoken=token)
        stale.post("/admin/schedule/calendar/1/delete/", post="yes", csrfmiddlewaretoken=token)
        check(self.only(), {
            "action": "DELETED", "result": "denied", "response.status": 302, "error": "not logged in", "actor.type": "unknown",
        })

    def no_secret_is_in_any_record(self):
        page = self.sidecar.get("/audit/v1/events?limit=200")
        for secret in self.secrets:
            require(secret not in str(page), f"{secret} nowhere", [event for event in page["data"] if secret in str(event)])

    STEPS = [
        a_wrong_password_is_told_by_the_page, a_login_is_recorded, a_calendar_is_added, a_change_has_both_values,
        a_form_that_comes_back_has_changed_nothing, an_account_is_added, its_rights_are_told_apart,
        its_password_is_set, what_is_ticked_and_deleted_is_told_one_by_one, what_is_deleted_is_kept_as_it_was,
        whoever_may_not_is_denied, a_form_without_its_token_is_denied,
        one_s_own_password_is_changed_and_the_session_goes_on, an_event_is_entered_in_the_calendar,
        it_is_moved_and_changed_and_both_are_told_with_what_was, it_is_dragged_and_both_times_are_read,
        what_the_application_fails_at_is_a_failure, it_is_deleted_and_kept_as_it_was, a_logout_ends_it, no_secret_is_in_any_record,
    ]


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        port = free_port()
        site = ROOT / "tests" / "e2e" / "django_site.py"
        django = Process("django", [sys.executable, site, port, folder / "site.sqlite"], folder)
        try:
            django.wait_until("it listens", lambda: listens(port), limit_s=60)
            story = Story(Earwitness(folder, port, ROOT / "rules" / "django-admin"))
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], story.sidecar, django)
        finally:
            django.stop()


if __name__ == "__main__":
    sys.exit(main())
