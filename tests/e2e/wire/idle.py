"""Ten thousand clients that keep their connections open after an answer: what they cost in memory.

    cargo build --release && python3 tests/e2e/wire/idle.py
"""

import asyncio
import pathlib
import sys
import tempfile

# `expect` and `sidecar` are one folder up, for all tests.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from expect import require, tell  # noqa: E402
from sidecar import Earwitness, Process, free_port, listens  # noqa: E402

import attacks  # noqa: E402

HERE = pathlib.Path(__file__).parent
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
        port = free_port()
        office = Process("office", [sys.executable, HERE / "application.py", port], folder)
        try:
            office.wait_until("it listens", lambda: listens(port))
            sidecar = Earwitness(folder, port, HERE / "rules.yaml", f"limits: {{ connections_max: {CONNECTIONS + 1000} }}\n")
            steps = [ten_thousand_idle_connections_are_cheap]
            return tell([(step.__name__, lambda step=step: step(sidecar)) for step in steps], sidecar, office)
        finally:
            office.stop()


if __name__ == "__main__":
    sys.exit(main())
