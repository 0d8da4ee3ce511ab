"""Tornado as its documentation and its chat demo show it: write_message in a loop, a flush for each stream, a condition for
the polls. `tornado_server.py PORT`"""

import asyncio
import sys

import tornado.locks
import tornado.web
import tornado.websocket

sockets: set["Socket"] = set()
streams: set["Stream"] = set()
messages: list[str] = []
arrived = tornado.locks.Condition()


class Socket(tornado.websocket.WebSocketHandler):
    def open(self):
        sockets.add(self)

    def on_close(self):
        sockets.discard(self)

    def on_message(self, message):
        for socket in sockets:
            socket.write_message(message)
        publish(message)


class Publisher(tornado.websocket.WebSocketHandler):
    on_message = Socket.on_message


def publish(message: str) -> None:
    for stream in streams:
        stream.write(f"data: {message}\n\n")
        stream.flush()
    messages.append(message)
    arrived.notify_all()


class Stream(tornado.web.RequestHandler):
    async def get(self):
        self.gone = asyncio.Event()
        self.set_header("Content-Type", "text/event-stream")
        await self.flush()
        streams.add(self)
        await self.gone.wait()

    def on_connection_close(self):
        streams.discard(self)
        self.gone.set()


class Poll(tornado.web.RequestHandler):
    async def get(self):
        after = int(self.get_query_argument("after", "-1"))
        if after == len(messages):
            await arrived.wait()
        found = messages[after:] if after >= 0 else []
        self.write({"messages": found, "next": f"after={len(messages)}"})


async def main() -> None:
    routes = [("/websocket", Socket), ("/publish", Publisher), ("/sse", Stream), ("/long-poll", Poll)]
    tornado.web.Application(routes, log_function=lambda handler: None).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


asyncio.run(main())
