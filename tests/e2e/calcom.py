"""Earwitness in front of a stand-in for Cal.com: each kind of event of Cal.com's audit logs, from a real request to
the query endpoint. The stand-in's files in `cal/` say where each shape comes from.

    cargo build && python3 tests/e2e/calcom.py
"""

import json
import pathlib
import sys
import tempfile

from cal.api import Api
from cal.application import Application
from cal.browser import Browser
from cal.office import CLIENT, KEY
from expect import require, tell
from sidecar import ROOT, Earwitness, Process, free_port, listens

# What was sent or answered above and must stand in no record.
SECRETS = [
    KEY, "cal_live_00112233445566778899aabbccddeeff", CLIENT["secret"], "ada-knows", "bo-knows", "guessed-it",
    "246810", "135791", "hook-secret", "cal_live_fedcba9876543210fedcba9876543210",
    "csrf-of-the-form", "reset-by-this", "google-says",
    "by-mail-only", "the-scheduler-knows",
]


def no_secret_is_in_any_record(sidecar):
    page = sidecar.get("/audit/v1/events", limit=200)
    require(len(page["data"]) > 50 and not page["pagination"]["hasMore"], "all records on one page", page["pagination"])
    for event in page["data"]:
        text = json.dumps(event)
        kept = [secret for secret in SECRETS if secret in text]
        require(not kept, f"none of {kept} is kept", event)


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder, port = pathlib.Path(name), free_port()
        server = pathlib.Path(__file__).parent / "cal" / "server.py"
        office = Process("calcom", [sys.executable, server, port], folder)
        try:
            office.wait_until("it listens", lambda: listens(port))
            sidecar = Earwitness(folder, port, ROOT / "rules" / "calcom")
            stories = [Browser(sidecar), Application(sidecar), Api(sidecar)]
            told = [(story, step) for story in stories for step in story.STEPS]
            steps = [(step.__name__, lambda step=step, story=story: step(story)) for story, step in told]
            steps.append(("no_secret_is_in_any_record", lambda: no_secret_is_in_any_record(sidecar)))
            return tell(steps, sidecar, office)
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
