"""A person before the viewer: a real browser, the real page, the demonstration's proxy and requests through it.

    npm install --prefix tests/e2e && cargo build
    E2E_NODE_PACKAGES=tests/e2e python3 tests/e2e/viewer/viewer.py

It needs Chromium: /usr/bin/chromium-headless-shell, or what E2E_CHROMIUM names. E2E_STEP=words runs only the steps whose names have
them, E2E_PICTURES=folder also takes pictures.
"""

import http.cookiejar
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import openpyxl

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from houses import Houses  # noqa: E402
from sidecar import ROOT, Earwitness, Process, binary, free_port  # noqa: E402

HERE = pathlib.Path(__file__).parent
TOKEN = "viewer-token-0123456789abcdef"
BOOKINGS = 640


class Person:
    """Somebody with a session, who talks to the office through Earwitness."""

    def __init__(self, proxy, name):
        self._proxy = proxy
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        form = urllib.parse.urlencode({"username": name, "password": f"{name}-knows"}).encode()
        self._opener.open(f"{proxy}/login", form, timeout=10).read()

    def send(self, method, path, body):
        """The answer's body; a refusal is an answer, too."""
        headers = {"content-type": "application/json", "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:134.0) Gecko/20100101 Firefox/134.0"}
        request = urllib.request.Request(self._proxy + path, json.dumps(body).encode(), headers, method=method)
        try:
            with self._opener.open(request, timeout=10) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return json.loads(error.read() or b"null")


def a_day_in_the_office(proxy):
    """More than a page of events, a refusal and a hostile title among them."""
    ben, alma = Person(proxy, "ben"), Person(proxy, "alma")
    for number in range(BOOKINGS):
        day, hour = 1 + number % 27, 8 + number % 9
        times = {"start": f"2027-{1 + number % 12:02}-{day:02}T{hour:02}:00:00Z", "end": f"2027-{1 + number % 12:02}-{day:02}T{hour:02}:30:00Z"}
        ben.send("POST", "/api/bookings", {"title": f"Fitting {number}", "location": f"Room {number}", **times})
    mine = alma.send("POST", "/api/bookings", {"title": "Stocktaking", "start": "2028-01-03T08:00:00Z", "end": "2028-01-03T09:00:00Z"})
    ben.send("POST", f"/api/bookings/{mine['id']}/cancel", {"reason": "I would like the room"})
    ben.send("PUT", "/api/bookings/103", {"title": "<b>Glasses</b> \u202efitting", "location": "=1+1"})


def addresses(demonstration):
    """Application, proxy and audit listener, as the demonstration prints them."""
    text = demonstration.wait_until("it has printed where it is", lambda: printed(demonstration), limit_s=60)
    find = lambda pattern: re.search(pattern, text).group(1)  # noqa: E731
    return find(r"audit runs on (http://\S+?)\.\n"), find(r"stands before it on (http://\S+?)\. "), find(r"Look at it: (http://\S+)")


def printed(demonstration):
    text = demonstration.output()
    return text if "through Earwitness" in text else None


def workbooks_are_read(files):
    """Another program reads the workbooks that were exported: every row is there, all of them texts, and no cell is a formula."""
    books = sorted(files.glob("*.xlsx"))
    # Who runs a few steps may have exported nothing.
    wrong = [] if books or "E2E_STEP" in os.environ else ["no workbook was exported"]
    for file in books:
        events, about = openpyxl.load_workbook(file).worksheets
        rows = list(events.iter_rows())
        told = {str(row[0].value): str(row[1].value) for row in about.iter_rows(max_col=2)}
        if told.get("Events") != str(len(rows) - 1) or len(rows) < 6:
            wrong.append(f"{file.name}: {len(rows) - 1} events, and {told} is told")
        wrong += [f"{file.name}: {cell.coordinate} is {cell.data_type}" for row in rows for cell in row if cell.value is not None and cell.data_type not in ("s", "inlineStr")]
    print("\n".join(f"FAIL  {each}" for each in wrong) or f"ok    {len(books)} workbooks are read by another program", flush=True)
    return 1 if wrong else 0


def main():
    if "E2E_NODE_PACKAGES" not in os.environ:
        sys.exit("set E2E_NODE_PACKAGES to the folder where npm installed what package.json names")
    packages = pathlib.Path(os.environ["E2E_NODE_PACKAGES"]).resolve() / "node_modules"
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        demonstration = Process("demonstration", [binary(), "demo"], folder)
        sidecar = provider = houses = None
        try:
            application, proxy, audit = addresses(demonstration)
            a_day_in_the_office(proxy)
            port = urllib.parse.urlsplit(application).port
            issuer = f"http://127.0.0.1:{free_port()}"
            oidc = f"oidc: {{ issuer: '{issuer}', audience: earwitness, client_id: viewer, grants: ['groups=audit -> auditor'] }}\n"
            # By another name, the provider is another site: the one that has a frame.
            admin = f", address: 'http://127.0.0.1:PORT', embed: ['{issuer.replace('127.0.0.1', 'localhost')}']"
            sidecar = Earwitness(folder, port, ROOT / "examples" / "legacy" / "rules" / "legacy", oidc, token=TOKEN, admin=admin)
            guarded = f"http://127.0.0.1:{sidecar.admin_port}/"
            callback = f"{guarded}audit/v1/session/oidc/callback"
            provider = Process("provider", ["node", HERE / "provider.cjs", urllib.parse.urlsplit(issuer).port, callback], folder)
            provider.wait_until("it listens", lambda: "listens" in provider.output())
            houses = Houses(folder)
            command = ["node", HERE / "viewer.cjs", audit, guarded, TOKEN, proxy, issuer, f"http://127.0.0.1:{sidecar.port}", json.dumps(houses.told)]
            files = folder / "files"
            files.mkdir()
            code = subprocess.run(command, env={**os.environ, "NODE_PATH": str(packages), "E2E_FILES": str(files)}, timeout=1180).returncode
            code = code or workbooks_are_read(files)
            if code:
                print(demonstration.log(), sidecar.process.log(), houses.log(), sep="\n", flush=True)
            return code
        finally:
            demonstration.stop()
            if houses:
                houses.stop()
            if provider:
                provider.stop()
            if sidecar:
                sidecar.process.stop()


if __name__ == "__main__":
    sys.exit(main())
