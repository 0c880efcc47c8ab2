"""Earwitness between exchangelib and a stand-in for an Exchange server: who asks when people are free, and about whom.

The stand-in knows two operations, in the shapes of Microsoft's reference of Exchange Web Services: GetServerTimeZones,
which the client asks first, and GetUserAvailability.

    pip install -r tests/e2e/requirements.txt && cargo build && python3 tests/e2e/ews.py
"""

import base64
import datetime
import http.server
import pathlib
import sys
import tempfile
import threading
from xml.etree import ElementTree

from exchangelib import BASIC, Configuration, Credentials, EWSDateTime, EWSTimeZone
from exchangelib.errors import ErrorTimeIntervalTooBig, UnauthorizedError
from exchangelib.protocol import Protocol
from exchangelib.version import EXCHANGE_2016, Version

from expect import check, exactly, require, tell
from sidecar import ROOT, Earwitness

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MESSAGES = "http://schemas.microsoft.com/exchange/services/2006/messages"
TYPES = "http://schemas.microsoft.com/exchange/services/2006/types"
ERRORS = "http://schemas.microsoft.com/exchange/services/2006/errors"
BO, NOBODY = "bo@example.org", "nobody@example.org"
WRONG = UnauthorizedError, "a wrong password"
TOO_LONG = ErrorTimeIntervalTooBig, "a window of years"

FREE = """<FreeBusyResponse>
<ResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode></ResponseMessage>
<FreeBusyView><FreeBusyViewType xmlns="{TYPES}">FreeBusy</FreeBusyViewType></FreeBusyView></FreeBusyResponse>"""
UNKNOWN = """<FreeBusyResponse><ResponseMessage ResponseClass="Error"><MessageText>Unable to resolve it.</MessageText>
<ResponseCode>ErrorMailRecipientNotFound</ResponseCode></ResponseMessage><FreeBusyView/></FreeBusyResponse>"""
ZONES = """<GetServerTimeZonesResponse xmlns="{MESSAGES}" xmlns:t="{TYPES}"><ResponseMessages>
<GetServerTimeZonesResponseMessage ResponseClass="Success"><ResponseCode>NoError</ResponseCode><TimeZoneDefinitions>
<t:TimeZoneDefinition Id="UTC" Name="UTC"><t:Periods><t:Period Bias="PT0S" Name="Standard" Id="p"/></t:Periods>
<t:TransitionsGroups><t:TransitionsGroup Id="0"><t:Transition><t:To Kind="Period">p</t:To></t:Transition>
</t:TransitionsGroup></t:TransitionsGroups><t:Transitions><t:Transition><t:To Kind="Group">0</t:To></t:Transition>
</t:Transitions></t:TimeZoneDefinition></TimeZoneDefinitions></GetServerTimeZonesResponseMessage></ResponseMessages>
</GetServerTimeZonesResponse>"""
FAULT = """<s:Fault>
<faultcode xmlns:a="{TYPES}">a:ErrorTimeIntervalTooBig</faultcode><faultstring>Too long.</faultstring>
<detail><e:ResponseCode xmlns:e="{ERRORS}">ErrorTimeIntervalTooBig</e:ResponseCode></detail></s:Fault>"""


def answer(envelope):
    """Status and message for a request: two years are too long, and only Bo is known."""
    (asked,) = ElementTree.fromstring(envelope).find(f"{{{SOAP}}}Body")
    if asked.tag == f"{{{MESSAGES}}}GetServerTimeZones":
        return 200, ZONES
    times = [asked.find(f".//{{{TYPES}}}{name}").text for name in ("StartTime", "EndTime")]
    start, end = map(datetime.datetime.fromisoformat, times)
    if end - start > datetime.timedelta(days=62):
        return 500, FAULT
    each = "".join(FREE if one.text == BO else UNKNOWN for one in asked.iter(f"{{{TYPES}}}Address"))
    array = f"<FreeBusyResponseArray>{each}</FreeBusyResponseArray>"
    return 200, f'<GetUserAvailabilityResponse xmlns="{MESSAGES}">{array}</GetUserAvailabilityResponse>'


