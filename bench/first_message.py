"""Time to the first message in Chromium: the client beside a bare WebSocket, in alternating pairs.

    .venv/bin/python -m bench.first_message [--pairs 100] [--each-way-ms 20]

Method: one page, one channel that holds a message; each side of a pair opens a connection and stops the clock when the
channel's newest message arrives. The bare side is `new WebSocket(…?sub=CHANNEL@-1)` and nothing else, ours begins with
`Anywire.connect`. Which of the two begins changes from pair to pair. Medians over all pairs, their ratio, and how many
starts asked for anything but the one WebSocket.

A box adds the time each way: to every piece of data, and to a new connection the round trip of its handshake, since the
one with the box is over at once.
"""

import argparse
import asyncio
import statistics
import threading

from tests.pages.browser import publish, start_chromium
from tests.running import Server

MOST = 1.15
PAIR = """
var done = arguments[arguments.length - 1], channel = 'chat:first', times = {};
function bare(next) {
  var since = performance.now();
  var socket = new WebSocket(location.origin.replace('http', 'ws') + '/v1/websocket?sub=' + channel + '@-1', 'anywire.v1');
  socket.onmessage = function (event) {
    if (JSON.parse(event.data).type === 'message') {
      times.bare = performance.now() - since;
      socket.close();
      setTimeout(next, 20);
    }
  };
}
function ours(next) {
  var since = performance.now();
  var wire = Anywire.connect('./');
  wire.subscribe(channel, {history: 1}, function (event) {
    if (event.type === 'message' && !times.ours) {
      times.ours = performance.now() - since;
      times.tried = wire.attempts.map(function (attempt) { return attempt.transport; }).join();
      wire.close();
      setTimeout(next, 20);
    }
  });
}
if (arguments[0]) { bare(function () { ours(function () { done(times); }); }); }
else { ours(function () { bare(function () { done(times); }); }); }
"""


class Distance:
    """*each_way_s* between a browser and the server, on a thread of its own."""

    def __init__(self, target_port: int, each_way_s: float):
        self._target_port = target_port
        self._each_way_s = each_way_s
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._take, "127.0.0.1", 0), self._loop).result(10)
        self.port = server.sockets[0].getsockname()[1]

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * self._each_way_s)  # SYN and its answer
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        await asyncio.gather(self._carry(reader, other_writer), self._carry(other_reader, writer))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """In order, since later calls of one time run later."""
        try:
            while data := await reader.read(65536):
                self._loop.call_later(self._each_way_s, writer.write, data)
        except OSError:
            pass  # one of the two has gone
        self._loop.call_later(self._each_way_s, writer.close)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--each-way-ms", type=float, default=0.0)
    given = parser.parse_args()
    server = Server().start()
    driver = start_chromium()
    try:
        publish(server.url, "first", "hello")
        port = Distance(server.port, given.each_way_ms / 1000).port if given.each_way_ms else server.port
        driver.get(f"http://127.0.0.1:{port}/")
        driver.set_script_timeout(10)
        found = [driver.execute_async_script(PAIR, number % 2 == 0) for number in range(given.pairs + 5)][5:]
    finally:
        driver.quit()
        server.close()
    bare, ours = (statistics.median(times[side] for times in found) for side in ("bare", "ours"))
    others = sum(times["tried"] != "websocket" for times in found)
    print(
        f"{given.pairs} pairs, {given.each_way_ms:.0f} ms each way: bare WebSocket {bare:.2f} ms, Anywire {ours:.2f} ms,"
        f" ratio {ours / bare:.3f}; starts that tried more than a WebSocket: {others}"
    )
    return ours > MOST * bare


if __name__ == "__main__":
    raise SystemExit(main())
