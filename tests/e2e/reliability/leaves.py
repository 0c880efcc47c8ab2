"""Another reader of docs/integrity.md: leaves and the tree, computed from what the page says and nothing else."""

import hashlib
import json
import re

ALL = object()
ACTOR = ({"type", "role", "organization", "team", "assurance", "evidence", "evidenceAgeS"}, ALL)
# What is personal in an event: whole values, members of objects (all but some, or only some), elements of lists.
EVENT = {
    "title": ALL,
    "message": {"text": ALL, "parts": [(set(), ALL)]},
    "actor": ACTOR,
    "onBehalfOf": ACTOR,
    "target": ({"type"}, ALL),
    "links": [{"id": ALL}],
    "error": ALL,
    "reason": ALL,
    "changes": [({"label"}, ALL)],
    "details": (set(), ALL),
    "client": (set(), ALL),
    "request": {"url": ALL, "destination": ALL},
    "notes": [{"detail": ALL}],
    "raw": (set(), ALL),
}


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


MARK = re.compile('"(?:erased:[0-9a-f]{16}|::)"')


def leaf(sequence, salt, text):
    """The leaf of an event that was stored as this text; `salt` as the log gives it."""
    spots, after = [], 0
    end = walk(text, 0, EVENT, spots)
    if end != len(text):
        raise AssertionError(f"an event ends at {end}\n{text}")
    if isinstance(salt, list) and len(salt) != len(spots):
        raise AssertionError(f"{len(salt)} salts and {len(spots)} values\n{text}")
    parts = [b"\x00\x01", sequence.to_bytes(8, "big"), len(spots).to_bytes(4, "big")]
    for index, (start, end) in enumerate(spots):
        parts += [prefixed(text[after:start]), commitment(salt, index, text[start:end])]
        after = end
    return sha(*parts, prefixed(text[after:]))


def commitment(salt, index, value):
    """The commitment to a personal value: computed, or what stands there of one that was erased."""
    if isinstance(salt, list):
        own = bytes.fromhex(salt[index])
        if len(own) == 32 and not MARK.fullmatch(value):
            raise AssertionError(f"{value} stands where a value was erased")
    else:
        pair = sha(b"\x03", bytes.fromhex(salt), (index // 2).to_bytes(4, "big"))
        own = pair[16:] if index % 2 else pair[:16]
    return own if len(own) == 32 else sha(b"\x02", own, value.encode())


def prefixed(text):
    raw = text.encode()
    return len(raw).to_bytes(4, "big") + raw


def walk(text, at, shape, spots):
    """Passes over a value, notes where personal ones stand in it, and says where it ends."""
    _, end = json.JSONDecoder().raw_decode(text, at)
    if shape is ALL:
        spots.append((at, end))
    if shape is None or shape is ALL:
        return end
    at += 1
    while at < end - 1:
        inner = shape[0] if isinstance(shape, list) else None
        if not isinstance(shape, list):
            name, at = json.JSONDecoder().raw_decode(text, at)
            at += 1
            inner = shape.get(name) if isinstance(shape, dict) else None if name in shape[0] else shape[1]
        at = walk(text, at, inner, spots)
        at += text[at] == ","
    return end


class Tree:
    """The tree of RFC 6962, as far as its root needs it."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def push(self, node):
        size = self.size
        while size & 1:
            node, size = sha(b"\x01", self.peaks.pop(), node), size >> 1
        self.peaks.append(node)
        self.size += 1

    def root(self):
        root = None
        for peak in reversed(self.peaks):
            root = peak if root is None else sha(b"\x01", peak, root)
        return root or sha()
