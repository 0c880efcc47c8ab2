"""A WebSocket server that says back whatever it hears: the application of websocket.py.

    python3 tests/e2e/wire/echo.py PORT
"""

import asyncio
import sys

from websockets.asyncio.server import serve

# The largest message of the Autobahn cases is 16 MiB.
MESSAGE_BYTES_MAX = 32 << 20


async def echo(connection):
    async for message in connection:
        await connection.send(message)


async def main():
    async with serve(echo, "127.0.0.1", int(sys.argv[1]), max_size=MESSAGE_BYTES_MAX) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
