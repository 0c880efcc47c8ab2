"""TLS towards clients, looked at from outside by testssl.sh: versions, ciphers, and the attacks that have names (THREATS D11).

    cargo build && python3 tests/e2e/wire/tls.py

It needs testssl.sh (Debian: testssl.sh) and openssl. The certificate is the operator's, and not looked at.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

from office import RULES, Office

from expect import require, tell
from sidecar import Earwitness, certificate

LOOKS = ["--protocols", "--std", "--fs", "--server-preference", "--vulnerable"]
FINE = {"OK", "INFO"}
# Every cipher that is offered is a strong one, so the client may take the one that its processor is best at.
EXPLAINED = {"cipher_order"}
# What it must have looked at and found, so that a look that did not come about is no praise.
EXPECTED = {
    **dict.fromkeys(["SSLv2", "SSLv3", "TLS1", "TLS1_1"], "not offered"),
    "TLS1_2": "offered", "TLS1_3": "offered with final", "ALPN_HTTP2": "h2",
    **dict.fromkeys(["cipherlist_NULL", "cipherlist_aNULL", "cipherlist_EXPORT", "cipherlist_LOW", "cipherlist_3DES_IDEA", "cipherlist_AVERAGE"], "not offered"),
    "cipherlist_STRONG": "offered", "PFS": "offered", "secure_client_renego": "not vulnerable",
    "fallback_SCSV": "no protocol below TLS 1.2 offered", "LUCKY13": "not vulnerable", "SWEET32": "not vulnerable",
}


def a_look_from_outside_finds_nothing_weak(sidecar, folder):
    out = folder / "found.json"
    where = f"127.0.0.1:{sidecar.port}"
    command = ["testssl", "--quiet", "--warnings", "off", "--nodns", "none", "--color", "0", *LOOKS, "--jsonfile", out, where]
    run = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
    require(out.exists(), "it tells what it has found", run.stdout + run.stderr)
    found = json.loads(out.read_text())
    # (What it lacks itself is a warning.)
    weak = [one for one in found if one["severity"] not in FINE | {"WARN"} and one["id"] not in EXPLAINED]
    require(not weak, "nothing weak", weak)
    told = {one["id"]: one["finding"] for one in found}
    missing = {name: told.get(name) for name, wanted in EXPECTED.items() if told.get(name) != wanted}
    require(not missing, "all of it was looked at", missing)


def clients_are_served_afterwards(sidecar, folder):
    url = f"https://127.0.0.1:{sidecar.port}/bookings"
    trusted = ["--cacert", folder / "certificate.pem"]
    command = ["curl", "--silent", "--fail", "--max-time", "10", *trusted, "--json", '{"title": "after the look"}', url]
    subprocess.run([str(part) for part in command], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    (event,) = sidecar.new_events(1)
    require(event["details"] == {"title": "after the look"}, "the booking's record", event)


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        office = Office(folder)
        try:
            sidecar = Earwitness(folder, office.port, RULES, certificate(folder))
            steps = [a_look_from_outside_finds_nothing_weak, clients_are_served_afterwards]
            return tell([(step.__name__, lambda step=step: step(sidecar, folder)) for step in steps], sidecar, office)
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
