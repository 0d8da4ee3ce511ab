"""picows on uvloop, send in a loop. `picows_server.py PORT`"""

import sys

import uvloop
from picows import WSListener, WSMsgType, ws_create_server

sockets = set()


class Chat(WSListener):
    def on_ws_connected(self, transport):
        sockets.add(transport)

    def on_ws_disconnected(self, transport):
        sockets.discard(transport)

    def on_ws_frame(self, transport, frame):
        if frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            for socket in sockets:
                socket.send(WSMsgType.TEXT, message)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


async def main():
    server = await ws_create_server(lambda request: Chat(), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
