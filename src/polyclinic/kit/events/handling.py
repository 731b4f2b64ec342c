"""Handling: an event takes effect once, or is tried again, or is laid aside for somebody to look at.

Its effects, and the note that it has had them, are one transaction of the hearing service's own database. What is
merely away (a database, a neighbour) is waited for as long as it takes; what fails otherwise is tried some times.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from random import uniform
from time import perf_counter

from polyclinic.fhir.outcome import Refusal, Unavailable
from polyclinic.kit.call import Neighbours
from polyclinic.kit.clock import Clock
from polyclinic.kit.events import event as events
from polyclinic.kit.events.event import Event
from polyclinic.kit.events.figures import Figures
from polyclinic.kit.logs import Log, places
from polyclinic.kit.passport import Passport, carry
from polyclinic.repository import Repository, Transaction, hearing
from polyclinic.repository.store import EFFECTS

Handler = Callable[[Event, Transaction, Neighbours], Awaitable[None]]
"""Lets an event take effect. What is written in the transaction is written once however often the event is told;
what neighbours are asked to do may happen again, so that it must be the same done twice."""
Handlers = Mapping[str, Handler]
"""Handlers by the names of events."""

LONGEST_PAUSE = 30.0
"""Seconds between two tries, at most."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often an event is tried, and the seconds after the first try; the pause doubles with each."""

    tries: int
    pause: float

    def after(self, failures: int) -> float:
        """Return the seconds to wait after that many failures, up to half of them by chance."""
        longest = min(self.pause * 2.0 ** min(failures - 1, 30), LONGEST_PAUSE)
        return uniform(longest / 2, longest)


@dataclass(frozen=True, slots=True)
class Ear:
    """What handling needs to know of its service."""

    handlers: Handlers
    neighbours: Neighbours
    patience: Patience
    figures: Figures
    log: Log
    now: Clock


class Handling:
    """Handles events of one service in its ``repository``."""

    def __init__(self, ear: Ear, repository: Repository) -> None:
        self._ear, self._repository = ear, repository
        self._room = asyncio.Semaphore(EFFECTS)

    async def settle(self, event: Event, content: str) -> None:
        """Return when ``event`` has taken effect, has had it before, or is a dead letter."""
        failures = 0
        while True:
            try:
                return await self._try(event, content)
            except Unavailable as refusal:
                failures += 1
                self._ear.log.warning("event waits", name=event.name, reason=str(refusal))
            except _Failed as failed:
                failures = failed.times
            await asyncio.sleep(self._ear.patience.after(failures))

    async def _try(self, event: Event, content: str) -> None:
        """Try once. Refuses: ``Unavailable``. Raises: ``_Failed`` where it is to be tried again."""
        try:
            async with self._room:
                await self.handle(event)
        except Unavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is kept and tried again
            self._ear.log.error("event failed", error, name=event.name)
            await self._failed(event, content, reason_of(error))

    async def handle(self, event: Event) -> None:
        """Let ``event`` take effect unless it has."""
        began = perf_counter()
        carry(Passport(secrets.token_hex(8), event.traceparent))
        async with self._repository.effect() as transaction:
            if not await hearing.settle(transaction.session, event.id, event.reference):
                return
            await self._ear.handlers[event.name](event, transaction, self._ear.neighbours)
        delay = (self._ear.now() - event.time).total_seconds()
        self._ear.figures.handled(event.name, perf_counter() - began, delay)

    async def _failed(self, event: Event, content: str, reason: str) -> None:
        self._ear.figures.retried(event.name)
        async with self._repository.session() as session:
            times = await hearing.fail(session, event.id, content, reason)
            if times < self._ear.patience.tries:
                raise _Failed(times)
            await hearing.lay_aside(session, event.id, event.reference)
        self._laid_aside(event.name)

    async def lay_aside(self, id: str, content: str, refusal: Refusal) -> None:
        """Lay aside what came as an event and is none."""
        async with self._repository.session() as session:
            await hearing.fail(session, id, content, str(refusal))
            await hearing.lay_aside(session, id, id)
        self._laid_aside("unknown")

    def _laid_aside(self, name: str) -> None:
        self._ear.figures.laid_aside(name)
        self._ear.log.warning("event laid aside", name=name)

    async def replay(self, number: int) -> bool:
        """Let a dead letter take effect as it is now, and forget it; whether there is one.

        Refuses: what its handler refuses. Raises: whatever is wrong; the letter stays, with that reason.
        """
        try:
            return await self._replay(number)
        except Unavailable:
            raise
        except Exception as error:
            await self._note(number, reason_of(error))
            raise

    async def _replay(self, number: int) -> bool:
        async with self._repository.effect() as transaction:
            letter = await hearing.take(transaction.session, number)
            if letter is None:
                return False
            event = events.read(letter.content)
            if event.name not in self._ear.handlers:
                raise Refusal(f"this service does not hear {event.name}")
            await hearing.settle(transaction.session, letter.event, event.reference)
            carry(Passport(secrets.token_hex(8), event.traceparent))
            await self._ear.handlers[event.name](event, transaction, self._ear.neighbours)
            await hearing.drop(transaction.session, number)
        return True

    async def _note(self, number: int, reason: str) -> None:
        async with self._repository.session() as session:
            letter = await hearing.failure(session, number)
            if letter is not None:
                await hearing.fail(session, letter.event, letter.content, reason)


class _Failed(Exception):
    """An event failed that many ``times``, and is to be tried again."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times


def reason_of(error: Exception) -> str:
    """Return the class of ``error`` and the last places it came from; what it says may name a patient."""
    return " < ".join([type(error).__qualname__, *reversed(places(error.__traceback__)[-3:])])
