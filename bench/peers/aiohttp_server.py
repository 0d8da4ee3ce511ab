"""aiohttp on uvloop, send_str in a loop; streams are responses that are written to. `aiohttp_server.py PORT`"""

import asyncio
import sys

import uvloop
from aiohttp import WSMsgType, web

sockets: set[web.WebSocketResponse] = set()
streams: set[web.StreamResponse] = set()


async def websocket(request):
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    if request.path != "/publish":
        sockets.add(socket)
    async for message in socket:
        if message.type == WSMsgType.TEXT:
            for other in list(sockets):
                await other.send_str(message.data)
            for stream in list(streams):
                await stream.write(f"data: {message.data}\n\n".encode())
    sockets.discard(socket)
    return socket


async def sse(request):
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    streams.add(stream)
    try:
        await asyncio.Event().wait()
    finally:
        streams.discard(stream)


application = web.Application()
application.add_routes([web.get("/websocket", websocket), web.get("/publish", websocket), web.get("/sse", sse)])
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), loop=uvloop.new_event_loop(), print=None, access_log=None)
