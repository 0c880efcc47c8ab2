"""Three installations with what their applications' audit logs are about: Cal.com, Google Calendar, Calenso. Each has its own
rule pack before a stand-in, and real requests went through it. What a person does with these logs is in `rows.cjs`.
"""

import base64
import http.server
import json
import pathlib
import subprocess
import sys
import threading
import urllib.error
import urllib.request

from cal.api import Api
from cal.application import Application
from cal.browser import Browser
from google_stand_in import Calendars, StandIn
from sidecar import ROOT, Earwitness, Process, binary, free_port, listens

TOKEN = "house-token-0123456789abcdef"
ADA, BO = "ada@example.org", "bo@example.org"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0"


class Houses:
    """All three, until `stop`."""

    def __init__(self, folder):
        self._running = []
        self.told = {name: self._open(folder / name, build) for name, build in HOUSES.items()}

    def _open(self, folder, build):
        folder.mkdir()
        sidecar, stand_in = build(folder)
        self._running += [sidecar.process, stand_in]
        grants = {"owner": "organization:3", "team": "team:5", "operator": "operator"}
        tokens = {name: token(folder, grant) for name, grant in grants.items()}
        return {"address": f"http://127.0.0.1:{sidecar.admin_port}/", "auditor": TOKEN, **tokens}

    def log(self):
        return "\n".join(each.log() for each in self._running)

    def stop(self):
        for each in self._running:
            each.stop()


def token(folder, grant):
    """A token with that grant, made by the command as an operator makes it."""
    command = [binary(), "token", "create", "--config", folder / "earwitness.yaml", "--name", f"Holder of {grant}", "--grant", grant]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def cal_com(folder):
    """Every kind of event of Cal.com's audit logs, from the stories of `calcom.py`."""
    port = free_port()
    office = Process("calcom", [sys.executable, pathlib.Path(__file__).parents[1] / "cal" / "server.py", port], folder)
    office.wait_until("it listens", lambda: listens(port))
    sidecar = Earwitness(folder, port, ROOT / "rules" / "calcom", token=TOKEN)
    for story in [Browser(sidecar), Application(sidecar), Api(sidecar)]:
        for step in story.STEPS:
            step(story)
    return sidecar, office


def google(folder):
    """Calendars and events that change, people who are told, a look at who is free."""
    stand_in = StandIn(Calendars({"ya29.ada": ADA, "ya29.bo": BO}))
    sidecar = Earwitness(folder, stand_in.port, ROOT / "rules" / "google-calendar", token=TOKEN)

    def send(who, method, path, body=None):
        return call(f"http://127.0.0.1:{sidecar.port}/calendar/v3{path}", method, body, {"authorization": f"Bearer ya29.{who}"})

    team = send("ada", "POST", "/calendars", {"summary": "Team"})["id"]
    times = {"start": {"dateTime": "2026-01-10T10:00:00Z"}, "end": {"dateTime": "2026-01-10T11:00:00Z"}}
    event = send("ada", "POST", f"/calendars/{team}/events", {"summary": "Planning", **times})["id"]
    send("ada", "PATCH", f"/calendars/{team}/events/{event}?sendUpdates=all", {"attendees": [{"email": BO}]})
    send("ada", "PATCH", f"/calendars/{team}/events/{event}", {"summary": "=Planning+1"})
    send("ada", "POST", "/freeBusy", {"timeMin": "2026-01-10T00:00:00Z", "timeMax": "2026-01-11T00:00:00Z", "items": [{"id": team}, {"id": "nobody@example.org"}]})
    send("bo", "POST", "/calendars", {"summary": "Bo's own"})
    return sidecar, stand_in


def calenso(folder):
    """Appointments that are made, moved and deleted, a slot, and a login."""
    stand_in = Things()
    sidecar = Earwitness(folder, stand_in.port, ROOT / "rules" / "calenso", "erasure: { approval: required }\n", token=TOKEN)

    def send(who, method, path, body=None):
        return call(f"http://127.0.0.1:{sidecar.port}{path}", method, body, {"authorization": f"Bearer {jwt(who)}"})

    made = send("ada", "POST", "/api/v1/appointments", {"title": "Fitting", "start": "2026-01-10T10:00:00Z"})
    send("ada", "PUT", f"/api/v1/appointments/{made['id']}", {"title": "Fitting", "start": "2026-01-15T10:00:00Z"})
    slot = send("bo", "POST", "/api/v1/slots", {"name": "Mornings"})
    send("bo", "DELETE", f"/api/v1/slots/{slot['id']}")
    call(f"http://127.0.0.1:{sidecar.port}/oauth/token", "POST", {"grant_type": "password", "username": BO, "password": "bo-knows"}, {})
    return sidecar, stand_in


def call(address, method, body, headers):
    """The answer's body; a refusal is an answer, too."""
    headers = {"content-type": "application/json", "user-agent": BROWSER, **headers}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address, data, headers, method=method), timeout=10) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return json.loads(error.read() or b"null")


def jwt(who):
    """As Auth0 makes them; nobody here looks at the signature."""
    part = lambda value: base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()  # noqa: E731
    claims = {"sub": f"auth0|{who}", "name": who.capitalize(), "email": f"{who}@example.org"}
    return f"{part({'alg': 'RS256'})}.{part(claims)}.c2ln"


class Things:
    """A stand-in that keeps things by area and number, as Calenso's interface is taken to do."""

    def __init__(self):
        things, lines = {}, []
        self._lines = lines

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one(self):
                body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
                area, _, number = self.path.removeprefix("/api/v1/").partition("/")
                if not number and self.command == "POST":
                    number = str(len(things) + 7)
                    things[area, number] = {"id": int(number)}
                if self.path.startswith("/api/v1/") and (area, number) not in things:
                    return self.reply(404, {"message": "not found"})
                if self.command == "DELETE":
                    return self.reply(200, things.pop((area, number)))
                thing = things.get((area, number), {"access_token": "t"})
                if self.command != "GET":
                    thing |= body if "id" in thing else {}
                return self.reply(200, thing)

            do_GET = do_POST = do_PUT = do_DELETE = handle_one

            def reply(self, status, answer):
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, form, *values):
                lines.append(form % values)

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def log(self):
        return "\n".join(["--- log of the stand-in for Calenso", *self._lines[-40:]])

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


HOUSES = {"calcom": cal_com, "google": google, "calenso": calenso}