class Exchange(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lines = []

    def do_POST(self):
        envelope = self.rfile.read(int(self.headers.get("content-length", 0)))
        secret = base64.b64encode(b"gateway:secret").decode()
        if self.headers.get("authorization") != f"Basic {secret}":
            return self.reply(401, b"")
        status, body = answer(envelope)
        for name, namespace in [("{TYPES}", TYPES), ("{MESSAGES}", MESSAGES), ("{ERRORS}", ERRORS)]:
            body = body.replace(name, namespace)
        self.reply(status, f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'.encode())

    def reply(self, status, body):
        self.send_response(status)
        if status == 401:
            self.send_header("www-authenticate", 'Basic realm="Exchange"')
        self.send_header("content-type", "text/xml; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, form, *values):
        self.lines.append(form % values)

    @classmethod
    def log(cls):
        return "\n".join(["--- log of the stand-in", *cls.lines[-40:]])


class Story:
    """The steps, in order: each asks as a client and says which records must follow."""

    def __init__(self, sidecar):
        self.sidecar = sidecar

    def ask(self, *people, password="secret", until=(2026, 1, 11)):
        config = Configuration(
            service_endpoint=f"http://127.0.0.1:{self.sidecar.port}/EWS/Exchange.asmx", auth_type=BASIC,
            credentials=Credentials("gateway", password), version=Version(build=EXCHANGE_2016),
        )
        zone = EWSTimeZone("UTC")
        return list(Protocol(config=config).get_free_busy_info(
            accounts=[(person, "Required", False) for person in people], requested_view="FreeBusy",
            start=EWSDateTime(2026, 1, 10, tzinfo=zone), end=EWSDateTime(*until, tzinfo=zone),
        ))

    def refused(self, failure, **how):
        wanted, what = failure
        try:
            self.ask(BO, **how)
        except wanted:
            return
        raise AssertionError(f"{what} was not refused")

    def each_mailbox_is_a_look_up(self):
        free, unknown = self.ask(BO, NOBODY)
        is_told = free.view_type == "FreeBusy" and isinstance(unknown, Exception)
        require(is_told, "a view and an error", [str(free), str(unknown)])
        found, missed = exactly(self.sidecar.new_events(2), 2)
        both = {
            "type": "interop", "source": "EWS", "apiKind": "ews", "actor.id": "gateway", "actor.assurance": "verified",
            "details.requestedPeriodStart": "2026-01-10T00:00:00Z",
            "details.requestedPeriodEnd": "2026-01-11T00:00:00Z",
            "details.remoteEwsUrl": f"http://127.0.0.1:{self.sidecar.port}/EWS/Exchange.asmx", "notes": None,
        }
        check(found, {
            **both, "action": "interop_freebusy_lookup_outbound_successful", "result": "success", "target.id": BO,
        })
        check(missed, {
            **both, "action": "interop_freebusy_lookup_outbound_unsuccessful", "result": "failure",
            "target.id": NOBODY, "error": "ErrorMailRecipientNotFound",
            "details.interopErrorCode": "ErrorMailRecipientNotFound",
        })

    def a_look_up_that_fails_as_a_whole_is_told_of_each(self):
        self.refused(TOO_LONG, until=(2028, 1, 10))
        (failed,) = exactly(self.sidecar.new_events(1), 1)
        check(failed, {
            "action": "interop_freebusy_lookup_outbound_unsuccessful", "result": "failure", "target.id": BO,
            "details.interopErrorCode": "ErrorTimeIntervalTooBig", "response.status": 500,
        })

    def a_wrong_password_looks_nothing_up(self):
        # The client gives up at its first question, for time zones, which is none of ours.
        self.refused(WRONG, password="guessed")
        exactly(self.sidecar.all_events(), 3)

    STEPS = [
        each_mailbox_is_a_look_up, a_look_up_that_fails_as_a_whole_is_told_of_each, a_wrong_password_looks_nothing_up,
    ]


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exchange)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="earwitness-e2e-") as name:
        try:
            sidecar = Earwitness(pathlib.Path(name), server.server_address[1], ROOT / "rules" / "ews")
            story = Story(sidecar)
            return tell([(step.__name__, lambda step=step: step(story)) for step in Story.STEPS], sidecar, Exchange)
        finally:
            server.shutdown()
            server.server_close()


if __name__ == "__main__":
    sys.exit(main())
