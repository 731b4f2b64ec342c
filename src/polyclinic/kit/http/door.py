"""The ASGI door of a FHIR base: bytes in, one ``Call``; one ``Answer``, bytes out."""

from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from polyclinic.fhir.outcome import Refusal
from polyclinic.kit.http.bodies import read_body, shaped
from polyclinic.kit.http.message import Answer, Call, refused
from polyclinic.kit.http.negotiation import Shape, agreed_shape
from polyclinic.kit.http.streaming import HELD_BACK, hold_back, start_of, stream

PREFIX = "/fhir"

Answering = Callable[[Call], Awaitable[Answer]]
Speaks = Callable[[str], frozenset[str]]
"""Returns the media types beside FHIR JSON that are answered at a path below the base."""


def only_json(path: str) -> frozenset[str]:
    """Return no other type for any path."""
    return frozenset()


class Door:
    """Serves everything below ``/fhir`` by one function from ``Call`` to ``Answer``; refusals become answers.

    It leaves ``scope["interaction"]`` and ``scope["type_served"]`` for telemetry.
    """

    def __init__(self, answering: Answering, *, body_limit: int, speaks: Speaks = only_json) -> None:
        self._answering, self._speaks = answering, speaks
        self._body_limit = body_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        call = _call(scope)
        shape = Shape()
        try:
            shape = agreed_shape(call, self._speaks(call.path))
            if call.method != "GET" and call.method != "HEAD":
                call.body = await read_body(receive, call.headers.get("content-encoding", "").lower(), self._body_limit)
            answer = await self._answering(call)
            await hold_back(answer, HELD_BACK)
        except Refusal as refusal:
            answer = refused(refusal)
        finally:
            scope["interaction"], scope["type_served"] = call.interaction, call.type
        if answer.pieces is not None:
            await stream(receive, send, answer, shape, with_body=call.method != "HEAD")
        else:
            await respond(send, answer, shape, with_body=call.method != "HEAD")


async def respond(send: Send, answer: Answer, shape: Shape, *, with_body: bool = True) -> None:
    """Send ``answer`` over ASGI."""
    body, headers = shaped(answer, shape)
    await send(start_of(answer.status, headers))
    await send({"type": "http.response.body", "body": body if with_body else b""})


def headers_of(scope: Scope) -> dict[str, str]:
    """Return the headers of a request by lower-case name; a repeated one is joined with commas."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _call(scope: Scope) -> Call:
    return Call(
        method=scope["method"],
        path=scope["path"][len(PREFIX) :].strip("/"),
        query=scope["query_string"].decode("latin-1"),
        headers=headers_of(scope),
    )
