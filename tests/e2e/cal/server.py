"""A stand-in for Cal.com: enough of its web application and of API v2 to be recorded, and nothing else.

It is no copy of Cal.com and no test of it. Each of the other files says where its shapes come from. tRPC
(`/api/trpc/router/a,b?batch=1`, `result.data.json`, `error.json.data`) is tRPC 10's HTTP specification with superjson.

    python3 tests/e2e/cal/server.py 8080
"""

import http.server
import json
import secrets
import sys
import urllib.parse

from office import ADA, CLIENT, SESSION, Office, Refused, fail
from procedures import Trpc
from version2 import CREATED, version_2
from web import Machines, Nextauth, Pages


class Call(http.server.BaseHTTPRequestHandler):
    """One request: who sends it, what it says, and the answer."""

    protocol_version = "HTTP/1.1"
    office = Office()

    def answer(self):
        self.method, self.answered = self.command, {}
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query))
        text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        is_form = "x-www-form-urlencoded" in self.headers.get("content-type", "")
        self.body = dict(urllib.parse.parse_qsl(text)) if is_form else json.loads(text or "{}")
        parts = path.strip("/").split("/")
        try:
            status, body, *headers = self.route(parts)
        except Refused as refused:
            status, headers = refused.status, []
            body = {"message": refused.message}
            if parts[0] == "v2":
                body = {"status": "error", "path": path, "error": {"code": refused.code, **body}}
        self.send(status, body, {**self.answered, **(headers[0] if headers else {})})

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def route(self, parts):
        match parts:
            case ["v2", *rest]:
                status = 201 if self.method == "POST" and rest[-1] in CREATED else 200
                data = version_2(self, rest)
                return status, {"status": "success"} if data is None else {"status": "success", "data": data}
            case ["api", "trpc", router, procedures]:
                return self.trpc(router, procedures.split(","))
            case ["api", "auth", *rest]:
                found = Nextauth.ROUTES.get((self.method, "/".join(rest)))
                return found(Nextauth(), self) if found else (404, {"message": "not found"})
            case ["api", "book", "event"]:
                return Pages().book(self)
            case ["api", "cancel"]:
                return Pages().cancel(self)
            case ["api", "verify-booking-token"]:
                return Pages().answer_by_link(self)
            case ["api", "cron", _]:
                return Machines().job(self)
            case ["api", "integrations", _, "webhook"]:
                return Machines().hook(self)
            case _:
                return 404, {"message": "not found"}

    def trpc(self, router, procedures):
        said = json.loads(self.query.get("input", "{}")) if self.method == "GET" else self.body
        if "batch" not in self.query:
            status, item = self.procedure(f"{router}/{procedures[0]}", said)
            return status, item
        answers = [self.procedure(f"{router}/{name}", said.get(str(at), {})) for at, name in enumerate(procedures)]
        statuses = {status for status, _ in answers}
        return statuses.pop() if len(statuses) == 1 else 207, [item for _, item in answers]

    def procedure(self, name, said):
        try:
            found = Trpc.ROUTES.get(name) or fail(404, "NOT_FOUND", f"No procedure on path {name}")
            return 200, {"result": {"data": {"json": found(Trpc(), self, said.get("json") or {})}}}
        except Refused as refused:
            data = {"code": refused.code, "httpStatus": refused.status, "path": name.split("/")[1]}
            return refused.status, {"error": {"json": {"message": refused.message, "code": -32603, "data": data}}}

    def cookie(self):
        pairs = [pair.strip().partition("=") for pair in self.headers.get("cookie", "").split(";")]
        return next((value for name, _, value in pairs if name == SESSION), None)

    def session(self):
        return self.office.sessions.get(self.cookie())

    def person(self):
        session = self.session() or fail(401, "UNAUTHORIZED", "Not authenticated")
        return self.office.people[session["user"]]

    def holder(self):
        """Whose key was sent; a platform client is its owner."""
        client = {"id": self.headers.get("x-cal-client-id"), "secret": self.headers.get("x-cal-secret-key")}
        if client == CLIENT:
            return self.office.people[ADA]
        key = self.headers.get("authorization", "").removeprefix("Bearer ")
        if key == "cal_live_expired":
            fail(498, "TokenExpiredException", "ACCESS_TOKEN_IS_EXPIRED")
        return self.office.people[self.office.keys.get(key) or fail(401, "UnauthorizedException", "Invalid API Key")]

    def login(self, user, impersonator=None):
        token = secrets.token_urlsafe(32)
        self.office.sessions[token] = {"user": user, "impersonator": impersonator}
        self.answered["set-cookie"] = f"{SESSION}={token}; Path=/; HttpOnly; SameSite=Lax"
        return 200, {"url": "http://localhost/event-types"}

    def login_refused(self, code):
        return 401, {"url": f"http://localhost/auth/error?error={code}"}

    def send(self, status, body, headers):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, form, *values):
        print(form % values, flush=True)


if __name__ == "__main__":
    http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Call).serve_forever()
