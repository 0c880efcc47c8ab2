"""Starts real processes for the end-to-end tests, and asks Earwitness what it recorded.

Everything listens on 127.0.0.1 and lives in a temporary folder. Nothing sleeps for a fixed time: what takes
time is waited for, up to a deadline.
"""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from expect import pretty

ROOT = pathlib.Path(__file__).resolve().parents[2]
POLL_S = 0.05
UNTOLD = {"EARWITNESS_RETENTION_DISK_MAX": "100"}


def free_port():
    """A port that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A child process whose output is kept for the failure report."""

    def __init__(self, name, command, folder):
        self.name = name
        self._log_path = folder / f"{name}.log"
        self._log_file = open(self._log_path, "ab")
        self._child = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log_file,
            stderr=subprocess.STDOUT,
            # Only the file configures Earwitness here, whatever the shell around has set; how full this disk is, is not to be told.
            env={name: value for name, value in os.environ.items() if not name.startswith("EARWITNESS_")} | UNTOLD,
        )

    def wait_until(self, what, condition, limit_s=20):
        """Polls a condition; its first true value is the answer. In vain: the process is stopped."""
        deadline = time.monotonic() + limit_s
        while not (value := condition()):
            if self.is_over() or time.monotonic() > deadline:
                ended = "it ended" if self.is_over() else f"{limit_s} s passed"
                self.stop()
                raise AssertionError(f"{self.name}: {ended} before {what}\n{self.log()}")
            time.sleep(POLL_S)
        return value

    def is_over(self):
        return self._child.poll() is not None

    def pid(self):
        return self._child.pid

    def cpu_us(self):
        """User and system time of the process and its children so far."""
        fields = [path.read_text().rsplit(")", 1)[1].split() for path in self._proc("stat")]
        return sum(int(each[11]) + int(each[12]) for each in fields) * 1_000_000 / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        """Memory that the process and its children hold now."""
        return sum(int(path.read_text().split()[1]) for path in self._proc("statm")) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self):
        """Files and sockets that are open now."""
        return sum(len(list(path.iterdir())) for path in self._proc("fd"))

    def _proc(self, name):
        """The file of that name about the process and each of its children."""
        children = pathlib.Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text().split()
        return [pathlib.Path(f"/proc/{pid}/{name}") for pid in [self._child.pid, *children]]

    def log(self):
        tail = self._log_path.read_text(errors="replace").splitlines()[-40:]
        return "\n".join([f"--- log of {self.name}", *tail])

    def output(self):
        """All that it has printed."""
        return self._log_path.read_text(errors="replace")

    def kill(self):
        """Ends it at once, as a crash would."""
        self._child.kill()
        self._child.wait()
        self._log_file.close()

    def ask_to_end(self):
        if not self.is_over():
            self._child.send_signal(signal.SIGTERM)

    def stop(self, limit_s=30):
        """Asks it to end, as an operator would; the answer is its exit code."""
        self.ask_to_end()
        try:
            code = self._child.wait(timeout=limit_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        self._log_file.close()
        return code


def of_its_own_life(event):
    """Whether an event tells that the sidecar starts or stops."""
    return event["rule"]["id"] == "earwitness/recording"


class Earwitness:
    """The sidecar before an upstream, with one rule pack, and `more` lines of configuration; `admin` are more keys of the audit listener, which is at PORT."""

    # How long an answer of the audit listener is waited for.
    ask_s = 10

    def __init__(self, folder, upstream_port, pack, more="", token=None, admin=""):
        self.port = free_port()
        self.admin_port = free_port()
        self._token = token
        self._folder = folder
        self._config = folder / "earwitness.yaml"
        own = f", token: {token}" if token else ""
        own += admin.replace("PORT", str(self.admin_port))
        self._config.write_text(
            f"listen: 127.0.0.1:{self.port}\n"
            f"upstream: http://127.0.0.1:{upstream_port}\n"
            f"admin: {{ listen: '127.0.0.1:{self.admin_port}'{own} }}\n"
            f"data_dir: {folder / 'data'}\n"
            f"rules: [{pack}]\n{more}"
        )
        self._seen = set()
        self.start()

    def start(self):
        """Starts it, also again on the same data."""
        self.process = Process("earwitness", [binary(), "serve", "--config", self._config], self._folder)
        self.process.wait_until("it is ready", lambda: self._status("/readyz") == 200)

    def new_events(self, at_least):
        """The events since the last call, oldest first; waits until there are so many."""
        fresh = []

        def enough():
            page = self.get("/audit/v1/events?limit=200")
            fresh[:] = [event for event in page["data"] if event["id"] not in self._seen and not of_its_own_life(event)]
            return len(fresh) >= at_least

        try:
            self.process.wait_until(f"{at_least} new events were there", enough, limit_s=10)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- the new events there are\n{pretty(fresh)}") from None
        self._seen.update(event["id"] for event in fresh)
        return fresh[::-1]

    def all_events(self, **query):
        """Every event that the query finds, oldest first, page by page."""
        found, cursor = [], {}
        while cursor is not None:
            page = self.get("/audit/v1/events", limit=500, **query, **cursor)
            found += [event for event in page["data"] if not of_its_own_life(event)]
            cursor = {"cursor": page["pagination"]["nextCursor"]} if page["pagination"]["hasMore"] else None
        return found[::-1]

    def metric(self, name):
        """A metric's value: the sum over its labels, unless `name` has them."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=self.ask_s) as answer:
            lines = [line.rsplit(" ", 1) for line in answer.read().decode().splitlines()]
        return sum(float(value) for found, value in lines if found == name or found.startswith(name + "{"))

    def get(self, path, **query):
        return json.loads(self.ask(path, **query))

    def ask(self, path, **query):
        """The answer's bytes."""
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        if query:
            url += ("&" if "?" in path else "?") + urllib.parse.urlencode(query)
        headers = {"authorization": f"Bearer {self._token}"} if self._token else {}
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=self.ask_s) as answer:
            return answer.read()

    def _status(self, path):
        try:
            url = f"http://127.0.0.1:{self.admin_port}{path}"
            with urllib.request.urlopen(url, timeout=self.ask_s) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None


def certificate(folder):
    """A new certificate for 127.0.0.1 in a folder; the answer is the configuration that uses it."""
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", *names,
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, stdin=subprocess.DEVNULL, capture_output=True,
    )
    return f"tls: {{ certificate: {folder / 'certificate.pem'}, key: {folder / 'key.pem'} }}\n"


def binary():
    """The binary under test: E2E_BINARY, or the newest that cargo built."""
    if "E2E_BINARY" in os.environ:
        return pathlib.Path(os.environ["E2E_BINARY"])
    return newest("earwitness")


def newest(name):
    """The newest program of that name (`examples/legacy`) that cargo built."""
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = [target / profile / name for profile in ("release", "debug")]
    built = [path for path in built if path.exists()]
    if not built:
        sys.exit(f"there is no {name}: run `cargo build --bins --examples` first")
    return max(built, key=lambda path: path.stat().st_mtime)


def listens(port):
    """Whether somebody accepts connections at that port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
