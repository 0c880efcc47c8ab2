"""A booking office that takes whatever comes: the application behind the proxy while it is abused.

    python3 tests/e2e/wire/application.py PORT

    POST /bookings        makes one, if the body is JSON with a title
    GET /titles           what was booked, in order
    GET /large            16 MiB
    POST /bombs/{name}    a few bytes that unpack to many
    anything else         how long the body was
"""

import asyncio
import json
import sys

from bombs import BOMBS

LARGE = b"x" * (16 << 20)
# One at a time: an answer that nobody takes costs this application no more.
PIECE_BYTES = 64 << 10


class Office:
    def __init__(self):
        self.titles = []

    def answer(self, method, path, body):
        """Status, headers and body."""
        if (method, path) == ("POST", "/bookings"):
            return self.book(body)
        if path == "/titles":
            return 200, "", json.dumps(self.titles).encode()
        if path == "/large":
            return 200, "", LARGE
        if path.startswith("/bombs/"):
            coding, packed = BOMBS[path.rsplit("/", 1)[1]]
            return 200, f"content-encoding: {coding}\r\n", packed
        return 200, "", json.dumps({"bytes": len(body)}).encode()

    def book(self, body):
        try:
            title = json.loads(body)["title"]
        except (ValueError, KeyError, TypeError):
            return 400, "", b'{"error":"no title"}'
        self.titles.append(title)
        return 201, "", json.dumps({"id": len(self.titles), "title": title}).encode()

    async def serve(self, reader, writer):
        try:
            while True:
                method, path, body = await request(reader)
                status, headers, content = self.answer(method, path, body)
                head = f"HTTP/1.1 {status} Whatever\r\ncontent-type: application/json\r\n{headers}"
                writer.write(f"{head}content-length: {len(content)}\r\n\r\n".encode())
                for start in range(0, len(content), PIECE_BYTES):
                    writer.write(content[start : start + PIECE_BYTES])
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


async def request(reader):
    """Method, path and body of one request; the proxy has made sure that it is well-formed."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *fields = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, value in (field.split(":", 1) for field in fields)}
    method, path, _ = line.split(" ")
    if "chunked" in headers.get("transfer-encoding", ""):
        return method, path, await chunks(reader)
    return method, path, await reader.readexactly(int(headers.get("content-length", 0)))


async def chunks(reader):
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return body


async def main():
    server = await asyncio.start_server(Office().serve, "127.0.0.1", int(sys.argv[1]), limit=1 << 20, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
