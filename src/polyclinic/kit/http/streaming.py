"""Answers in pieces: sent as they are made, so that no answer is too long for the memory.

Once the status is sent a fault can only be told by breaking the connection off: an answer that looks whole is whole.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from starlette.types import Receive, Send

from polyclinic.fhir.outcome import TooCostly
from polyclinic.kit.http.bodies import new_packer, say_what_it_is
from polyclinic.kit.http.message import Answer
from polyclinic.kit.http.negotiation import Shape

HELD_BACK = 1_000_000
"""Bytes up to which an answer in pieces is sent as one: it has a length then, and faults are told in FHIR's words."""
STALLED_SECONDS = 60.0
"""How long a client may take for one piece."""


async def hold_back(answer: Answer, limit: int) -> None:
    """Take pieces of ``answer`` into its body until it has more than ``limit`` bytes, or no pieces any more."""
    if answer.pieces is None:
        return
    held, size = [answer.body], len(answer.body)
    async for piece in answer.pieces:
        held.append(piece)
        size += len(piece)
        if size > limit:
            break
    else:
        answer.pieces = None
    answer.body = b"".join(held)


async def make_whole(answer: Answer, limit: int) -> None:
    """Take all pieces of ``answer`` into its body. Refuses: ``TooCostly`` beyond ``limit`` bytes."""
    await hold_back(answer, limit)
    if answer.pieces is not None:
        await answer.pieces.aclose()
        raise TooCostly(f"this is answered with more than {limit} bytes; ask for it on its own")


async def stream(receive: Receive, send: Send, answer: Answer, shape: Shape, *, with_body: bool) -> None:
    """Send ``answer``, which has pieces, over ASGI; without a length, and not indented unless its pieces are.

    It is left incomplete, for the server to break the connection off, where the client goes away or takes longer than
    ``STALLED_SECONDS`` for a piece. What its pieces raise comes out of here.
    """
    assert answer.pieces is not None
    say_what_it_is(answer.headers)
    if shape.gzip:
        answer.headers["content-encoding"] = "gzip"
    async with aclosing(answer.pieces):
        await send(start_of(answer.status, answer.headers))
        if with_body:
            await _send_body(receive, send, _shaped(answer.body, answer.pieces, shape))
        else:
            await send({"type": "http.response.body", "body": b""})


async def _shaped(first: bytes, pieces: AsyncIterator[bytes], shape: Shape) -> AsyncIterator[bytes]:
    packer = new_packer() if shape.gzip else None
    yield packer.compress(first) if packer else first
    async for piece in pieces:
        yield packer.compress(piece) if packer else piece
    if packer:
        yield packer.flush()


async def _send_body(receive: Receive, send: Send, pieces: AsyncIterator[bytes]) -> None:
    gone = asyncio.create_task(_gone(receive))
    try:
        async for piece in pieces:
            if gone.done() or (piece and not await _is_taken(send, piece)):
                return
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _is_taken(send: Send, piece: bytes) -> bool:
    """Send ``piece`` and return whether the client had room for it in time."""
    try:
        async with asyncio.timeout(STALLED_SECONDS):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
    except TimeoutError:
        return False
    return True


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def start_of(status: int, headers: dict[str, str]) -> dict[str, Any]:
    """Return the message that begins an answer."""
    lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http.response.start", "status": status, "headers": lines}
