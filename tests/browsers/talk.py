"""The other one who talks in a cell's channel: straight to the server, by its API."""

import http.client
import json
import secrets
import time
from collections.abc import Callable
from urllib.parse import quote

from tests.running import API_KEY, Server


def new_channel() -> str:
    return f"chat:{secrets.token_hex(6)}"


class Other:
    def __init__(self, server: Server, channel: str):
        self._channel = channel
        self._port = server.port
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)

    def publish(self, text: str) -> None:
        body = json.dumps({"channel": self._channel, "id": secrets.token_hex(16), "data": {"text": text}})
        self._ask("POST", "/v1/publish", body)

    def publish_each(self, count: int, every_s: float, before: Callable[[int], None] = lambda number: None) -> None:
        """One after the other; *before* is called ahead of each, with its number."""
        began_s = time.monotonic()
        for number in range(count):
            before(number)
            self.publish(f"other {number}")
            time.sleep(max(0, began_s + (number + 1) * every_s - time.monotonic()))

    def log(self) -> tuple[list[int], list[str]]:
        """The offsets and texts of all that the channel has."""
        messages = self._ask("GET", f"/v1/history?channel={quote(self._channel)}&limit=1000")["messages"]
        return [message["offset"] for message in messages], [message["data"]["text"] for message in messages]

    def close(self) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: str | None = None) -> dict:
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        try:
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        except (OSError, http.client.HTTPException):  # the server was another process when it was opened
            self._connection.close()
            self._connection.request(method, path, body, headers)
            answer = self._connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return json.loads(text)
