"""The same session with a CalDAV server twice, without Earwitness and through it: every answer must be the same.

Compared are status, reason, headers and the body to the byte. Left out is what docs/deploy.md lists (the headers of one
connection, how a body is framed, the case and order of headers' names), and what no two sessions share: the port, and the time.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/dav/same.py
"""

import base64
import contextlib
import gzip
import http.client
import pathlib
import re
import socket
import sys
import tempfile

from objects import ACCESS, ICALENDAR, PROPERTIES, XML, event_text, free_busy_text, mkcalendar, other_text, propertyupdate
from servers import ADDRESS, PACK, PASSWORD, USER, Radicale, Xandikos

from expect import require, tell
from sidecar import Earwitness

# RFC 9110, section 7.6.1; and `Date`, whose presence counts.
OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding"}
# RFC 9110, section 5.6.7, and iCalendar's and CalDAV's own ways to write a time that is now; and Radicale's random token.
TIMES = [
    rb"\w{3}, \d{2} \w{3} \d{4} \d{2}:\d{2}:\d{2} GMT", rb"DTSTAMP:20(?!260101)\d{6}T\d{6}Z",
    rb"20\d\d-\d\d-\d\dT[\d:.]+Z", rb"ns/sync/[0-9a-f]{64}",
]


def basic(password):
    return {"Authorization": "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()}


def propfind(properties):
    return f"<D:propfind {PROPERTIES}><D:prop>{properties}</D:prop></D:propfind>"


def report(kind, content):
    data = "<D:prop><D:getetag/><C:calendar-data/></D:prop>"
    return f"<C:{kind} {PROPERTIES}>{data}{content}</C:{kind}>"


WINDOW = (
    '<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">'
    '<C:time-range start="20260101T000000Z" end="20260201T000000Z"/></C:comp-filter></C:comp-filter></C:filter>'
)
EVENT = dict(DTSTART="20260110T100000Z", DTEND="20260110T110000Z", SUMMARY="Planning für alle")


class Session:
    """Requests in one order to one port, and their answers."""

    def __init__(self, server, port):
        self.home, self.port = server.home, port
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.answers = []

    def ask(self, method, path, body=None, headers=None, password=PASSWORD, pieces=None):
        """One exchange. `pieces` is a body in chunks."""
        sent = {**(basic(password) if password else {}), **(headers or {})}
        body = body.encode() if isinstance(body, str) else body
        with self.at_once():
            self.connection.request(method, path, body=pieces or body, headers=sent, encode_chunked=pieces is not None)
        answer = self.connection.getresponse()
        content = answer.read()
        # The length of a body that came whole is framing, as chunks are; a HEAD and a 304 tell of a body that does not come.
        without = OF_ONE_CONNECTION | ({"content-length"} if content or answer.getheader("Content-Length") == "0" else set())
        if answer.getheader("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        headers = [(name.lower(), self.timeless(value.encode())) for name, value in answer.getheaders()]
        # The order of different headers means nothing (RFC 9110, section 5.3), that of equal ones does: the sort is stable.
        headers = sorted((pair for pair in headers if pair[0] not in without), key=lambda pair: pair[0])
        self.answers.append((f"{method} {path}", answer.status, answer.reason, headers, self.timeless(content)))
        return answer

    @contextlib.contextmanager
    def at_once(self):
        """All of a request leaves together: a server that refuses it at its head closes, and what came later would break."""
        if self.connection.sock is None:
            self.connection.connect()
        cork = lambda is_held: self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, is_held)
        cork(1)
        yield
        cork(0)

    def timeless(self, content):
        content = content.replace(f"127.0.0.1:{self.port}".encode(), b"127.0.0.1:port")
        for time in TIMES:
            content = re.sub(time, b"(a time)", content)
        return content.decode("utf-8", "surrogateescape")

    def told(self):
        """A client that finds its way, makes a calendar, fills it, is refused, and leaves."""
        work, there = f"{self.home}work/", f"{self.home}there/"
        self.ask("OPTIONS", "/")
        self.ask("GET", "/.well-known/caldav")
        self.ask("PROPFIND", self.home, propfind("<D:resourcetype/>"), XML, password=None)
        self.ask("PROPFIND", self.home, propfind("<D:resourcetype/>"), XML, password="guessed")
        self.ask("PROPFIND", "/", propfind("<D:current-user-principal/><C:calendar-home-set/>"), {**XML, "Depth": "0"})
        self.ask("PROPFIND", f"/{USER}/", "<nonsense", {**XML, "Depth": "0"})
        names = "<D:displayname>Büro &amp; mehr</D:displayname><A:calendar-color>#FF0000</A:calendar-color>"
        for path in [work, there, work]:
            self.ask("MKCALENDAR", path, mkcalendar(names), XML)
        self.ask("PROPPATCH", work, propertyupdate("<D:displayname>Office</D:displayname>"), XML)
        self.ask("ACL", work, ACCESS, XML)
        self.objects(work, there)
        self.reports(work)
        self.ask("POST", f"/{USER}/outbox/", free_busy_text(ADDRESS, "mailto:di@example.org"), ICALENDAR)
        self.ask("BREW", work)
        for path in [f"{work}absent.ics", f"{work}planning.ics", f"{work}task.ics", work, work, there]:
            self.ask("DELETE", path)
        self.connection.close()
        return self.answers

    def objects(self, work, there):
        path = f"{work}planning.ics"
        self.ask("PUT", path, event_text(**EVENT), {**ICALENDAR, "If-None-Match": "*"})
        self.ask("PUT", path, event_text(**EVENT), {**ICALENDAR, "If-None-Match": "*"})
        etag = self.ask("GET", path).getheader("ETag") or ""
        self.ask("GET", path, headers={"If-None-Match": etag})
        self.ask("GET", path, headers={"Accept-Encoding": "gzip"})
        self.ask("GET", path, headers={"Range": "bytes=0-9"})
        self.ask("HEAD", path)
        self.ask("PUT", path, event_text(**{**EVENT, "SUMMARY": "Budget"}), {**ICALENDAR, "If-Match": '"stale"'})
        self.ask("PUT", path, event_text(**{**EVENT, "SUMMARY": "Budget"}), {**ICALENDAR, "If-Match": etag})
        self.ask("PUT", path, event_text(**EVENT, RRULE="FREQ=DAILY;COUNT=3"), {**ICALENDAR, "Expect": "100-continue"})
        text = event_text("pieces", **EVENT).encode()
        self.ask("PUT", f"{work}pieces.ics", headers=ICALENDAR, pieces=iter([text[:7], text[7:]]))
        self.ask("PUT", f"{work}task.ics", other_text("VTODO", "task", "Milk"), ICALENDAR)
        self.ask("PUT", f"{work}broken.ics", "BEGIN:VCALENDAR\r\nnothing", ICALENDAR)
        self.ask("PUT", f"{work}empty.ics", "", ICALENDAR)
        self.ask("PUT", f"{work}sp%20%C3%A4%2Fce.ics", event_text("space", **EVENT), ICALENDAR)
        to = {"Destination": f"http://127.0.0.1:{self.port}{there}moved.ics"}
        self.ask("COPY", path, headers=to)
        self.ask("MOVE", f"{work}pieces.ics", headers={**to, "Overwrite": "F"})
        self.ask("MOVE", f"{work}absent.ics", headers=to)

    def reports(self, work):
        for depth in ["0", "1"]:
            everything = propfind("<D:displayname/><D:getetag/><D:resourcetype/><D:getlastmodified/><A:calendar-color/>")
            self.ask("PROPFIND", work, everything, {**XML, "Depth": depth})
            self.ask("PROPFIND", work, everything, {**XML, "Depth": depth, "Accept-Encoding": "gzip"})
        self.ask("REPORT", work, report("calendar-query", WINDOW), {**XML, "Depth": "1"})
        wanted = "".join(f"<D:href>{work}{name}.ics</D:href>" for name in ["planning", "absent"])
        self.ask("REPORT", work, report("calendar-multiget", wanted), {**XML, "Depth": "1"})
        sync = f"<D:sync-collection {PROPERTIES}><D:sync-token/><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop>"
        self.ask("REPORT", work, sync + "</D:sync-collection>", XML)
        window = '<C:time-range start="20260101T000000Z" end="20260201T000000Z"/>'
        self.ask("REPORT", work, f"<C:free-busy-query {PROPERTIES}>{window}</C:free-busy-query>", {**XML, "Depth": "1"})
        self.ask("REPORT", work, "<nonsense/>", XML)


class Story:
    def __init__(self, sidecar, direct, behind):
        self.sidecar = sidecar
        self.sessions = [Session(direct, direct.port), Session(behind, sidecar.port)]

    def every_answer_is_the_same(self):
        direct, through = [session.told() for session in self.sessions]
        statuses = {status for _, status, *_ in direct}
        require(statuses >= {200, 201, 207, 404}, "the session is answered in many ways", sorted(statuses))
        differ = [pair for pair in zip(direct, through, strict=True) if pair[0] != pair[1]]
        require(not differ, f"{len(differ)} of {len(direct)} answers differ", differ)
        print(f"      {len(direct)} answers, of the statuses {sorted(statuses)}")

    def what_was_changed_is_on_record(self):
        found = self.sidecar.get("/audit/v1/events", targetId="planning", action="create_event", result="success")
        require(len(found["data"]) >= 1, "the event that was created", found)

    STEPS = [every_answer_is_the_same, what_was_changed_is_on_record]


def tell_with(kind):
    print(f"--- {kind.name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        direct, behind = kind(folder / "direct"), kind(folder / "behind")
        try:
            sidecar = Earwitness(folder, behind.port, PACK)
            story = Story(sidecar, direct, behind)
            steps = [(step.__name__, lambda step=step: step(story)) for step in Story.STEPS]
            return tell(steps, sidecar, behind.process)
        finally:
            direct.process.stop()
            behind.process.stop()


if __name__ == "__main__":
    sys.exit(max(tell_with(kind) for kind in (Radicale, Xandikos)))
