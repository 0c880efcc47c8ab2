"""vdirsyncer keeps a folder and a CalDAV server the same, through Earwitness: it does not know of it.

Two collections are created, changed and emptied on both sides. The same is done once more without the proxy: what lies in
the folder and on the server afterwards must be the same bytes. Each change has its record, with what was before and after.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/dav/vdirsyncer.py
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from objects import ICALENDAR, event_text
from servers import PACK, PASSWORD, USER, Radicale, Xandikos, client, program

from expect import check, exactly, require, tell
from sidecar import Earwitness

COLLECTIONS = ["home", "work"]


def text(uid, title):
    return event_text(uid, DTSTART="20260110T100000Z", DTEND="20260110T110000Z", SUMMARY=title)


class Sync:
    """A folder, and vdirsyncer between it and what answers at a port."""

    def __init__(self, folder, server, port):
        self.folder, self.server, self.port = folder, server, port
        self.here = folder / "here"
        for name in COLLECTIONS:
            (self.here / name).mkdir(parents=True)
        self.config = folder / "vdirsyncer.conf"
        # `implicit`: a collection that one side lacks is created there, without a question.
        self.config.write_text(
            f'[general]\nstatus_path = "{folder / "status"}"\n'
            f'[pair both]\na = "here"\nb = "there"\ncollections = {json.dumps(COLLECTIONS)}\n'
            'implicit = "create"\nconflict_resolution = "a wins"\nmetadata = ["displayname", "color"]\n'
            f'[storage here]\ntype = "filesystem"\npath = "{self.here}"\nfileext = ".ics"\n'
            f'[storage there]\ntype = "caldav"\nurl = "http://127.0.0.1:{port}{server.home}"\n'
            f'username = "{USER}"\npassword = "{PASSWORD}"\n'
        )

    def run(self, command):
        """One command of vdirsyncer, to its end."""
        done = subprocess.run(
            [program("vdirsyncer"), "--config", self.config, command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )
        require(done.returncode == 0, f"vdirsyncer {command} succeeds", done.stdout + done.stderr)

    def write(self, collection, uid, title):
        (self.here / collection / f"{uid}.ics").write_bytes(text(uid, title).encode())

    def send(self, method, collection, uid, title=None):
        """Somebody else changes the server, the same way."""
        body = text(uid, title) if title else ""
        with client(self.port) as other:
            url = f"http://127.0.0.1:{self.port}{self.server.home}{collection}/{uid}.ics"
            answer = other.request(url, method, body, ICALENDAR if body else {})
        require(answer.status in (200, 201, 204), f"{method} succeeds", answer.status)

    def files(self):
        """What lies in the folder: bytes by name."""
        found = sorted(path for path in self.here.rglob("*") if path.is_file())
        return {str(path.relative_to(self.here)): path.read_bytes() for path in found}

    def objects(self):
        """What the server holds, asked without the proxy, under the names that the folder has."""
        with client(self.server.port) as other:
            where = f"http://127.0.0.1:{self.server.port}{self.server.home}"
            names = [name for name in self.files() if name.endswith(".ics")]
            answers = {name: other.request(where + name, "GET") for name in names}
            return {name: (answer.status, answer.raw) for name, answer in answers.items()}

    def collections_are_created(self):
        self.write("work", "planning", "Planning")
        self.write("work", "budget", "Budget")
        self.write("home", "dentist", "Dentist")
        (self.here / "work" / "displayname").write_text("Work")
        (self.here / "work" / "color").write_text("#FF0000")
        self.run("discover")
        self.run("sync")

    def properties_are_sent(self):
        self.run("metasync")

    def both_sides_change(self):
        self.write("work", "planning", "Planning, again")
        (self.here / "work" / "budget.ics").unlink()
        self.send("PUT", "home", "dentist", "Doctor")
        self.send("PUT", "home", "dinner", "Dinner")
        self.run("sync")
        require(b"Doctor" in self.files()["home/dentist.ics"], "the change arrived", str(self.files()))
        require("home/dinner.ics" in self.files(), "the new event arrived", str(self.files()))

    def the_server_loses_one(self):
        self.send("DELETE", "home", "dinner")
        self.run("sync")
        require("home/dinner.ics" not in self.files(), "the event is gone here, too", str(self.files()))

    STEPS = [collections_are_created, properties_are_sent, both_sides_change, the_server_loses_one]


class Story:
    """The steps with the proxy between, and which records must follow each."""

    def __init__(self, folder, kind, sidecar, server):
        self.sync, self.sidecar = Sync(folder / "through", server, sidecar.port), sidecar
        self.folder, self.kind, self.server = folder, kind, server

    def records(self, *expected):
        """Exactly these new records, in whatever order: vdirsyncer sends several requests at a time."""
        found = self.sidecar.new_events(len(expected))
        found.sort(key=lambda event: (event["target"]["id"], event["action"]))
        for event, wanted in zip(exactly(found, len(expected)), expected):
            check(event, {"actor.id": USER, "result": "success", **wanted})

    def collections_are_created(self):
        self.sync.collections_are_created()
        home = self.server.home.strip("/")
        made = {"action": "create_event", "before.state": "absent", "notes": None}
        self.records(
            {"action": "create_calendar", "target.id": f"{home}/home", "request.method": "MKCOL"},
            {"action": "create_calendar", "target.id": f"{home}/work", "request.method": "MKCOL"},
            {"target.id": "budget", "change summary": (None, "Budget"), **made},
            {"target.id": "dentist", "change summary": (None, "Dentist"), **made},
            {"target.id": "planning", "change summary": (None, "Planning"), **made},
        )

    def properties_are_sent(self):
        self.sync.properties_are_sent()
        self.records(
            {"action": "change_calendar_color", "change calendar-color": (None, "#FF0000")},
            {"action": "change_calendar_title", "target.name": "Work"},
        )

    def both_sides_change(self):
        self.sync.both_sides_change()
        read = {"before.state": "read", "notes": None}
        self.records(
            {"action": "delete_event", "target.id": "budget", "change summary": ("Budget", None), **read},
            {"action": "change_event_title", "change summary": ("Dentist", "Doctor"), **read},
            {"action": "create_event", "target.id": "dinner", "change summary": (None, "Dinner")},
            {"action": "change_event_title", "change summary": ("Planning", "Planning, again"), **read},
        )

    def the_server_loses_one(self):
        self.sync.the_server_loses_one()
        self.records({"action": "delete_event", "target.id": "dinner", "change summary": ("Dinner", None)})

    def without_the_proxy_it_is_the_same_to_the_byte(self):
        server = self.kind(self.folder / "direct-server")
        try:
            direct = Sync(self.folder / "direct", server, server.port)
            for step in Sync.STEPS:
                step(direct)
            require(len(direct.files()) >= 4, "both collections hold something", str(direct.files()))
            require(direct.files() == self.sync.files(), "the same files", str([direct.files(), self.sync.files()]))
            there, through = direct.objects(), self.sync.objects()
            require(there == through, "the same objects", str([there, through]))
            require({status for status, _ in there.values()} == {200}, "all are there", str(there))
        finally:
            server.process.stop()

    STEPS = [
        collections_are_created, properties_are_sent, both_sides_change, the_server_loses_one,
        without_the_proxy_it_is_the_same_to_the_byte,
    ]


def tell_with(kind):
    print(f"--- {kind.name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        server = kind(folder / "server")
        try:
            sidecar = Earwitness(folder, server.port, PACK)
            story = Story(folder, kind, sidecar, server)
            steps = [(step.__name__, lambda step=step: step(story)) for step in Story.STEPS]
            return tell(steps, sidecar, server.process)
        finally:
            server.process.stop()


if __name__ == "__main__":
    sys.exit(max(tell_with(kind) for kind in (Radicale, Xandikos)))
