"""The other shapes of the log, read by what reads them elsewhere: Google's own client its activities, LibreOffice a workbook.

    apt-get install libreoffice-calc-nogui && pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/shapes.py
"""

import csv
import io
import json
import pathlib
import sys
import tempfile
import urllib.parse
import urllib.request

import google_auth_httplib2
import httplib2
import jsonschema_rs
import openpyxl
import pyarrow.parquet
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from google.oauth2.credentials import Credentials
from googleapiclient import discovery, discovery_cache

from expect import require, tell
from google_calendar import ADA, PACK, TEN, ELEVEN, TOKENS, client
from google_stand_in import Calendars, StandIn
from libreoffice import LibreOffice, active
from sidecar import ROOT, Earwitness

TOKEN = "a-token-of-a-reader-in-this-test-0123456789"
NASTY = ["=1+1", "x;=1+1", "\t@SUM(A1)", "a\n-1", 'q"uote', "＝1", "bell\u0007 \u0001", "_x0041_", "Käse 👩", "http://x.example/",
         "<script>alert(1)</script>", "\u202egnp.exe\u200b", "e\u0301" * 40, "\ufffe\uffff", "]]><!--"]


def reports(port):
    """Google's client for its audit logs, but for the address of the service."""
    description = json.loads(discovery_cache.get_static_doc("admin", "reports_v1"))
    description["rootUrl"] = f"http://127.0.0.1:{port}/"
    http = google_auth_httplib2.AuthorizedHttp(Credentials(token=TOKEN), http=httplib2.Http(timeout=10))
    return discovery.build_from_document(description, http=http)


def listed(service, **parameters):
    """All activities, page by page, as that client goes through them."""
    found, request = [], service.activities().list(userKey="all", applicationName="calendar", **parameters)
    while request is not None:
        page = request.execute()
        require(page["kind"] == "admin#reports#activities", "the kind of a page", page["kind"])
        found += page.get("items", [])
        request = service.activities().list_next(request, page)
    return found


def parameter(activity, name):
    """The value of a parameter of an activity."""
    every = activity["events"][0]["parameters"]
    return next((one.get("value") for one in every if one["name"] == name), None)


def of_google(sidecar, calendar):
    """What a program that watches Google Calendar by its audit log would see."""
    service = reports(sidecar.admin_port)
    every = listed(service, maxResults=3)
    names = {activity["events"][0]["name"] for activity in every}
    require({"create_calendar", "create_event", "change_event_title"} <= names, "the activities", names)
    require(all(activity["actor"]["email"] == ADA for activity in every), "the actor", every)
    made = listed(service, eventName="create_event")
    require(len(made) == len(NASTY), "as many as were made", len(made))
    one = listed(service, eventName="create_event", filters=f"calendar_id=={calendar},event_title==Käse 👩")
    require([parameter(found, "event_title") for found in one] == ["Käse 👩"], "the one asked for", one)
    for asked in [{"actorIpAddress": "192.0.2.1"}, {"startTime": "2200-01-01T00:00:00Z"}, {"endTime": "2026-01-01T00:00:00Z"}]:
        require(listed(service, **asked) == [], "nothing from elsewhere, and of another time", asked)
    here = listed(service, actorIpAddress="127.0.0.1", startTime="2026-01-01T00:00:00Z", endTime="2200-01-01T00:00:00Z")
    require(len(here) == len(every), "everything from here, and of these times", len(here))
    none = service.activities().list(userKey="nobody@example.org", applicationName="calendar").execute()
    require(none["items"] == [], "nothing of nobody", none)


def exported(sidecar, **parameters):
    """The bytes of an export."""
    url = f"http://127.0.0.1:{sidecar.admin_port}/audit/v1/export?" + urllib.parse.urlencode(parameters)
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()


def of_spreadsheets(sidecar):
    """A workbook opens, has every row, and nothing in it is anything but text."""
    titles = sorted(NASTY)
    asked = {"action": "create_event", "columns": "target.name,time,actor.email,sequence"}
    book = openpyxl.load_workbook(io.BytesIO(exported(sidecar, format="xlsx", **asked)))
    require(book.sheetnames == ["Events", "About this export"], "the sheets", book.sheetnames)
    rows = list(book["Events"].iter_rows(min_row=2))
    require(sorted(openpyxl.utils.escape.unescape(row[0].value) for row in rows) == titles, "every title", rows)
    kinds = {(cell.data_type, cell.hyperlink) for row in rows for cell in row}
    require(kinds <= {("s", None), ("inlineStr", None)}, "texts alone", kinds)
    told = {row[0].value: row[1].value for row in book["About this export"].iter_rows()}
    require(told["Events"] == str(len(NASTY)), "the count", told)
    for dialect, separator in (("comma", ","), ("semicolon", ";")):
        text = exported(sidecar, format="csv", dialect=dialect, **asked).decode("utf-8-sig")
        found = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
        require(len(found) == len(NASTY) + 2, "a row each, a head and an end", len(found))
        # THREATS X01: wherever another dialect would split it, no cell begins a formula.
        for other in ",;\t|\n":
            cells = [cell.lstrip(' "') for row in found[1:-1] for cell in row[0].split(other)]
            require(not [cell for cell in cells if cell.startswith(tuple("=+-@＝"))], "no formula", cells)


