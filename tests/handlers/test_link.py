"""Bare sockets, and the same by Tornado's streams: every byte once and in order, whatever the peer takes, and an end that is told once."""

import asyncio
import contextlib
import os
import socket
import time

import pytest

from tests.handlers.two_ends import pair, run, until

BIG = bytes(range(256)) * 16_384
"""4 MiB: more than any socket's buffers take at once here."""


@pytest.fixture(params=["bare", "stream"])
def on_a_side(request):
    """Runs a test on both kinds of link."""

    def on_one(test):
        async def with_one(make):
            await test(make())

        run(request.param, with_one)

    return on_one


def fill(link):
    """Sends until the socket takes no more: how much it took."""
    taken = 0
    while True:
        try:
            count = link.send(BIG[:65_536])
        except BlockingIOError:
            return taken
        taken += count
        if count < 65_536:
            return taken


def test_what_is_written_arrives_once_and_in_order(on_a_side):
    async def test(side):
        side.link.write(b"first ")
        side.link.write(BIG)
        side.link.write(b" last")
        assert side.link.is_writing
        assert await side.read(len(BIG) + 11) == b"first " + BIG + b" last"
        await until(lambda: side.owner.drains)
        assert not side.link.is_writing and side.owner.drains == 1
        assert side.link.send(b"on") == 2 and await side.read(2) == b"on"

    on_a_side(test)


def test_while_something_is_queued_nothing_else_is_taken(on_a_side):
    async def test(side):
        side.link.write(BIG)
        assert side.link.send(b"between") == 0
        assert await side.read(len(BIG)) == BIG
        await until(lambda: not side.link.is_writing)
        assert side.link.send(b"after") == 5 and await side.read(5) == b"after"

    on_a_side(test)


def test_the_rest_of_a_part_follows_before_all_else():
    """A bare socket alone takes parts."""

    async def test(make):
        side = make()
        taken = 0
        while (count := side.link.send(BIG[taken : taken + 50_000])) == 50_000:
            taken += count
        side.link.rest(BIG[taken + count : taken + 50_000])
        side.link.write(b"behind")
        assert side.link.send(b"no") == 0
        assert await side.read(taken + 50_006) == BIG[: taken + 50_000] + b"behind"

    run("bare", test)


def test_a_full_socket_says_so_and_takes_again():
    async def test(make):
        side = make()
        taken = fill(side.link)
        with pytest.raises(BlockingIOError):
            while True:
                taken += side.link.send(b"x")
        assert not side.link.is_writing, "what isn't taken is not queued"
        side.link.write(b"end")
        assert (await side.read(taken + 3)).endswith(b"end")

    run("bare", test)


def test_what_the_peer_sends_is_heard(on_a_side):
    async def test(side):
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(side.peer, BIG[:300_000])
        await until(lambda: len(side.owner.heard) == 300_000)
        assert side.owner.heard == BIG[:300_000]

    on_a_side(test)


def test_while_it_is_paused_nothing_is_heard(on_a_side):
    async def test(side):
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(side.peer, b"one")
        await until(lambda: side.owner.heard)
        side.link.pause()
        await loop.sock_sendall(side.peer, b"two")
        await asyncio.sleep(0.1)
        assert side.owner.heard == b"one"
        side.link.write(BIG)  # which is no reason to hear
        await side.read(len(BIG))
        assert side.owner.heard == b"one"
        side.link.resume()
        await until(lambda: side.owner.heard == b"onetwo")

    on_a_side(test)


def test_the_peer_s_end_is_told_once(on_a_side):
    async def test(side):
        await asyncio.get_running_loop().sock_sendall(side.peer, b"bye")
        side.peer.close()
        await until(lambda: side.owner.closes)
        side.link.close()
        await asyncio.sleep(0.02)
        assert (side.owner.heard, side.owner.closes, side.link.is_closed) == (b"bye", 1, True)

    on_a_side(test)


def test_a_reset_is_told_once_and_nothing_is_raised(on_a_side):
    async def test(side):
        side.link.write(BIG)
        side.reset()
        await until(lambda: side.owner.closes)
        side.link.write(b"into nothing")
        with contextlib.suppress(OSError):
            side.link.send(b"into nothing")
        side.link.pause()
        side.link.resume()
        await asyncio.sleep(0.02)
        assert (side.owner.closes, side.owner.drains, side.link.is_closed) == (1, 0, True)

    on_a_side(test)


def test_a_reset_is_noticed_also_while_paused():
    async def test(make):
        side = make()
        side.link.pause()
        side.reset()
        await until(lambda: side.owner.closes)

    run("bare", test)


def test_closing_while_something_is_queued_ends_it_at_once(on_a_side):
    async def test(side):
        side.link.write(BIG)
        side.link.close()
        await until(lambda: side.owner.closes)
        assert side.owner.closes == 1 and side.owner.drains == 0
        with pytest.raises((AssertionError, ConnectionResetError)):
            await side.read(len(BIG))

    on_a_side(test)


def test_who_is_closed_by_another_of_the_same_batch_hears_nothing(caplog):
    """Both are ready in one turn of the epoll; whichever is first closes the other."""

    async def test(make):
        one, other = make(), make()
        one.owner.on_received = other.link.close
        other.owner.on_received = one.link.close
        one.peer.send(b"x")
        other.peer.send(b"x")
        time.sleep(0.05)  # both have arrived when the loop looks
        await until(lambda: one.owner.closes or other.owner.closes)
        await asyncio.sleep(0.05)
        assert sorted([one.owner.heard, other.owner.heard]) == [b"", b"x"]
        assert one.owner.closes + other.owner.closes == 1

    run("bare", test)
    assert caplog.records == []


def test_a_descriptor_that_is_used_again_is_another_connection():
    """One that is closed in a batch may give its number to one that begins in it, before the batch comes to what the old one brought."""

    async def test(make):
        one, other = make(), make()
        spare, peer = pair()
        begun = []

        def swap(old):
            number = old.link._socket.fileno()
            old.link.close()
            begun.append(make((socket.socket(fileno=os.dup2(spare.fileno(), number)), peer)))

        one.owner.on_received = lambda: swap(other)
        other.owner.on_received = lambda: swap(one)
        one.peer.send(b"x")
        other.peer.send(b"x")
        time.sleep(0.05)
        await until(lambda: begun)
        await asyncio.sleep(0.02)
        assert begun[0].owner.heard == b"" and begun[0].owner.closes == 0
        peer.send(b"mine")
        await until(lambda: begun[0].owner.heard)
        assert begun[0].owner.heard == b"mine" and len(begun) == 1
        spare.close()

    run("bare", test)


def test_a_fault_of_one_owner_closes_its_connection_alone():
    async def test(make):
        one, other = make(), make()
        one.owner.on_received = lambda: 1 // 0
        one.peer.send(b"x")
        other.peer.send(b"y")
        await until(lambda: one.owner.closes and other.owner.heard)
        assert other.owner.closes == 0

    run("bare", test)


def test_a_socket_that_is_released_is_watched_no_more():
    async def test(make):
        side = make()
        released = side.link.release()
        side.peer.send(b"for another")
        await asyncio.sleep(0.05)
        assert side.owner.heard == b"" and side.owner.closes == 0
        assert released.recv(100) == b"for another" and side.link.release() is None
        released.close()

    run("bare", test)


def test_a_stream_notices_dead_peers_as_a_bare_socket_does():
    async def test(make):
        side = make()
        sock = side.link._stream.socket
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 60_000

    run("stream", test)
