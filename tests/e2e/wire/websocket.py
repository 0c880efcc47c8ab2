"""The Autobahn cases for WebSocket servers, without Earwitness and through it: every verdict must be the same.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/wire/websocket.py

The server is a common one and may have failings of its own; the proxy must add none and hide none.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

# `expect` and `sidecar` are one folder up, for all tests.
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1]))

from expect import require, tell  # noqa: E402
from sidecar import Earwitness, Process, free_port, listens  # noqa: E402

HERE = pathlib.Path(__file__).parent
# Frames, pings, fragments, UTF-8, closing; sixteen megabytes in one message and in pieces; and of the 234 cases that differ in how
# much is compressed, which the proxy cannot see, one of each kind. Left out are 9.3 and 9.4, where the server itself gives up.
CASES = [f"{group}.*" for group in ("1", "2", "3", "4", "5", "6", "7", "9.1", "9.2", "9.5", "9.6", "9.7", "9.8", "10")]
CASES += [f"{group}.1" for group in ("12.1", "12.2", "12.3", "13.1", "13.2", "13.3", "13.4", "13.5", "13.6", "13.7")]
AT_ONCE = 8


def verdicts(port, folder):
    """What became of each case: of its messages, of its end, and the server's last word."""
    chosen = [word for case in CASES for word in ("-i", case)]
    program = pathlib.Path(sys.executable).with_name("kosoku")
    command = [program, f"ws://127.0.0.1:{port}/", "--parallelism", str(AT_ONCE), "--outdir", folder, *chosen]
    # Its exit code tells whether the server passed all, which is not the question here.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    report = folder / "index.json"
    require(report.exists(), "kosoku writes a report", done.stdout + done.stderr)
    (results,) = json.loads(report.read_text()).values()
    # Whether the server gets to answer what came before a mistake depends on how the bytes were cut into packets: that is
    # the difference between the two words of praise.
    plain = lambda word: "conforms" if word in ("OK", "NON-STRICT") else word
    return {
        case: (plain(each["behavior"]), plain(each["behaviorClose"]), each["remoteCloseCode"]) for case, each in results.items()
    }


class Story:
    def __init__(self, sidecar, echo_port, folder):
        self.sidecar, self.echo_port, self.folder = sidecar, echo_port, folder

    def every_verdict_is_the_same(self):
        direct = verdicts(self.echo_port, self.folder / "direct")
        passed = sum(behavior == "conforms" for behavior, _, _ in direct.values())
        require(passed > len(direct) * 0.9, "the server itself passes most cases", direct)
        through = verdicts(self.sidecar.port, self.folder / "through")
        differences = {case: (direct[case], through.get(case)) for case in direct if direct[case] != through.get(case)}
        require(not differences, "direct, and through Earwitness", differences)
        print(f"      {len(direct)} cases, {passed} of them as they should be, directly and through the proxy", flush=True)

    STEPS = [every_verdict_is_the_same]


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        port = free_port()
        echo = Process("echo", [sys.executable, HERE / "echo.py", port], folder)
        try:
            echo.wait_until("it listens", lambda: listens(port))
            sidecar = Earwitness(folder, port, HERE / "rules.yaml")
            story = Story(sidecar, port, folder)
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], sidecar, echo)
        finally:
            echo.stop()


if __name__ == "__main__":
    sys.exit(main())
