"""deploy/nginx.conf before two servers: every wire passes, and what was open survives the death of one of them."""

import asyncio
import secrets
import ssl
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.certificate import make_certificate
from tests.deploy.site import Client, publish, site
from tests.faults.clients import WIRES, Visitor
from tests.handlers.talking import PATIENCE_S, database_uri
from tests.running import Server

MESSAGES = 60


@pytest.fixture
def channel() -> str:
    return f"chat:{secrets.token_hex(6)}"


@pytest.fixture
def two(server) -> Iterator[list[Server]]:
    """Two servers of one database, whose MongoDB survives them."""
    uri = database_uri(server, secrets.token_hex(4))
    servers = [Server(mongodb_uri=uri, hold_s=2, heartbeat_s=1, poll_s=0.1).start() for _ in range(2)]
    yield servers
    for each in servers:
        each.close()
        assert each.tracebacks() == []


async def all_of(clients: list[Client], count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while any(len(client.offsets) < count for client in clients):
        assert time.monotonic() < deadline, {client.wire: client.offsets for client in clients}
        await asyncio.sleep(0.02)


async def while_one_dies(url: str, channel: str, kill) -> list[Client]:
    """Clients of all wires follow, somebody publishes, and *kill* is called in the middle."""
    clients = [Client(url, wire, channel) for wire in (*WIRES, *WIRES)]
    following = [asyncio.ensure_future(client.follow()) for client in clients]
    try:
        await publish(url, channel, 1, 0.01)
        await all_of(clients, 1)
        publishing = asyncio.ensure_future(publish(url, channel, MESSAGES, 0.02))
        await asyncio.sleep(0.4)
        await asyncio.to_thread(kill)
        receipts = await asyncio.wait_for(publishing, 3 * PATIENCE_S)
        assert [receipt["offset"] for receipt in receipts] == list(range(2, MESSAGES + 2))
        await all_of(clients, MESSAGES + 1)
    finally:
        for task in following:
            task.cancel()
        ended = await asyncio.gather(*following, return_exceptions=True)
    assert [error for error in ended if not isinstance(error, asyncio.CancelledError)] == []
    return clients


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_clients_survive_the_death_of_one_server(two, channel, way):
    with site(two) as (url, path):
        clients = asyncio.run(while_one_dies(url, channel, two[0].kill if way == "killed" else two[0].stop))
        assert all(client.offsets == list(range(1, MESSAGES + 2)) for client in clients)  # each once, in order
        told = (path / "live.log").read_text()
    assert "/live/v1/sse" in told and f":{two[1].port}" in told
    assert channel not in told and "?" not in told  # no query


def test_both_servers_are_used(two, channel):
    with site(two) as (url, path):
        for _ in range(10):
            urllib.request.urlopen(f"{url}/healthz", timeout=PATIENCE_S).close()
        told = (path / "live.log").read_text()
    assert all(f"127.0.0.1:{each.port}" in told for each in two)


def test_a_refusal_stays_what_it_is(two):
    """A 503 with its Retry-After is not taken for the death of a server, and not made into a 502."""
    two[0].close()
    two[1].close()
    servers = [Server(**{**each.settings, "connections": 1, "data": each.data}).start() for each in two]
    try:
        with site(servers) as (url, _):
            codes = asyncio.run(fill(url))
        assert codes == [503] * 6
    finally:
        for each in servers:
            each.close()


async def fill(url: str) -> list[int]:
    """The statuses of polls while both servers have the one connection that they take."""
    visitor = Visitor(url)
    streams = [visitor.events("sse", {"sub": "chat:x"}) for _ in range(2)]
    for stream in streams:
        assert (await anext(stream))["type"] == "hello"
    statuses = []
    for _ in range(6):
        status, retry_after = await asyncio.to_thread(status_of, f"{url}/v1/long-poll?sub=chat:x")
        statuses.append(status)
        assert retry_after is not None
    for stream in streams:
        await stream.aclose()
    return statuses


def status_of(url: str) -> tuple[int, str | None]:
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:
            return answer.status, answer.headers.get("Retry-After")
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After")


def test_the_lines_for_tls(two, channel, tmp_path):
    certificate = make_certificate(tmp_path)
    context = ssl.create_default_context(cafile=certificate[0])
    with (
        site(two, certificate) as (url, _),
        urllib.request.urlopen(f"{url}/v1/short-poll?sub={channel}", timeout=PATIENCE_S, context=context) as answer,
    ):
        assert b'"hello"' in answer.read()
        assert "Secure" in answer.headers["Set-Cookie"]  # the server knows that it is https outside
