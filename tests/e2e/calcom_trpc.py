"""Earwitness between a server and a client of tRPC itself (`cal/trpc.cjs`): what both of them say to each other, in
batches and with superjson, is what the rules for Cal.com's web application are written for. The question for what a
member was before is answered by tRPC, too.

    npm install --prefix tests/e2e && cargo build
    E2E_NODE_PACKAGES=tests/e2e python3 tests/e2e/calcom_trpc.py
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from expect import check, exactly, require, tell
from sidecar import ROOT, Earwitness, Process, free_port, listens

PROGRAM = pathlib.Path(__file__).parent / "cal" / "trpc.cjs"


class Story:
    """The steps, in order."""

    def __init__(self, sidecar):
        self.sidecar = sidecar

    def calls(self, router, *calls):
        """Sends the calls as one batch; what came of each."""
        command = ["node", PROGRAM, "call", f"http://127.0.0.1:{self.sidecar.port}"]
        said = json.dumps({"router": router, "calls": calls})
        done = subprocess.run(command, input=said, capture_output=True, text=True, check=True, timeout=30)
        return json.loads(done.stdout)

    def a_single_call_is_recorded_with_what_was_before(self):
        told = self.calls("teams", ("changeMemberRole", {"teamId": 5, "memberId": 9, "role": "ADMIN"}))
        require(told == ["done"], "tRPC's own client is content", told)
        (event,) = exactly(self.sidecar.new_events(1), 1)
        check(event, {
            "action": "ROLE_CHANGED", "result": "success", "actor.id": "7", "source": "WEBAPP", "before.state": "read",
            "change role": ("MEMBER", "ADMIN"), "target.name": "Bo", "scope.team": "5", "scope.organization": "3",
            "message.text": "Role of Bo changed from MEMBER to ADMIN", "notes": None,
        })

    def a_batch_is_one_record_for_each_call_and_each_has_its_own_end(self):
        told = self.calls(
            "teams",
            ("inviteMember", {"teamId": 5, "usernameOrEmail": ["cy@example.org", "di@example.org"], "role": "MEMBER"}),
            ("changeMemberRole", {"teamId": 5, "memberId": 9, "role": "OWNER"}),
        )
        require(told == ["done", "FORBIDDEN"], "tRPC's own client tells them apart", told)
        first, second, refused = exactly(self.sidecar.new_events(3), 3)
        check(first, {"action": "MEMBER_ADDED", "result": "success", "details.member": "cy@example.org"})
        check(second, {"action": "MEMBER_ADDED", "details.member": "di@example.org", "exchangeId": first["exchangeId"]})
        check(refused, {
            "action": "ROLE_CHANGED", "result": "denied", "error": "FORBIDDEN", "exchangeId": first["exchangeId"],
        })

    def a_key_that_is_the_whole_answer_is_not_kept(self):
        self.calls("apiKeys", ("create", {"note": "CI"}))
        (event,) = exactly(self.sidecar.new_events(1), 1)
        check(event, {"action": "API_KEY_CREATED", "target.name": "CI", "result": "success"})
        require("cal_live" not in json.dumps(event), "no key in the record", event)

    STEPS = [
        a_single_call_is_recorded_with_what_was_before, a_batch_is_one_record_for_each_call_and_each_has_its_own_end,
        a_key_that_is_the_whole_answer_is_not_kept,
    ]


def main():
    if "E2E_NODE_PACKAGES" not in os.environ:
        sys.exit("set E2E_NODE_PACKAGES to the folder where npm installed what package.json names")
    os.environ["NODE_PATH"] = str(pathlib.Path(os.environ["E2E_NODE_PACKAGES"]).resolve() / "node_modules")
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        folder, port = pathlib.Path(name), free_port()
        server = Process("trpc", ["node", PROGRAM, "serve", port], folder)
        try:
            server.wait_until("it listens", lambda: listens(port))
            story = Story(Earwitness(folder, port, ROOT / "rules" / "calcom"))
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], story.sidecar, server)
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
