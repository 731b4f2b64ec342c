"""Answers in pieces, at an ASGI door without a server: when pieces are made, and how an answer ends."""

import asyncio
import gzip

import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import TooCostly, Unavailable
from polyclinic.kit.http import streaming
from polyclinic.kit.http.door import Door
from polyclinic.kit.http.message import Answer
from polyclinic.kit.http.streaming import HELD_BACK, make_whole

PIECE = b"x" * HELD_BACK


class Client:
    """An ASGI client that takes ``room`` messages and then no more, or goes away when told."""

    def __init__(self, door, room=1000, **headers):
        self.sent, self.room, self.goes, self.full = [], room, asyncio.Event(), asyncio.Event()
        lines = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "http", "method": "GET", "path": "/fhir/x", "query_string": b"", "headers": lines}
        self.served = asyncio.create_task(door(scope, self.receive, self.send))

    async def receive(self):
        await self.goes.wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        if len(self.sent) == self.room:
            self.full.set()
            await asyncio.sleep(60)
        await asyncio.sleep(0)
        self.sent.append(message)

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def headers(self):
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def is_complete(self):
        return not self.sent[-1].get("more_body", False)


class Source:
    """Makes pieces and remembers how many, and whether it was closed."""

    def __init__(self, *pieces):
        self.pieces, self.made, self.closed = pieces, 0, False

    async def __call__(self, call):
        return Answer(200, pieces=self._pieces())

    async def _pieces(self):
        try:
            for piece in self.pieces:
                self.made += 1
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.closed = True


def door(source):
    return Door(source, body_limit=1000)


async def test_few_pieces_are_one_answer_with_a_length():
    client = Client(door(Source(b"{", b"}")))
    await client.served
    assert (client.body, client.headers["content-length"], len(client.sent)) == (b"{}", "2", 2)


async def test_many_pieces_are_sent_as_they_are_made():
    source = Source(PIECE, b"y", PIECE, b"", b"z")
    client = Client(door(source))
    await client.served
    assert client.body == PIECE + b"y" + PIECE + b"z"
    assert "content-length" not in client.headers
    assert (client.is_complete, source.closed) == (True, True)


async def test_pieces_are_packed_as_one_stream():
    client = Client(door(Source(PIECE, b"y", PIECE)), accept_encoding="gzip")
    await client.served
    assert client.headers["content-encoding"] == "gzip"
    assert gzip.decompress(client.body) == PIECE + b"y" + PIECE


async def test_nothing_is_made_ahead_of_a_client_that_takes_nothing():
    source = Source(*[PIECE] * 9)
    client = Client(door(source), room=2)
    await client.full.wait()
    assert source.made == 3
    client.served.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.served
    assert source.closed


async def test_client_that_takes_nothing_for_long_is_left(monkeypatch):
    monkeypatch.setattr(streaming, "STALLED_SECONDS", 0.01)
    source = Source(*[PIECE] * 9)
    client = Client(door(source), room=3)
    await client.served
    assert (client.is_complete, source.closed, source.made) == (False, True, 4)


async def test_client_that_goes_away_stops_the_making():
    source = Source(*[PIECE] * 9)
    client = Client(door(source))
    client.goes.set()
    await client.served
    assert (client.is_complete, source.closed) == (False, True)
    assert source.made < 9


async def test_fault_at_the_beginning_is_told_in_fhirs_words():
    client = Client(door(Source(b"{", Unavailable("x"))))
    await client.served
    assert (client.sent[0]["status"], decode(client.body)["issue"][0]["code"]) == (503, "transient")


async def test_fault_in_the_middle_comes_out_and_the_answer_stays_incomplete():
    client = Client(door(Source(PIECE, b"y", Unavailable("x"))))
    with pytest.raises(Unavailable):
        await client.served
    assert (client.sent[0]["status"], client.is_complete) == (200, False)


async def test_what_has_to_be_whole_is_refused_beyond_a_limit():
    source = Source(b"1234", b"5", b"6")
    answer = await source(None)
    with pytest.raises(TooCostly):
        await make_whole(answer, 4)
    assert source.closed
    answer = await source(None)
    await make_whole(answer, 6)
    assert (answer.body, answer.pieces) == (b"123456", None)
