"""Calls to neighbours carry the papers of the request; a silent neighbour is named."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial

import pytest
from starlette.responses import JSONResponse
from starlette.routing import Route

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Unavailable
from polyclinic.kit.app import assemble
from polyclinic.kit.call import Neighbours
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.passport import Passport, current, issued
from polyclinic.kit.testing import running

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def tell(request):
    body = await request.body()
    return JSONResponse({"method": request.method, "size": len(body), **request.headers})


@pytest.fixture(scope="module")
async def mirror():
    """Return the address of a service that answers with what it was asked."""
    routes = [Route("/tell", tell, methods=["GET", "POST"])]
    async with running(partial(assemble, Manifest(name="mirror"), routes=routes)) as client:
        yield client.root


async def test_papers_of_the_request_travel_on(mirror):
    async with Neighbours({"mirror": mirror}) as neighbours:
        current.set(Passport("request-7", TRACE, "Bearer token"))
        reply = await neighbours.ask("mirror", "GET", "/tell", headers={"Prefer": "return=minimal"})
    told = decode(reply.body)
    assert (told["x-request-id"], told["traceparent"], told["authorization"]) == ("request-7", TRACE, "Bearer token")
    assert told["prefer"] == "return=minimal"
    assert reply.headers["x-request-id"] == "request-7"


async def test_large_bodies_are_sent_whole(mirror):
    async with Neighbours({"mirror": mirror}) as neighbours:
        reply = await neighbours.ask("mirror", "POST", "/tell", body=b"x" * 3_000_000)
    assert decode(reply.body)["size"] == 3_000_000


@pytest.mark.parametrize(("held", "comes_in_pieces"), [(10, True), (5000, False)])
async def test_rest_of_a_long_answer_comes_in_pieces(held, comes_in_pieces):
    async with _halves(2000) as address, Neighbours({"slow": address}) as neighbours:
        reply = await neighbours.ask("slow", "GET", "/", held=held)
        assert (reply.pieces is not None) is comes_in_pieces
        whole = reply.body + b"".join([piece async for piece in reply.pieces or _nothing()])
    assert whole == b"x" * 2000


async def test_long_answer_that_breaks_off_is_no_whole_answer():
    async with _halves(3000) as address, Neighbours({"shaky": address}) as neighbours:
        reply = await neighbours.ask("shaky", "GET", "/", held=10)
        assert reply.pieces is not None
        with pytest.raises(Unavailable, match="shaky"):
            [piece async for piece in reply.pieces]


async def _nothing():
    for piece in list[bytes]():
        yield piece


@asynccontextmanager
async def _halves(promised):
    """Run a server that sends 2000 bytes in two halves, having promised so many; yield its address."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % promised + b"x" * 1000)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"x" * 1000)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", None])
async def test_neighbour_that_does_not_answer_is_named(address):
    async with Neighbours({"diary": address} if address else {}) as neighbours:
        with pytest.raises(Unavailable, match="diary"):
            await neighbours.ask("diary", "GET", "/fhir/Slot/1")


async def test_safe_question_is_asked_again_when_the_line_breaks():
    asked = []

    async def answer(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        if len(asked) > 1:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Neighbours({"shaky": address}) as neighbours:
        assert (await neighbours.ask("shaky", "GET", "/")).body == b"{}"


async def test_unsafe_question_is_asked_once():
    asked = []

    async def hang_up(reader, writer):
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, Neighbours({"shaky": address}) as neighbours:
        with pytest.raises(Unavailable, match="shaky"):
            await neighbours.ask("shaky", "POST", "/", body=b"{}")
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({b"x-request-id": b"a-1"}, True),
        ({b"x-request-id": b"a b"}, False),
        ({b"x-request-id": b"x" * 65}, False),
        ({b"x-request-id": b""}, False),
        ({}, False),
    ],
)
def test_request_id_is_kept_where_it_is_well_formed(sent, kept):
    passport = issued(list(sent.items()))
    assert (passport.request_id.encode() == sent.get(b"x-request-id")) is kept
    assert passport.request_id


def test_trace_is_kept_where_it_is_well_formed():
    assert issued([(b"traceparent", TRACE.encode())]).traceparent == TRACE
    assert issued([(b"traceparent", b"00-zz-zz-01")]).traceparent is None