def of_libreoffice(sidecar, folder):
    """THREATS X01, X02: whatever its language, and wherever it splits, nothing is a formula or a link; a workbook opens with every row."""
    asked = {"action": "create_event", "columns": "target.name,time,actor.email,sequence"}
    office, bait, book = LibreOffice(folder), folder / "bait.csv", folder / "book.xlsx"
    bait.write_text('=1+1\n"a","=1+1"\n')
    book.write_bytes(exported(sidecar, format="xlsx", **asked))
    files = [folder / f"{dialect}.csv" for dialect in ("comma", "semicolon", "sep")]
    for file in files:
        file.write_bytes(exported(sidecar, format="csv", dialect=file.stem, **asked))
    for how, opened in office.splits([bait, *files]):
        require(active(opened.pop(bait.name)), "what begins a formula is one where nobody takes care", how)
        for name, sheets in opened.items():
            require(not active(sheets), f"no formula in {name}", (how, active(sheets)))
            rows = sum(map(len, sheets.values()))
            require(rows > len(NASTY), f"as many rows as events in {name}", (how, rows))
    sheets = office.opened([book])[book.name]
    require(not active(sheets), "no formula in the workbook", active(sheets))
    require(len(sheets["Events"]) == len(NASTY) + 1, "a row each, and a head", len(sheets["Events"]))


def of_tables(sidecar):
    """A table opens in Arrow, with every row, with numbers and times as such."""
    table = pyarrow.parquet.read_table(io.BytesIO(exported(sidecar, format="parquet", action="create_event")))
    require(table.num_rows == len(NASTY), "a row each", table.num_rows)
    kinds = {name: str(table.schema.field(name).type) for name in ("sequence", "time", "response.status", "changes")}
    expected = {"sequence": "int64", "time": "timestamp[us, tz=UTC]", "response.status": "int64", "changes": "string"}
    require(kinds == expected, "the types", kinds)
    require(sorted(table["target.name"].to_pylist()) == sorted(NASTY), "every title as it was", table["target.name"])
    places = table["sequence"].to_pylist()
    require(places == sorted(places, reverse=True), "the newest first", places)
    end = json.loads(table.schema.metadata[b"earwitness.export-end"])
    require(end["count"] == len(NASTY), "what it says of itself", end)


def of_cloud_events(sidecar):
    """Each line is a CloudEvent for the library of that project."""
    lines = exported(sidecar, format="cloudevents", action="create_event").splitlines()
    events = [JSONFormat().read(CloudEvent, line) for line in lines]
    require(len(events) == len(NASTY) + 1, "an event each and an end", len(events))
    require(events[0].get_type() == "earwitness.audit.create_event", "the type", events[0].get_type())
    require(events[-1].get_type() == "earwitness.export.end", "the end", events[-1].get_type())


def of_ocsf(sidecar):
    """Each line is as the schema of OCSF has it: what is required, and nothing that it does not know."""
    schema = json.loads((ROOT / "tests/e2e/ocsf.schema.json").read_text())
    lines = exported(sidecar, format="ocsf").splitlines()
    for line in lines:
        jsonschema_rs.validate(schema, json.loads(line))
    require(json.loads(lines[-1])["class_uid"] == 0, "an end", lines[-1])


def fill(sidecar, calendars):
    """What the shapes are to show: a calendar with events whose titles are not nice."""
    ada = client(sidecar.port, "ya29.ada")
    calendars["id"] = ada.calendars().insert(body={"summary": "Team"}).execute()["id"]
    for title in NASTY:
        body = {"summary": title, "start": TEN, "end": ELEVEN}
        made = ada.events().insert(calendarId=calendars["id"], body=body).execute()
    ada.events().patch(calendarId=calendars["id"], eventId=made["id"], body={"summary": "Other"}).execute()


def main():
    google = StandIn(Calendars(TOKENS))
    calendars = {}
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        try:
            sidecar = Earwitness(pathlib.Path(name), google.port, PACK, token=TOKEN)
            return tell([
                ("a calendar is filled", lambda: fill(sidecar, calendars)),
                ("Google's client reads its activities", lambda: of_google(sidecar, calendars["id"])),
                ("spreadsheets open what was exported, as text", lambda: of_spreadsheets(sidecar)),
                ("LibreOffice finds text alone, wherever it splits", lambda: of_libreoffice(sidecar, pathlib.Path(name))),
                ("Arrow reads a table", lambda: of_tables(sidecar)),
                ("CloudEvents are events for their library", lambda: of_cloud_events(sidecar)),
                ("OCSF events are as its schema has them", lambda: of_ocsf(sidecar)),
            ], sidecar, google)
        finally:
            google.stop()


if __name__ == "__main__":
    sys.exit(main())
