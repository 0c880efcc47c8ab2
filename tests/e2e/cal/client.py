"""What speaks to the stand-in through Earwitness: a browser with a cookie, or a program with a key."""

import json
import urllib.error
import urllib.parse
import urllib.request

VERSION = {"cal-api-version": "2024-08-13"}


class Caller:
    """Sends requests and answers with status and body; a cookie that is set is sent again."""

    def __init__(self, port, **headers):
        self._base = f"http://127.0.0.1:{port}"
        self._headers = headers
        self._opener = urllib.request.build_opener(Stay())

    def __call__(self, method, path, body=None, form=None):
        headers, content = dict(self._headers), None
        if form is not None:
            content = urllib.parse.urlencode(form).encode()
            headers["content-type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            content, headers["content-type"] = json.dumps(body).encode(), "application/json"
        request = urllib.request.Request(self._base + path, content, headers, method=method)
        try:
            answer = self._opener.open(request, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            text = answer.read()
            if cookie := answer.headers.get("set-cookie"):
                self._headers["cookie"] = cookie.partition(";")[0]
            return answer.status, json.loads(text) if text else None

    def ok(self, method, path, body=None, form=None):
        """The body of an answer that must be a yes; of API v2, its `data`."""
        status, said = self(method, path, body, form)
        assert status < 400, f"{method} {path}: {status} {said}"
        return said["data"] if isinstance(said, dict) and "data" in said else said

    def call(self, procedure, said):
        """One tRPC procedure by itself; its output."""
        return self.ok("POST", f"/api/trpc/{procedure}", {"json": said})["result"]["data"]["json"]

    def batch(self, router, *calls):
        """Several procedures of a router in one request, as the web application sends them."""
        names = ",".join(name for name, _ in calls)
        said = {str(at): {"json": input} for at, (_, input) in enumerate(calls)}
        return self("POST", f"/api/trpc/{router}/{names}?batch=1", said)


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer: whoever follows it would be recorded twice."""

    def redirect_request(self, *_):
        return None
