"""Letters: what operators are told of events that could not be handled, and what they can do about them.

Answers at ``/events`` of a service's own door, which the edge does not lead to. What changes anything has a JSON body,
so that no page of a browser on the same machine can send it unasked.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from polyclinic.fhir.outcome import NotFound, NotSupported, Refusal, Unacceptable, Unavailable
from polyclinic.kit.events import event as events
from polyclinic.kit.events.handling import Handling, reason_of
from polyclinic.repository import Repository, hearing
from polyclinic.repository.hearing import Failure

PAGE = 500
"""Letters in one answer, at most."""

Unheard = Callable[[], Awaitable[Any]]


class Desk:
    """Answers operators for one service. ``unheard`` counts what waits on the bus, by the services that tell."""

    def __init__(
        self, repository: Callable[[], Repository], handling: Callable[[], Handling], unheard: Unheard
    ) -> None:
        self._repository, self._handling, self._unheard = repository, handling, unheard

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the desk."""
        one = "/events/letters/{number:int}"
        return [
            Route("/events", _of_the_house(self._lag)),
            Route("/events/letters", _of_the_house(self._list)),
            Route(one, _of_the_house(self._read)),
            Route(one, _of_the_house(_deliberate(self._edit)), methods=["PUT"]),
            Route(one, _of_the_house(_deliberate(self._drop)), methods=["DELETE"]),
            Route(f"{one}/replay", _of_the_house(_deliberate(self._replay)), methods=["POST"]),
        ]

    async def _lag(self, request: Request) -> Any:
        async with self._repository().session() as session:
            aside, retried = await hearing.count(session)
        return {"unheard": await self._unheard(), "retried": retried, "dead": aside}

    async def _list(self, request: Request) -> Any:
        after = request.query_params.get("after", "0")
        if not after.isascii() or not after.isdigit() or len(after) > 18:
            raise Unacceptable("after is the number of a letter", at="after")
        async with self._repository().session() as session:
            found = await hearing.failures(session, after=int(after), limit=PAGE)
        return {"letters": [_told(each) for each in found], "more": len(found) == PAGE}

    async def _read(self, request: Request) -> Any:
        number = _number(request)
        async with self._repository().session() as session:
            found = await hearing.failure(session, number)
        if found is None:
            raise _no_letter(number)
        return _told(found)

    async def _edit(self, request: Request) -> Any:
        number, content = _number(request), await request.body()
        events.read(content)
        async with self._repository().session() as session:
            if not await hearing.edit(session, number, content.decode()):
                raise _no_letter(number)
        return await self._read(request)

    async def _drop(self, request: Request) -> Any:
        number = _number(request)
        async with self._repository().session() as session:
            if not await hearing.drop(session, number):
                raise _no_letter(number)
        return {"dropped": number}

    async def _replay(self, request: Request) -> Any:
        number = _number(request)
        try:
            if not await self._handling().replay(number):
                raise _no_letter(number)
        except (NotFound, Unavailable):
            raise
        except Exception as error:
            raise Refusal(f"it failed again: {reason_of(error)}") from error
        return {"replayed": number}


def _number(request: Request) -> int:
    number: int = request.path_params["number"]
    if number >= 1 << 63:
        raise _no_letter(number)
    return number


def _no_letter(number: int) -> NotFound:
    return NotFound(f"this service has no dead letter {number}")


def _told(letter: Failure) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(letter.content)
    except msgspec.DecodeError:
        content = letter.content
    return {
        "number": letter.number,
        "event": letter.event,
        "content": content,
        "reason": letter.reason,
        "tries": letter.tries,
        "first": letter.first,
        "last": letter.last,
        "dead": letter.aside,
    }


Answering = Callable[[Request], Awaitable[Any]]


def _of_the_house(answer: Answering) -> Callable[[Request], Awaitable[Response]]:
    """Answer in plain JSON, uncounted as the other routes of the house."""

    async def answered(request: Request) -> Response:
        request.scope["interaction"] = "health"
        return Response(msgspec.json.encode(await answer(request)), media_type="application/json")

    return answered


def _deliberate(answer: Answering) -> Answering:
    """Refuse what a foreign page could let a browser send: other content than JSON."""

    async def answered(request: Request) -> Any:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            raise NotSupported("say content-type: application/json")
        return await answer(request)

    return answered
