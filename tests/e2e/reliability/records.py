"""Reads the log through the query endpoint, event by event as it was stored, and computes its tree anew."""

import collections
import json

import leaves

PAGE = 500

# What was recorded of one action: how many events of the rule, and how many that a start recovered.
Found = collections.namedtuple("Found", "full recovered")


class Records:
    """All that was recorded so far, read piece by piece; whatever does not fit is a failure at once."""

    def __init__(self, sidecar):
        self.tree = leaves.Tree()
        self.of = collections.defaultdict(lambda: Found(0, 0))
        self.succeeded = set()
        # What gaps name, and how many more they count.
        self.gaps, self.missed, self.unnamed = 0, set(), 0
        self._sidecar = sidecar

    @property
    def sequence(self):
        return self.tree.size

    def read(self):
        """Takes what was added since the last time; the answer is how much that was."""
        added, cursor = [], {}
        while cursor is not None:
            events, pagination = split(self._sidecar.ask("/audit/v1/events", limit=PAGE, **cursor).decode())
            fresh = [event for event in events if sequence_of(event) > self.sequence]
            added += fresh
            goes_on = pagination["hasMore"] and len(fresh) == len(events)
            cursor = {"cursor": pagination["nextCursor"]} if goes_on else None
        for event in reversed(added):
            self._take(event)
        return len(added)

    def _take(self, text):
        event = json.loads(text)
        salt = json.dumps(event["salt"], separators=(",", ":"))
        place = f'{{"sequence":{self.sequence + 1},"leaf":"{event["leaf"]}","salt":{salt},'
        if not text.startswith(place):
            raise AssertionError(f"entry {self.sequence} is followed by one that does not continue it\n{text}")
        computed = leaves.leaf(event["sequence"], event["salt"], "{" + text.removeprefix(place))
        if computed.hex() != event["leaf"]:
            raise AssertionError(f"the leaf of entry {event['sequence']} is not that of its bytes\n{text}")
        self.tree.push(computed)
        self._sort(event)

    def _sort(self, event):
        if event["action"] == "RECORDING_GAP":
            self.gaps += 1
            self.missed |= {action_in(missed["url"]) for missed in event["details"]["missed"]}
            self.unnamed += event["details"]["unnamed"]
        name = action_in(event["request"]["url"])
        if name is None:
            return
        found = self.of[name]
        if any(note["code"] == "recovered" for note in event.get("notes", [])):
            self.of[name] = found._replace(recovered=found.recovered + 1)
            return
        self.of[name] = found._replace(full=found.full + 1)
        if event["result"] == "success":
            self.succeeded.add(name)


def split(page):
    """The events of a page as they stand in it, newest first, and what it says of other pages."""
    decoder, events, at = json.JSONDecoder(), [], page.index("[") + 1
    while page[at] == "{":
        _, end = decoder.raw_decode(page, at)
        events.append(page[at:end])
        at = end + (page[end] == ",")
    return events, json.loads('{"data":[' + page[at:])["pagination"]


def sequence_of(text):
    return int(text.removeprefix('{"sequence":').split(",", 1)[0])


def action_in(url):
    """Which action of the application an address asks for."""
    path = url.split("/", 3)[-1].split("/")
    return path[2] if path[0] == "actions" and len(path) == 3 else None
