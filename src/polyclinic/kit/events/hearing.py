"""Hearing: one process of a service takes events from the bus and settles them, each resource's in their order.

An event is acknowledged when it is settled. Whoever begins, over a new connection or in another process, has everything
handed out again, in its order, that was not acknowledged; what was settled nevertheless is known by its id.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

from nats.aio.msg import Msg
from nats.js.api import ConsumerInfo
from nats.js.errors import NotFoundError

from polyclinic.fhir.outcome import Refusal, Unavailable
from polyclinic.kit.events import event as events
from polyclinic.kit.events.bus import Address, Bus, away, connected, end
from polyclinic.kit.events.handling import Ear, Handling
from polyclinic.kit.events.lanes import Lanes
from polyclinic.kit.events.pulling import Pull
from polyclinic.repository import Repository, hearing
from polyclinic.repository.connect import Session

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds between attempts, doubling
POLL = 1.0
"""Seconds after which a process looks whether it is its turn to hear."""
LOOK = 2.0
"""Seconds between two looks at how much waits."""
PRUNE = 600.0
"""Seconds after which settled events are forgotten that no bus has any more."""

Settling = Callable[[], Coroutine[Any, Any, None]]


class Delivered:
    """Notices events that the bus has handed to somebody else, such as our last connection whose end it has not seen.

    They would come again in an hour (``streams.UNSETTLED``), long after what came behind them. Deliveries are numbered
    from one whenever a hearer begins, so that one that is missing is noticed before what comes behind it is settled.
    """

    def __init__(self) -> None:
        self._last = self._seen = 0

    def take(self, number: int) -> None:
        """Note the delivery of that ``number``. Refuses: ``Unavailable`` where it is not the next: begin anew."""
        if number != self._last + 1:
            raise Unavailable("the event bus has handed events to somebody who is not there")
        self._last = number

    def look(self, delivered: int) -> None:
        """Hold what we have against the last delivery as the bus counts. Refuses: ``Unavailable`` as ``take``.

        What was under way at one look has to be here at the next.
        """
        if self._seen > self._last:
            raise Unavailable("the event bus has handed events to somebody who is not there")
        self._seen = delivered


class Hearer:
    """Hears for one service; ``run`` is its chore. ``streams`` are what it hears, by the services that tell."""

    def __init__(self, service: str, streams: Mapping[str, Sequence[str]], address: Address, ear: Ear) -> None:
        self._service, self._streams, self._address, self._ear = service, streams, address, ear
        self.missing: str | None = "the event bus was not asked yet"

    async def run(self, repository: Repository) -> None:
        """Hear, until cancelled, whenever it is the turn of this process."""
        pause = FIRST_PAUSE
        while True:
            started = monotonic()
            try:
                async with repository.turn(hearing.TURN) as session:
                    if session is None:
                        self.missing = None
                    else:
                        await self._lead(session, repository)
            except Refusal as refusal:
                self.missing = f"events are not heard: {refusal}"
                self._ear.log.warning("events not heard", reason=str(refusal))
            finally:
                self._ear.figures.stand(hearing=0)
            await asyncio.sleep(pause if self.missing else POLL)
            pause = FIRST_PAUSE if monotonic() - started > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)

    async def unheard(self) -> Mapping[str, int]:
        """Return how many events each stream has that this service has not settled. Refuses: ``Unavailable``."""
        async with connected(self._address) as bus:
            return {teller: _unsettled(await self._consumer(bus, teller)) for teller in self._streams}

    async def _lead(self, session: Session, repository: Repository) -> None:
        """Hear for as long as ``session``, which holds our turn, and a connection to the bus last."""
        async with connected(self._address) as bus:

            def lose(ended: object) -> None:
                bus.lost.set()

            session.add_termination_listener(lose)
            try:
                await bus.while_connected(self._hear(session, bus, Handling(self._ear, repository)))
            finally:
                session.remove_termination_listener(lose)

    async def _hear(self, session: Session, bus: Bus, handling: Handling) -> None:
        for teller in self._streams:
            await self._begin(bus, teller)
        self.missing = None
        self._ear.figures.stand(hearing=1)
        self._ear.log.info("hearing events", streams=sorted(self._streams))
        delivered = {teller: Delivered() for teller in self._streams}
        async with Lanes() as lanes:
            following = [self._follow(bus, handling, lanes, *each) for each in delivered.items()]
            watching = self._watch(session, bus, delivered)
            tasks = [asyncio.ensure_future(each) for each in (*following, watching, lanes.failed)]
            try:
                await asyncio.gather(*tasks)
            finally:
                await end(*tasks)

    async def _begin(self, bus: Bus, teller: str) -> None:
        """Have everything handed out again that was not acknowledged."""
        try:
            await bus.streams.consumer_info(teller, self._service)  # what is not there is not answered when reset
            await bus.streams.reset_consumer(teller, self._service)
        except NotFoundError:
            raise Unavailable(f"{teller} has not opened its events to {self._service} yet") from None

    async def _follow(self, bus: Bus, handling: Handling, lanes: Lanes, teller: str, delivered: Delivered) -> None:
        async for message in Pull(bus, teller, self._service).messages():
            delivered.take(message.metadata.sequence.consumer)
            lane, settling = self._settling(message, teller, handling)
            lanes.put(lane, partial(_done, message, settling))

    def _settling(self, message: Msg, teller: str, handling: Handling) -> tuple[str, Settling]:
        """Return the lane of a message, and what settles it."""
        content = message.data.decode("utf-8", errors="replace")
        try:
            event = events.read(content)
            if event.name not in self._ear.handlers:
                raise Refusal(f"{event.name} is not heard here")
        except Refusal as refusal:
            id = f"{teller}/{message.metadata.sequence.stream}"
            return id, partial(handling.lay_aside, id, content, refusal)
        return event.reference, partial(handling.settle, event, content)

    async def _watch(self, session: Session, bus: Bus, delivered: Mapping[str, Delivered]) -> None:
        """Say how much waits, and forget what is long settled; whoever holds our turn has to be alive for it."""
        pruned = monotonic()
        while True:
            found = {teller: await self._consumer(bus, teller) for teller in delivered}
            for teller, ours in delivered.items():
                ours.look(_handed_out(found[teller]))
            aside, _ = await hearing.count(session)
            self._ear.figures.stand(unheard=sum(map(_unsettled, found.values())), dead_letters=aside)
            if monotonic() - pruned > PRUNE:
                await hearing.prune(session)
                pruned = monotonic()
            await asyncio.sleep(LOOK)

    async def _consumer(self, bus: Bus, teller: str) -> ConsumerInfo:
        with away():
            found: ConsumerInfo = await bus.streams.consumer_info(teller, self._service)
        return found


async def _done(message: Msg, settling: Settling) -> None:
    """Settle a message and acknowledge it."""
    await settling()
    await message.ack()


def _handed_out(found: ConsumerInfo) -> int:
    return found.delivered.consumer_seq if found.delivered else 0


def _unsettled(found: ConsumerInfo) -> int:
    return (found.num_pending or 0) + (found.num_ack_pending or 0)
