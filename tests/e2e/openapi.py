"""The description of the audit listener, /openapi.json, against what it does: schemathesis asks whatever the description
allows, and what it does not, and looks whether the answers are as described.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/openapi.py
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import venv

from expect import require, tell
from google_calendar import PACK, TOKENS, client
from google_stand_in import Calendars, StandIn
from sidecar import Earwitness

TOKEN = "a-token-of-a-reader-in-this-test-0123456789"
# Cursors and page tokens are texts that nobody but the listener can make, so most that fit the description are refused.
NOT_ASKED = ["positive_data_acceptance"]
# Its answer has no end.
ENDLESS = "/audit/v1/tail"


def fill(sidecar):
    """Something to answer."""
    ada = client(sidecar.port, "ya29.ada")
    for n in range(3):
        ada.calendars().insert(body={"summary": f"Team {n}"}).execute()


def schemathesis():
    """The program, in an environment of its own, which is made once: see its requirements."""
    wanted = pathlib.Path(__file__).with_name("requirements-openapi.txt")
    home = pathlib.Path(sys.prefix) / "schemathesis"
    complete = home / "complete"
    if not complete.exists() or complete.read_text() != wanted.read_text():
        venv.create(home, clear=True, with_pip=True)
        subprocess.run([home / "bin/pip", "install", "--quiet", "--requirement", wanted], check=True)
        complete.write_text(wanted.read_text())
    return home / "bin/schemathesis"


def as_described(sidecar, folder):
    """Schemathesis finds nothing."""
    command = [
        schemathesis(), "run", f"http://127.0.0.1:{sidecar.admin_port}/openapi.json",
        "--header", f"Authorization: Bearer {TOKEN}", "--checks", "all", "--exclude-checks", ",".join(NOT_ASKED),
        "--exclude-path", ENDLESS, "--max-examples", "30", "--seed", "1", "--generation-database", "none", "--no-color",
    ]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    require(told.returncode == 0, "schemathesis finds nothing", told.stdout[-6000:] + told.stderr[-2000:])


def lives(sidecar):
    """Nothing of that has hurt it."""
    found = json.loads(sidecar.ask("/healthz").decode().replace("ok", '"ok"'))
    require(found == "ok", "it answers", found)


def main():
    google = StandIn(Calendars(TOKENS))
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        try:
            sidecar = Earwitness(folder, google.port, PACK, token=TOKEN)
            return tell([
                ("something is recorded", lambda: fill(sidecar)),
                ("every answer is as described", lambda: as_described(sidecar, folder)),
                ("it lives", lambda: lives(sidecar)),
            ], sidecar, google)
        finally:
            google.stop()


if __name__ == "__main__":
    sys.exit(main())
