"""websockets with its own broadcast(). `websockets_server.py PORT`"""

import asyncio
import sys

from websockets.asyncio.server import broadcast, serve


async def chat(connection):
    async for message in connection:
        broadcast(server.connections, message)


async def main():
    global server
    async with serve(chat, "127.0.0.1", int(sys.argv[1]), compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
