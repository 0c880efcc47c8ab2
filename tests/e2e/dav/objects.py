"""The iCalendar and WebDAV texts that the tests of CalDAV send."""

PROPERTIES = 'xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:A="http://apple.com/ns/ical/"'
XML, ICALENDAR = {"Content-Type": "application/xml; charset=utf-8"}, {"Content-Type": "text/calendar; charset=utf-8"}

ZONE = "\r\n".join([
    "BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Earwitness//e2e//EN", "BEGIN:VTIMEZONE", "TZID:Europe/Zurich",
    "BEGIN:STANDARD", "DTSTART:19701025T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "END:STANDARD",
    "END:VTIMEZONE", "END:VCALENDAR", "",
])


def calendar_text(component, lines, method=None):
    """An iCalendar object with one component, and what is to follow it."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Earwitness//e2e//EN"]
    head += [f"METHOD:{method}"] if method else []
    return "\r\n".join([*head, f"BEGIN:{component}", *lines, f"END:{component}", "END:VCALENDAR", ""])


def event_text(uid="planning", exception=None, **properties):
    """One event; values are put in as they are. An exception is the lines of a second one (RFC 5545, section 3.8.4.4)."""
    lines = [f"UID:{uid}", "DTSTAMP:20260101T000000Z"]
    guests = properties.pop("guests", [])
    lines += [f"{name}:{value}" for name, value in properties.items()]
    lines += [f"ATTENDEE;PARTSTAT={answer}:mailto:{email}" for email, answer in guests]
    if exception:
        lines += ["END:VEVENT", "BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z"]
        lines += [f"{name}:{value}" for name, value in exception.items()]
    return calendar_text("VEVENT", lines)


def other_text(component, uid, summary):
    """A task (VTODO) or a journal (VJOURNAL)."""
    return calendar_text(component, [f"UID:{uid}", "DTSTAMP:20260101T000000Z", f"SUMMARY:{summary}"])


def free_busy_text(asker, *asked):
    """Who is free on one day (RFC 6638, section 5)."""
    lines = ["UID:free-busy", "DTSTAMP:20260101T000000Z", "DTSTART:20260110T000000Z", "DTEND:20260111T000000Z"]
    lines += [f"ORGANIZER:{asker}", *(f"ATTENDEE:{address}" for address in asked)]
    return calendar_text("VFREEBUSY", lines, method="REQUEST")


def mkcalendar(properties):
    return f"<C:mkcalendar {PROPERTIES}><D:set><D:prop>{properties}</D:prop></D:set></C:mkcalendar>"


def mkcol(properties):
    return f"<D:mkcol {PROPERTIES}><D:set><D:prop>{properties}</D:prop></D:set></D:mkcol>"


def propertyupdate(properties):
    return f"<D:propertyupdate {PROPERTIES}><D:set><D:prop>{properties}</D:prop></D:set></D:propertyupdate>"


ACCESS = (
    f"<D:acl {PROPERTIES}><D:ace><D:principal><D:href>/bo/</D:href></D:principal>"
    "<D:grant><D:privilege><D:read/></D:privilege></D:grant></D:ace></D:acl>"
)
