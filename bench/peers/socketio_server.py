"""python-socketio for uvicorn: `uvicorn socketio_server:application`"""

import socketio

server = socketio.AsyncServer(async_mode="asgi")
application = socketio.ASGIApp(server)


@server.event
async def publish(sid, data):
    await server.emit("message", data)
