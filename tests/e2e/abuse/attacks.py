"""What clients do to a proxy to keep it from serving others, one function each, from an address of the attacker's own.

Each ends by itself and tells what became of it; none of them looks at the proxy from the inside.
"""

import asyncio
import contextlib
import itertools
import json
import resource
import socket
import struct
import sys
import time

# Loopback is a network: whoever counts clients by address can tell this one from the ordinary ones.
ATTACKER = "127.0.0.2"
SENT_AT_ONCE = 200


def may_open(count):
    """Lets this process and its children have so many descriptors, or says that the system does not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        sys.exit(f"{count} open files are needed, and the system allows {hard}: `ulimit -Hn {count}`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Victim:
    """A port that is attacked, from one address or from several by turns."""

    def __init__(self, port, *addresses):
        self.port = port
        self._addresses = itertools.cycle(addresses or [ATTACKER])

    @contextlib.asynccontextmanager
    async def connection(self, receive_bytes=None):
        """A connection that ends without ceremony: whatever is on its way is thrown away."""
        client = socket.socket()
        if receive_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        client.setblocking(False)
        client.bind((next(self._addresses), 0))
        await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=client, limit=1 << 16)
        try:
            yield reader, writer
        finally:
            reset(writer)


def reset(writer):
    """Ends a connection by RST, as a crashed client or a cut cable behind a NAT does."""
    client = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def many(attack, count):
    """The same by so many at once; the answers of all."""

    async def run():
        return await asyncio.gather(*(attack(number) for number in range(count)))

    return asyncio.run(run())


def booking(title, more=""):
    body = json.dumps({"title": title, "notes": "n" * 200})
    head = f"POST /bookings HTTP/1.1\r\nhost: office\r\ncontent-type: application/json\r\n{more}"
    return f"{head}content-length: {len(body)}\r\n\r\n{body}".encode()


SLOW_HEAD = b"GET /page HTTP/1.1\r\nhost: office\r\nx: "
# On a route that is recorded, so that it is copied too.
SLOW_BODY = b"POST /bookings HTTP/1.1\r\nhost: office\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n{"
# The beginning of a TLS record of 512 bytes: a ClientHello, of which letters never make a whole one.
SLOW_HELLO = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"


def slowly(victim, beginning, count, seconds):
    """A letter now and then, and never the end; the answers tell who was shown the door."""

    async def attack(_):
        async with victim.connection() as (reader, writer):
            closed = asyncio.ensure_future(all_of(reader))
            deadline = time.monotonic() + seconds
            writer.write(beginning)
            while time.monotonic() < deadline and not closed.done():
                writer.write(b" ")
                await asyncio.wait([closed], timeout=0.2)
            return closed.done() or not closed.cancel()

    return many(attack, count)


def slow_readers(victim, count, seconds, when_busy):
    """Large answers that nobody takes."""

    async def attack(number):
        async with victim.connection(receive_bytes=4096) as (_, writer):
            writer.transport.pause_reading()
            writer.write(b"GET /large HTTP/1.1\r\nhost: office\r\n\r\n" * (1 if number % 2 else 20))
            await asyncio.sleep(seconds)
            if number == 0:
                when_busy()

    many(attack, count)


def hold(victim, count, surplus, limit_s=20):
    """Connections that say nothing, until the surplus is turned away; the answer is how many were let in."""

    async def run():
        async with contextlib.AsyncExitStack() as all_open:
            opened = [await all_open.enter_async_context(victim.connection()) for _ in range(count)]
            told = [asyncio.ensure_future(all_of(reader)) for reader, _ in opened]
            deadline = time.monotonic() + limit_s
            while sum(each.done() for each in told) < surplus and time.monotonic() < deadline:
                await asyncio.sleep(0.05)
            return sum(each.cancel() for each in told)

    return asyncio.run(run())


def bombs(victim, bodies, count):
    """Bodies of few bytes that unpack to many, both ways; the answers are what came back."""

    async def attack(number):
        name, (coding, packed) = bodies[number % len(bodies)]
        async with victim.connection() as (reader, writer):
            head = f"POST /bombs/{name} HTTP/1.1\r\nhost: office\r\ncontent-encoding: {coding}\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(packed)}\r\nconnection: close\r\n\r\n".encode() + packed)
            return name, (await all_of(reader)).partition(b"\r\n\r\n")[2]

    return many(attack, count)


def broken_off(victim, title):
    """One booking, broken off once after each of its bytes; the last ones are whole."""
    whole = len(booking(title + "0000"))

    async def attack(offset):
        async with victim.connection() as (_, writer):
            writer.write(booking(f"{title}{offset:04}")[:offset])
            await writer.drain()
            # Some only after the proxy has surely begun with it.
            await asyncio.sleep(offset % 3 * 0.02)

    for first in range(0, whole + 1, SENT_AT_ONCE):
        many(lambda number, first=first: attack(first + number), min(SENT_AT_ONCE, whole + 1 - first))


def answers_broken_off(victim, count):
    """Large answers, broken off by whoever asked for them."""

    async def attack(number):
        async with victim.connection() as (reader, writer):
            writer.write(b"GET /large HTTP/1.1\r\nhost: office\r\n\r\n")
            await reader.read(1 + number * 997)

    many(attack, count)


def pipelines(victim, connections, title, count):
    """So many bookings in one write; the answers' statuses in order."""

    async def attack(number):
        async with victim.connection() as (reader, writer):
            requests = [booking(f"{title}{number}-{each}") for each in range(count - 1)]
            requests.append(booking(f"{title}{number}-{count - 1}", "connection: close\r\n"))
            writer.write(b"".join(requests))
            answers = await asyncio.wait_for(all_of(reader), 60)
            return answers.count(b"HTTP/1.1 201 ")

    return many(attack, connections)


def heads(victim, head, count):
    """The same head by so many; the answers' first lines, or none where the connection was just closed."""

    async def attack(_):
        async with victim.connection() as (reader, writer):
            writer.write(head)
            return (await asyncio.wait_for(all_of(reader), 10)).split(b"\r\n")[0].decode("latin-1")

    return many(attack, count)


async def all_of(reader):
    """What comes until the other side ends it, however it does."""
    found = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(1 << 16):
            found += piece
    return bytes(found)


def handshakes(victim, count, tls):
    """Whole handshakes, which cost the proxy a signature each, and then nothing."""

    async def attack(_):
        _, writer = await asyncio.open_connection("127.0.0.1", victim.port, ssl=tls, local_addr=(ATTACKER, 0))
        writer.transport.abort()

    many(attack, count)


async def idle(victim, count, measure):
    """So many connections, each kept open after one answer; what is measured when all are there."""
    async with contextlib.AsyncExitStack() as all_open:
        for first in range(0, count, SENT_AT_ONCE):
            opened = [await all_open.enter_async_context(victim.connection()) for _ in range(min(SENT_AT_ONCE, count - first))]
            for _, writer in opened:
                writer.write(b"GET /page HTTP/1.1\r\nhost: office\r\n\r\n")
            heads = [await reader.readuntil(b"\r\n\r\n") for reader, _ in opened]
            assert all(head.startswith(b"HTTP/1.1 200 ") for head in heads), heads
        return measure()
