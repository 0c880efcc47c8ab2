"""Ten thousand clients that keep their connections open after an answer: what they cost in memory.

    cargo build --release && python3 tests/e2e/abuse/idle.py
"""

import asyncio
import pathlib
import sys
import tempfile

# `expect` and `sidecar` are one folder up, for all tests, and the application is beside.
E2E = pathlib.Path(__file__).resolve().parents[1]
sys.path += [str(E2E), str(E2E / "wire")]

from expect import require, tell  # noqa: E402
from office import RULES, Office  # noqa: E402
from sidecar import Earwitness  # noqa: E402

import attacks  # noqa: E402

CONNECTIONS, MEMORY_MB_MAX = 10_000, 100


def ten_thousand_idle_connections_are_cheap(sidecar):
    bare_mb = sidecar.process.rss_bytes() / (1 << 20)
    full = asyncio.run(attacks.idle(attacks.Victim(sidecar.port), CONNECTIONS, sidecar.process.rss_bytes)) / (1 << 20)
    print(f"      {bare_mb:.0f} MB without, {full:.0f} MB with {CONNECTIONS} of them", flush=True)
    require(full < MEMORY_MB_MAX, f"less than {MEMORY_MB_MAX} MB", full)


def main():
    attacks.may_open(CONNECTIONS + 2000)
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        office = Office(folder)
        try:
            limits = f"connections_max: {CONNECTIONS + 1000}, client_connections_max: {CONNECTIONS + 1000}"
            sidecar = Earwitness(folder, office.port, RULES, f"limits: {{ {limits} }}\n")
            steps = [ten_thousand_idle_connections_are_cheap]
            return tell([(step.__name__, lambda step=step: step(sidecar)) for step in steps], sidecar, office)
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
