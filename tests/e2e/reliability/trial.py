"""One application, one proxy before it, its clients and its log: what every test here is made of."""

import contextlib
import pathlib
import signal
import subprocess
import sys
import tempfile
import traceback

import verdict
from clients import Clients
from processes import PIECE_S, Proxy, Upstream, binary
from records import Records


class Trial:
    """All that was asked, performed and recorded so far."""

    def __init__(self, folder, seed, limits="", clients=8):
        self.folder = folder
        self.performed = {}
        self._seed, self._limits, self._clients_count = seed, limits, clients
        # What was begun, however far that came, ends in the other order.
        self.ends = contextlib.ExitStack()

    def begin(self):
        self.upstream = Upstream(self.folder)
        self.ends.callback(self.upstream.process.stop)
        self.proxy = Proxy(self.folder, self.upstream.port, self._limits)
        # Whatever process it is by then; the clients end with the test.
        self.ends.callback(lambda: self.proxy.process.kill())
        self.clients = Clients(self.proxy.port, self._seed, self._clients_count)
        self.records = Records(self.proxy)

    def fresh(self):
        """The cases since the last call, when nothing is under way any more."""
        self.upstream.settle()
        self.records.read()
        fresh = self.upstream.fresh()
        self.performed |= fresh
        names = dict.fromkeys([*self.clients.fresh(), *fresh])
        return [self.case(name, self.records) for name in names]

    def demand(self, complaints_of):
        """Fails with the complaints about what was done since the last call, if some are left after a while; else counts it."""
        names = []

        def cases():
            return [self.case(name, self.records) for name in names]

        def complaints():
            names.extend(case.name for case in self.fresh())
            return complaints_of(cases())

        verdict.demand_soon(complaints)
        return verdict.tally(cases())

    def all(self):
        """All cases, the log read anew from its first entry on."""
        self.records.read()
        again = Records(self.proxy)
        again.read()
        if (again.sequence, again.tree.root()) != (self.records.sequence, self.records.tree.root()):
            raise AssertionError(f"the log ended with entry {self.records.sequence}, and now with {again.sequence}")
        return [self.case(name, again) for name in {**self.clients.answers, **self.performed}], again

    def case(self, name, records):
        return verdict.Case(name, self.performed.get(name), self.clients.answers.get(name), records.of[name])

    def forget(self):
        """Makes room: what was judged is not looked at again, only the tree goes on."""
        self.performed.clear()
        self.clients.answers.clear()
        self.records.of.clear()
        self.records.succeeded.clear()

    def stop_in_order(self):
        code = self.proxy.process.stop(PIECE_S)
        if code != 0:
            raise AssertionError(f"exit code {code} after SIGTERM")

    def verify(self):
        """`earwitness verify` finds nothing wrong with what a stopped proxy has left, either."""
        command = [binary(), "verify", "--data-dir", self.proxy.data]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode != 0:
            raise AssertionError(f"earwitness verify: exit code {done.returncode}\n{done.stdout}{done.stderr}")


def story(trial_in, tell, again):
    """Tells a story of a trial in a folder of its own; a failure shows the proxy's log and how to tell it again."""
    # Who is told to end takes along what was begun.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("broken off"))
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        trial = trial_in(pathlib.Path(name))
        with trial.ends:
            try:
                trial.begin()
                tell(trial)
            except Exception:  # whatever it was, the proxy's own log tells more
                print("FAIL", traceback.format_exc(), *last_log(trial.folder), f"again: {again}", sep="\n", flush=True)
                return 1
    return 0


def last_log(folder):
    """What the proxy told last, without what it says of the rules at every start."""
    path = folder / "earwitness.log"
    text = path.read_text(errors="replace") if path.exists() else ""
    return text.rpartition("proxy listens on")[2].splitlines()[-LOG_LINES:]


LOG_LINES = 60
