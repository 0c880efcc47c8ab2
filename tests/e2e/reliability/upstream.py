"""An application that writes down every action that it performs, and syncs that, before it answers.

    python3 upstream.py PORT JOURNAL

`POST /actions/{kind}/{id}` performs an action; `GET /under-way` tells how many are being performed. It is what records are
held against, so it must never be the one that forgets.
"""

import asyncio
import os
import random
import sys

SLOW_S_MAX = 0.15
PIECES = 4
PIECE_S = 0.01


class Journal:
    """One line for each action; all that come while one sync lasts share the next."""

    def __init__(self, path):
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lines, self._waiting, self._has_more = [], [], asyncio.Event()

    async def note(self, line):
        """Comes back when the line is on the disk."""
        synced = asyncio.get_running_loop().create_future()
        self._lines.append(line)
        self._waiting.append(synced)
        self._has_more.set()
        await synced

    async def run(self):
        while await self._has_more.wait():
            self._has_more.clear()
            lines, waiting = self._lines, self._waiting
            self._lines, self._waiting = [], []
            os.write(self._file, "".join(lines).encode())
            await asyncio.get_running_loop().run_in_executor(None, os.fdatasync, self._file)
            for synced in waiting:
                synced.set_result(None)


class Upstream:
    def __init__(self, journal):
        self._journal, self._under_way = journal, 0

    async def serve(self, reader, writer):
        try:
            while request := await read_request(reader):
                await self._answer(*request, writer)
        except (OSError, asyncio.IncompleteReadError):
            # Whoever asked is gone: that is what these tests are about.
            pass
        finally:
            writer.close()

    async def _answer(self, method, path, writer):
        if path == "/under-way":
            return await whole(writer, str(self._under_way))
        _, _, kind, name = path.split("/")
        self._under_way += 1
        try:
            if kind == "slow":
                await asyncio.sleep(random.uniform(0, SLOW_S_MAX))
            await self._journal.note(f"{kind} {name}\n")
            if kind == "slow":
                await asyncio.sleep(random.uniform(0, SLOW_S_MAX))
        finally:
            self._under_way -= 1
        if kind in TYPES:
            await in_pieces(writer, f"did {name}", TYPES[kind])
        else:
            await whole(writer, f"did {name}")


# Answers without a length: one that is copied for the record, and one that is recorded when it begins.
TYPES = {"streamed": "text/plain", "followed": "text/event-stream"}


async def read_request(reader):
    """Method and path, the body read and forgotten; `None` when nobody asks any more."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    length = next((line.split(":", 1)[1] for line in head if line.lower().startswith("content-length:")), "0")
    await reader.readexactly(int(length))
    return head[0].split(" ")[:2]


async def whole(writer, text):
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {len(text)}\r\n\r\n{text}".encode())
    await writer.drain()


async def in_pieces(writer, text, kind):
    writer.write(f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
    size = -(-len(text) // PIECES)
    for at in range(0, len(text), size):
        piece = text[at:at + size]
        writer.write(f"{len(piece):x}\r\n{piece}\r\n".encode())
        await writer.drain()
        await asyncio.sleep(PIECE_S)
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def main(port, path):
    journal = Journal(path)
    server = await asyncio.start_server(Upstream(journal).serve, "127.0.0.1", int(port), backlog=1024)
    async with server:
        await journal.run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
