"""The application and the proxy as children of the test, and strace, which makes the kernel fail or kill at a chosen call."""

import json
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request

# `expect` and `sidecar` are one folder up, for all tests.
HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from sidecar import Earwitness, Process, binary, free_port, listens  # noqa: E402

RULES = HERE / "rules.yaml"
POLL_S = 0.01
# What takes longer hangs. None of it is promised, so a machine with more to do than it can must not fail a test: what is looked
# at again and again is looked at so often, however long that takes, and what is waited for in one piece may take the second.
HANG_S, PIECE_S = 120, 600


class Upstream:
    """upstream.py as a process, and what it has performed."""

    def __init__(self, folder):
        self.port = free_port()
        self._journal = folder / "performed"
        self._read = 0
        self.process = Process("upstream", [sys.executable, HERE / "upstream.py", self.port, self._journal], folder)
        self.process.wait_until("it listens", lambda: listens(self.port))

    def settle(self):
        """Waits until nothing is being performed."""
        until("nothing is being performed", lambda: self._under_way() == 0)

    def fresh(self):
        """Kind by identifier of what was performed since the last call."""
        with open(self._journal, "rb") as journal:
            journal.seek(self._read)
            lines = journal.read()
        whole = lines[: lines.rfind(b"\n") + 1]
        self._read += len(whole)
        kinds = [line.split(" ") for line in whole.decode().splitlines()]
        return {name: kind for kind, name in kinds}

    def _under_way(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/under-way", timeout=PIECE_S) as answer:
            return int(answer.read())


class Proxy(Earwitness):
    """Earwitness, that may be started under strace and may die at any time."""

    ask_s = PIECE_S

    def __init__(self, folder, upstream_port, more=""):
        super().__init__(folder, upstream_port, RULES, more)
        self.data = folder / "data"

    def start(self):
        """Starts it, also again on the same data, and waits for it as long as it lives."""
        self.launch()
        until("it is ready", lambda: self.process.is_over() or self.is_ready())
        if self.process.is_over():
            raise AssertionError(f"it ended before it was ready\n{self.process.log()}")

    def launch(self, *injections):
        """Starts it and does not wait; with injections, the kernel does that to all its threads."""
        command = [binary(), "serve", "--config", self._config]
        traced = [*strace(self._folder / "strace", injections), "-D", "-f", "--"] if injections else []
        self.process = Process("earwitness", [*traced, *command], self._folder)

    def attach(self, thread, *injections):
        """From now on the kernel does that to the thread of that name."""
        return self._traced([f"--attach={self._thread(thread)}"], injections)

    def attach_to_journal(self, *injections):
        """The same for the journal's thread. Of its writes only those to its present files: it also wakes others by one."""
        has_writes = any(injection.startswith("write:") for injection in injections)
        files = (self.data / "journal").glob("*.log") if has_writes else []
        paths = [f"--trace-path={path}" for path in files]
        return self._traced([*paths, f"--attach={self._thread('journal')}"], injections)

    def attach_to_all(self, *injections):
        """From now on the kernel does that to every thread, also to those to come."""
        return self._traced(["-f", f"--attach={self.process.pid()}"], injections)

    def _traced(self, whom, injections):
        tracer = Process("tracer", [*strace(self._folder / "strace", injections), *whom], self._folder)
        thread = whom[-1].removeprefix("--attach=")
        until("strace has attached", lambda: tracer.is_over() or is_traced(self.process.pid(), thread))
        return tracer

    def _thread(self, name):
        tasks = pathlib.Path(f"/proc/{self.process.pid()}/task").iterdir()
        found = [task.name for task in tasks if name_of(task) == name]
        if not found:
            raise AssertionError(f"there is no thread named {name}")
        return found[0]

    def is_up(self):
        """Whether it answers at all."""
        return self._status("/healthz") == 200

    def is_ready(self):
        return self._status("/readyz") == 200

    def is_troubled(self):
        """Whether it tells that something is wrong, though it may be ready."""
        try:
            return json.loads(self.ask("/readyz")) != {"status": "ready"}
        except urllib.error.HTTPError:
            return True

    def wait_for_end(self, limit_s, or_else=lambda: False):
        """Whether it has ended after so many looks, and before something else."""
        for _ in range(int(limit_s / POLL_S)):
            if self.process.is_over() or or_else():
                break
            time.sleep(POLL_S)
        return self.process.is_over()

    def forget_everything(self):
        """Makes its next start its first one."""
        shutil.rmtree(self.data)
        for key in self._folder.glob("data.*"):
            key.unlink()

    def injected(self):
        """How many calls the kernel has failed or delayed since the last injections were asked for."""
        return self.traced("(INJECTED)") + self.traced("(DELAYED)")

    def traced(self, what):
        """How often strace has written this of the calls since then, those that are under way among them."""
        path = self._folder / "strace"
        return path.read_text(errors="replace").count(what) if path.exists() else 0


def strace(path, injections):
    """Its command line up to what it is to trace. Of calls that are made, only those that are meddled with are written."""
    calls = ",".join(injection.split(":", 1)[0] for injection in injections)
    options = [part for injection in injections for part in ("-e", f"inject={injection}")]
    return ["strace", "-qq", "-o", path, "-e", f"trace={calls}", "-e", "signal=none", *options]


def name_of(task):
    """A thread's name; `None` of one that is over meanwhile."""
    try:
        return (task / "comm").read_text().strip()
    except OSError:
        return None


def is_traced(pid, thread):
    status = pathlib.Path(f"/proc/{pid}/task/{thread}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return any(line.startswith("TracerPid:") and line.split()[1] != "0" for line in lines)


def require_strace():
    """Ends the test with a sentence where processes cannot be traced."""
    if shutil.which("strace") is None:
        sys.exit("strace is not installed: apt-get install strace")
    tried = subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], capture_output=True, text=True)
    if tried.returncode != 0:
        sys.exit(f"strace may not trace here (a container needs --cap-add SYS_PTRACE): {tried.stderr.strip()}")


def until(what, condition, limit_s=HANG_S):
    """Looks again and again; a limit is so many looks, since who lacks a processor here lacks it there."""
    for _ in range(int(limit_s / POLL_S)):
        if condition():
            return
        time.sleep(POLL_S)
    raise AssertionError(f"{limit_s} s passed before {what}")
