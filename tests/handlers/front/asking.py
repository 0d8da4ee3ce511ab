"""Requests on one connection after another, and what their answers say."""

from tests.handlers.four_wires import query_of
from tests.handlers.talking import read_answer, request

POLLS = ["long-poll", "short-poll"]
HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def get(path, headers=None, **more):
    return request("GET", path, headers, **more)


def ask(link, path, headers=None):
    link.send(get(path, headers))
    return read_answer(link)


def user_of(answer):
    [hello] = [event for event in answer.json["events"] if event["type"] == "hello"]
    return hello["user"]["id"]


def types(answer):
    return [event["type"] for event in answer.json["events"]]


def know(visitor, channel, transport="short-poll"):
    """Has the server know the channel, and returns the query that goes on at its head."""
    visitor.publish(channel, 0)
    return visitor.ask("GET", f"/v1/{transport}?{query_of((channel,))}").json["next"]


def held(here):
    return [one for one in here.node.connections if one.transport == "long-poll"]
