"""Multipart forms that are bent at random, read by Django's own parser and by Earwitness: where the two do not see the same
fields, the event says that the body can be read in two ways (THREATS E23).

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/wire/multipart.py
"""

import http.server
import io
import json
import pathlib
import random
import sys
import tempfile
import threading
import urllib.request

from django.conf import settings
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http.multipartparser import MultiPartParser, MultiPartParserError

# `expect` and `sidecar` are one folder up, for all tests.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from expect import require, tell  # noqa: E402
from sidecar import Earwitness  # noqa: E402

FORMS = 400
SEED = 0x5EED
RULES = """version: 1
rules:
  - id: sent
    match: POST /form/{number}
    when: { $.request.body: { exists: true } }
    action: SENT
    target: { type: form, id: $.path.number }
    details: { by_us: $.request.body, by_django: $.response.body.fields, kind: $.response.body.kind }
"""
KIND = "multipart/form-data; boundary=b"
KINDS = [
    'multipart/form-data; boundary="b"',
    "multipart/form-data; charset=utf-8; boundary=b",
    "Multipart/Form-Data; Boundary=b",
    "multipart/form-data; boundary=b; boundary=c",
    "multipart/form-data;boundary=b",
    "multipart/form-data; boundary='b'",
]
FORM = [
    "--b", "\r\n", 'Content-Disposition: form-data; name="a"', "\r\n", "\r\n", "one", "\r\n",
    "--b", "\r\n", "Content-Disposition: form-data; name=c", '; filename="f.txt"', "\r\n",
    "Content-Type: text/plain", "\r\n", "\r\n", "two", "\r\n", "--b", "--", "\r\n",
]
PIECES = [
    "--b", "--", "-", "b", "\r\n", "\n", "\r", "\r\n\r\n", " ", "\t", ";", ":", '"', "\\", "=", "x", "\0", "é",
    "; name=d", '; name="a"', "; name*=utf-8''d", "; filename=x", "; filename*=utf-8''x", '; filename=""',
    "Content-Disposition: form-data; name=e", "Content-Disposition: attachment; name=e", "content-disposition:form-data;name=e",
    "Content-Type: text/html; charset=utf-16", "Content-Type: multipart/mixed; boundary=c",
    "Content-Transfer-Encoding: base64", "Content-Type: application/json", "--b--", "\r\n--b\r\n", "\n--b\n", "--bb", "--b x",
]


class Application(http.server.BaseHTTPRequestHandler):
    """Answers with the fields that Django sees."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        kind = self.headers["content-type"]
        answer = json.dumps({"fields": fields(body, kind), "kind": kind}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def fields(body, kind):
    """Each name with its last value, a file with its name and size; `None` where Django refuses the body."""
    meta = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": len(body)}
    try:
        texts, files = MultiPartParser(meta, io.BytesIO(body), [MemoryFileUploadHandler()]).parse()
    except MultiPartParserError:
        return None
    return {name: texts[name] for name in texts} | {
        name: {"filename": files[name].name, "size": files[name].size} for name in files
    }


def bent(dice):
    """A form with up to four pieces put in, replaced or taken out, and its content type."""
    pieces = list(FORM)
    for _ in range(dice.randrange(5)):
        at = dice.randrange(len(pieces))
        piece = dice.choice(PIECES)
        match dice.randrange(3):
            case 0:
                pieces.insert(at, piece)
            case 1:
                pieces[at] = piece
            case _:
                del pieces[at]
    return "".join(pieces).encode(), dice.choice(KINDS) if dice.randrange(4) == 0 else KIND


class Story:
    def __init__(self, sidecar):
        self.sidecar = sidecar

    def whatever_django_reads_otherwise_is_told(self):
        dice = random.Random(SEED)
        forms = [(b"".join(piece.encode() for piece in FORM), KIND), *(bent(dice) for _ in range(FORMS))]
        for number, (body, kind) in enumerate(forms):
            url = f"http://127.0.0.1:{self.sidecar.port}/form/{number}"
            with urllib.request.urlopen(urllib.request.Request(url, data=body, headers={"content-type": kind}), timeout=10) as answer:
                answer.read()
        events = {int(event["target"]["id"]): event for event in self.sidecar.all_events()}
        require(len(events) == len(forms), "an event for each form", len(events))
        require(not events[0].get("notes"), "nothing is said of an honest form", events[0])
        untold = {
            number: (repr(forms[number]), event["details"])
            for number, event in events.items()
            if event["match"]["certainty"] == "certain" and not event.get("notes") and differ(event["details"])
        }
        require(not untold, "what Django reads otherwise is in doubt", untold)
        alike = sum(not event.get("notes") for event in events.values())
        print(f"      {len(forms)} forms, {alike} of them read alike without a word", flush=True)

    STEPS = [whatever_django_reads_otherwise_is_told]


def differ(details):
    if details.get("by_django") is None:
        # What is refused is read by nobody.
        return False
    ours = details.get("by_us") or {}
    shown = {
        name: {"filename": value["filename"], "size": value["size"]} if isinstance(value, dict) else value
        for name, value in ours.items()
    }
    return shown != details["by_django"]


def main():
    settings.configure()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pack = folder / "forms"
        pack.mkdir()
        (pack / "forms.yaml").write_text(RULES)
        sidecar = Earwitness(folder, server.server_address[1], pack)
        story = Story(sidecar)
        return tell([(step.__name__, lambda step=step: step(story)) for step in story.STEPS], sidecar)


if __name__ == "__main__":
    sys.exit(main())
