"""What the stand-in for Cal.com knows: people, sessions, bookings and the rest. All of it in memory."""

import secrets

ADA, BO = 7, 9
SESSION = "next-auth.session-token"
KEY = "cal_live_0123456789abcdef0123456789abcdef"
CLIENT = {"id": "client-1", "secret": "platform-knows"}


class Office:
    """What the stand-in knows: people, sessions, bookings and the rest."""

    def __init__(self):
        self.people = {
            ADA: person(ADA, "Ada", role="ADMIN", password="ada-knows", factor=None),
            BO: person(BO, "Bo", role="USER", password="bo-knows", factor="246810"),
        }
        self.sessions = {}
        self.keys = {KEY: ADA}
        self.noted_keys = []
        self.bookings = {}
        bo = dict(name="Bo", email="bo@example.org")
        self.memberships = {40: dict(id=40, userId=BO, teamId=5, role="MEMBER", accepted=True, user=bo)}
        self.workflows = {}
        self.event_types = {}
        self.schedules = {}
        self.serial = 100

    def next(self):
        self.serial += 1
        return self.serial

    def booking(self, uid):
        return self.bookings.get(uid) or fail(404, "NotFoundException", f"Booking with uid={uid} was not found")

    def book(self, **fields):
        uid = secrets.token_urlsafe(9)
        self.bookings[uid] = dict(
            id=self.next(), uid=uid, title="Intro", status="accepted", location="https://meet.example/1",
            absentHost=False,
            hosts=[dict(id=ADA, name="Ada", email="ada@example.org")], attendees=[], eventTypeId=51, **fields,
        )
        return self.bookings[uid]


def person(serial, name, **more):
    username = name.lower()
    return dict(id=serial, username=username, name=name, email=f"{username}@example.org", locked=False, **more)


class Refused(Exception):
    """An answer that is an error, in the shape of the surface that it is given by."""

    def __init__(self, status, code, message):
        self.status, self.code, self.message = status, code, message


def fail(status, code, message):
    raise Refused(status, code, message)


def shown(booking):
    """A booking as the web application names its fields."""
    return {
        "id": booking["id"], "uid": booking["uid"], "title": booking["title"], "status": booking["status"].upper(),
        "startTime": booking["start"], "endTime": booking["end"], "eventTypeId": booking["eventTypeId"],
    }
