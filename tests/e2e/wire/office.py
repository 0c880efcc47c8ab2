"""The booking office of application.py as a process of its own, and whether all that it did was recorded."""

import collections
import http.client
import json
import pathlib
import sys

# `expect` and `sidecar` are one folder up, for all tests.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from expect import require  # noqa: E402
from sidecar import Process, free_port, listens  # noqa: E402

HERE = pathlib.Path(__file__).parent
RULES = HERE / "rules.yaml"


class Office:
    def __init__(self, folder):
        self.port = free_port()
        self.process = Process("office", [sys.executable, HERE / "application.py", self.port], folder)
        self.process.wait_until("it listens", lambda: listens(self.port))

    def titles(self):
        """What was booked, asked without the proxy."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/titles")
        return json.load(connection.getresponse())

    def require_records(self, *sidecars):
        """One record for each booking; the answer is what was booked."""
        booked = self.titles()
        events = [event for sidecar in sidecars for event in sidecar.all_events(action="CREATED")]
        recorded = collections.Counter(event.get("details", {}).get("title") for event in events)
        wrong = {title: recorded[title] for title, count in collections.Counter(booked).items() if recorded[title] != count}
        require(not wrong, f"a record for each of {len(booked)} bookings", dict(list(wrong.items())[:20]))
        return booked

    def log(self):
        return self.process.log()

    def stop(self):
        self.process.stop()
