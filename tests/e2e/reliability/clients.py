"""Clients who ask for actions over connections that they keep, and know which of them were answered whole."""

import asyncio
import collections
import json
import math
import random
import threading
import time

from processes import HANG_S, PIECE_S, until

KINDS = ["quick", "slow", "streamed", "followed", "buffered", "strict"]
LARGE_TIMES = 4000
PAUSE_S = 0.02

# What became of a request: `status` is `None` when the answer broke off; `over` tells its connection from all others.
Answer = collections.namedtuple("Answer", "kind status over")


class Clients:
    """So many clients in a thread of their own. They ask only when told to."""

    def __init__(self, port, seed, count=8):
        self.answers = {}
        self._port, self._kinds, self._random = port, KINDS, random.Random(seed)
        self._left, self._between_s, self._next_s = 0, 0, 0
        self._fresh, self._busy, self._failure = [], 0, None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(count,), daemon=True)
        self._thread.start()

    def go(self, actions=math.inf, rate=math.inf):
        """Asks for so many actions, so many a second at the most."""
        self._between_s, self._next_s = 1 / rate, time.monotonic()
        self._left = actions

    def is_done(self):
        """Whether all of them are over."""
        if self._failure or not self._thread.is_alive():
            raise AssertionError(f"the clients failed: {self._failure!r}")
        return self._left <= 0 and self._busy == 0

    def wait(self, limit_s=HANG_S):
        """Until all of them are over."""
        until("all requests were over", self.is_done, limit_s)

    def stop(self):
        """Begins nothing more, and waits for what is under way."""
        self._left = 0
        # As long as one of them may take.
        self.wait(PIECE_S + HANG_S)

    def only(self, *kinds):
        """From now on asks for these kinds of action, or for all."""
        self._kinds = kinds or KINDS

    def fresh(self):
        """The identifiers that were used since the last call."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def _run(self, count):
        asyncio.set_event_loop(self._loop)
        clients = [self._client(number) for number in range(count)]
        try:
            self._loop.run_until_complete(asyncio.gather(*clients))
        except Exception as failure:  # told by whoever waits
            self._failure = failure

    async def _client(self, number):
        connection, over, asked = None, None, 0
        while True:
            if self._left <= 0:
                await asyncio.sleep(PAUSE_S)
                continue
            self._busy += 1
            try:
                if connection is None or connection[0].at_eof():
                    connection, over = await connect(self._port), f"{number}-{asked}"
                if connection is None:
                    # Nobody listens: nothing was asked.
                    await asyncio.sleep(PAUSE_S)
                    continue
                if self._left <= 0:
                    continue
                self._left -= 1
                await self._turn()
                asked += 1
                connection = await self._ask(connection, over, f"{number}-{asked}")
            finally:
                self._busy -= 1

    async def _turn(self):
        if self._between_s:
            self._next_s = max(self._next_s + self._between_s, time.monotonic() - 1)
            await asyncio.sleep(self._next_s - time.monotonic())

    async def _ask(self, connection, over, name):
        """Asks for one action; the answer is the connection if it can be used again."""
        kind = self._random.choice(self._kinds)
        self._fresh.append(name)
        try:
            status, body = await asyncio.wait_for(exchange(*connection, kind, name), PIECE_S)
        except TimeoutError:
            raise AssertionError(f"{kind} {name} was not answered within {PIECE_S} s") from None
        except (OSError, EOFError, ValueError):
            status, body = None, b""
        if status == 200 and body != f"did {name}".encode():
            status = None
        self.answers[name] = Answer(kind, status, over)
        if status is None:
            connection[1].close()
            return None
        return connection


async def connect(port):
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return None


async def exchange(reader, writer, kind, name):
    """Status and body of a whole answer; an error when it is not whole."""
    body = json.dumps({"why": "it is a test " * (LARGE_TIMES if kind == "large" else 1)})
    writer.write(
        f"POST /actions/{kind}/{name} HTTP/1.1\r\nhost: office.example\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n{body}".encode()
    )
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
    status = int(head[0].split(" ")[1])
    fields = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
    if "chunked" in fields.get("transfer-encoding", ""):
        return status, await chunks(reader)
    return status, await reader.readexactly(int(fields["content-length"]))


async def chunks(reader):
    body = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
