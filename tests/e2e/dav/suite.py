"""The `caldav` library's own tests, run twice: against a CalDAV server, and against Earwitness before another of the kind.

The tests come with the library's source on PyPI. They know nothing of Earwitness, so they say what a client notices of it:
test by test the outcome must be the same.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/dav/suite.py
"""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree

from servers import PACK, PASSWORD, USER, Radicale

from expect import require, tell
from sidecar import Earwitness

# They start servers of their own, wherever they run.
ELSEWHERE = [
    "tests/test_caldav.py::TestGetDAVClient::testAutoEmbeddedServer",
    "tests/test_caldav.py::TestGetCalendarsConfig::test_multi_server_meta_section",
]
FILES = ["tests/test_caldav.py", "tests/test_async_integration.py"]
# Its proxy always listens on one port: nobody else can run it at the same time.
ALONE = "tests/test_caldav.py::TestProxy"
PASSED_MIN = 100
LIMIT_S = 240


def source(folder):
    """The library's source in the version that is installed: from E2E_SOURCES, or from PyPI."""
    version = importlib.metadata.version("caldav")
    kept = os.environ.get("E2E_SOURCES")
    archives = pathlib.Path(kept or folder / "sources")
    if not kept:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "caldav"]
        subprocess.run([*command, "--dest", archives, f"caldav=={version}"], check=True, timeout=LIMIT_S)
    with tarfile.open(archives / f"caldav-{version}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / f"caldav-{version}"


class Run:
    """The library's tests against one port, in processes and with files of their own."""

    def __init__(self, name, folder, library, port):
        self.name, self.folder = name, folder / name
        shutil.copytree(library / "tests", self.folder / "tests")
        shutil.copy(library / "pyproject.toml", self.folder)
        (self.folder / "tests" / "caldav_test_servers.yaml").write_text(
            "test-servers:\n"
            "  radicale: { enabled: false }\n"
            "  xandikos: { enabled: false }\n"
            f"  subject: {{ type: external, url: 'http://127.0.0.1:{port}/', username: {USER}, password: {PASSWORD}, "
            "features: radicale }\n"
        )
        self.start(*[f"--deselect={test}" for test in [ALONE, *ELSEWHERE]], *FILES)

    def start(self, *selection):
        self._written = self.folder / "outcomes.xml"
        self._written.unlink(missing_ok=True)
        options = ["-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function"]
        with open(self.folder / "log", "a") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, "--junitxml", self._written, *selection],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                # The library looks for a configuration at home, and keeps others from a server by files in TMPDIR.
                env={
                    **os.environ, "HOME": str(self.folder), "TMPDIR": str(self.folder),
                    "PYTHON_CALDAV_TEST_DOCKER": "0", "PYTHON_CALDAV_TEST_EMBEDDED": "0",
                },
            )

    def outcomes(self):
        """How each test ended, once all have: `passed`, `failed` or `skipped` by name."""
        try:
            self._child.wait(timeout=LIMIT_S)
        finally:
            self.stop()
        require(self._written.exists(), f"pytest wrote what came of it, {self.name}", self.log())
        return {
            f"{case.get('classname').rpartition('.')[2]}.{case.get('name')}": outcome(case)
            for case in ElementTree.parse(self._written).iter("testcase")
        }

    def stop(self):
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()

    def log(self):
        return "\n".join((self.folder / "log").read_text(errors="replace").splitlines()[-80:])


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "skipped" if case.find("skipped") is not None else "passed"


class Story:
    def __init__(self, folder, direct, through, sidecar):
        self.sidecar = sidecar
        library = source(folder)
        # At the same time: each has a server of its own.
        self.runs = [Run("direct", folder, library, direct.port), Run("through", folder, library, sidecar.port)]
        self.direct = self.through = None

    def without_the_proxy_all_tests_pass(self):
        self.direct, self.through = [run.outcomes() for run in self.runs]
        for run, outcomes in zip(self.runs, [self.direct, self.through]):
            run.start(ALONE)
            outcomes |= run.outcomes()
        failed = [name for name, outcome in self.direct.items() if outcome == "failed"]
        require(not failed, f"none fails: {failed}", self.runs[0].log())
        passed = sum(outcome == "passed" for outcome in self.direct.values())
        require(passed >= PASSED_MIN, f"at least {PASSED_MIN} pass", self.direct)

    def with_it_each_ends_as_without(self):
        names = self.direct.keys() | self.through.keys()
        both = {name: (self.direct.get(name), self.through.get(name)) for name in names}
        differ = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
        require(not differ, "none differs", [differ, self.runs[1].log()])
        print(f"      {len(names)} tests")

    def their_requests_are_on_record(self):
        seen = set()
        kinds = ["create_calendar", "create_event", "change_event", "delete_event", "create_task", "create_journal"]
        for action in kinds:
            page = self.sidecar.get("/audit/v1/events", action=action, actor=USER, limit=1)
            seen |= {event["action"] for event in page["data"]}
        require(len(seen) == len(kinds), "each kind of change was recorded", sorted(seen))

    def stop(self):
        for run in self.runs:
            run.stop()

    STEPS = [without_the_proxy_all_tests_pass, with_it_each_ends_as_without, their_requests_are_on_record]


def main():
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder = pathlib.Path(name)
        direct, behind = Radicale(folder / "server"), Radicale(folder / "server-behind")
        try:
            sidecar = Earwitness(folder, behind.port, PACK)
            story = Story(folder, direct, behind, sidecar)
            try:
                return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], sidecar, behind.process)
            finally:
                story.stop()
        finally:
            direct.process.stop()
            behind.process.stop()


if __name__ == "__main__":
    sys.exit(main())
