"""Telling: one process of a service carries its changes from the change feed to the bus, in the order of their commits.

Events of different resources are under way together, those of one resource never: the next goes out when the bus has
acknowledged the one before. Whatever goes wrong ends the connection, and a new one begins well before the last place.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from polyclinic.fhir.outcome import Refusal
from polyclinic.kit.clock import Clock
from polyclinic.kit.events import event as events
from polyclinic.kit.events.bus import Address, Bus, connected
from polyclinic.kit.events.event import Event
from polyclinic.kit.events.figures import Figures
from polyclinic.kit.events.naming import MEDIA_TYPE, subject
from polyclinic.kit.events.streams import Voice, ensure
from polyclinic.kit.logs import Log
from polyclinic.repository import Repository, telling
from polyclinic.repository.connect import Session
from polyclinic.repository.model import FeedPosition
from polyclinic.repository.telling import Told

STRETCH = 512
"""Changes that are read at once."""
UNDER_WAY = 128
"""Events on their way to the bus at the same time."""
POLL = 1.0
"""Seconds after which the feed is read though nobody said that something was written."""
BREATH = 0.004
"""Seconds between two looks at the feed, at least: what is written meanwhile is told together."""
CHECK = 5.0
"""Seconds after which we look whether the stream is still there."""
STAY = 10.0
"""Seconds between two places that stay; times ``telling.BACK`` is more than the two minutes in which NATS writes
to disk what it has acknowledged (its default ``sync_interval``)."""
QUIET = 60.0
"""Seconds after which the place is kept though nothing was told."""
BETWEEN_NOTIFICATIONS = 0.02
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0  # seconds between attempts, doubling


@dataclass(frozen=True, slots=True)
class Speaker:
    """What telling needs to know of its service."""

    voice: Voice
    address: Address
    figures: Figures
    log: Log
    now: Clock


class Due:
    """Something to do every so many seconds, by a clock that nobody sets."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, monotonic()

    def now(self) -> bool:
        """Whether it is due; then it is due again after the seconds."""
        due = monotonic() - self._last > self._seconds
        if due:
            self.again()
        return due

    def again(self) -> None:
        """Let it be due after the seconds from now."""
        self._last = monotonic()


class Teller:
    """Tells the changes of one service; ``run`` is its chore."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker, self._voice = speaker, speaker.voice
        self._awake = asyncio.Event()
        self._leads = False
        self._notifying: asyncio.Task[None] | None = None
        self.missing: str | None = "the event bus was not asked yet"

    async def run(self, repository: Repository) -> None:
        """Tell what is written, until cancelled, whenever it is the turn of this process."""
        repository.on_change = lambda type: self._noticed(repository, type)
        pause = FIRST_PAUSE
        while True:
            self._leads, started = False, monotonic()
            try:
                async with repository.turn(telling.TURN) as session:
                    if session is not None:
                        await self._lead(session)
                self.missing = None
            except Refusal as refusal:
                self.missing = f"events are not told: {refusal}"
                self._speaker.log.warning("events not told", reason=str(refusal))
                await self._look(repository)
            finally:
                self._leads = False
                self._speaker.figures.stand(telling=0)
            await asyncio.sleep(pause if self.missing else POLL)
            pause = FIRST_PAUSE if monotonic() - started > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)

    async def _look(self, repository: Repository) -> None:
        """Say how much waits while the bus is away."""
        with suppress(Refusal):
            async with repository.session() as session:
                self._stand(*await telling.waiting(session, self._voice.types))

    def _noticed(self, repository: Repository, type: str | None) -> None:
        """Wake whoever tells: ourselves, or the process whose turn it is."""
        if type is not None and type not in self._voice.types:
            return
        if self._leads:
            self._awake.set()
        elif self._notifying is None:
            self._notifying = asyncio.create_task(self._notify(repository), name="notify")

    async def _notify(self, repository: Repository) -> None:
        """Notify the other processes, not more often than they need: each costs a commit."""
        with suppress(Refusal):
            await repository.notify(telling.CHANNEL)
        await asyncio.sleep(BETWEEN_NOTIFICATIONS)
        self._notifying = None

    async def _lead(self, session: Session) -> None:
        """Tell for as long as ``session``, which holds our turn, and a connection to the bus last."""
        async with connected(self._speaker.address) as bus:

            def wake(*told: object) -> None:
                self._awake.set()

            def lose(ended: object) -> None:
                bus.lost.set()

            session.add_termination_listener(lose)
            await session.add_listener(telling.CHANNEL, wake)
            try:
                await bus.while_connected(self._tell(session, bus))
            finally:
                session.remove_termination_listener(lose)
                if not session.is_closed():
                    await session.remove_listener(telling.CHANNEL, wake)

    async def _tell(self, session: Session, bus: Bus) -> None:
        """Tell until the stream is not the one any more that we began with."""
        standing = await ensure(bus, self._voice)
        told = Told(await telling.begin(session, standing.made, standing.last), standing.made, standing.last)
        self._leads, self.missing = True, None
        self._speaker.figures.stand(telling=1)
        self._speaker.log.info("telling events", stream=self._voice.service)
        kept, stays, check = Due(QUIET), Due(STAY), Due(CHECK)
        while not check.now() or (await ensure(bus, self._voice)).made == told.stream:
            self._awake.clear()
            began = monotonic()
            place, last, more = await self._stretch(session, bus, told)
            told = Told(place, told.stream, max(last, told.sequence))
            if kept.now() or last:
                await telling.keep(session, told, stay=stays.now())
                kept.again()
            if not more:
                await self._wait(max(BREATH, monotonic() - began))

    async def _wait(self, breath: float) -> None:
        """Wait until something was written, though not less than ``breath``."""
        await asyncio.sleep(min(breath, POLL))
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL):
                await self._awake.wait()

    async def _stretch(self, session: Session, bus: Bus, told: Told) -> tuple[FeedPosition, int, bool]:
        """Tell the next stretch; return the place behind it, the last sequence (0: none), whether there may be more."""
        changes = await telling.read(session, told.place, self._voice.types, limit=STRETCH)
        found = [events.event_of(change, service=self._voice.service) for change in changes.items]
        spoken = [event for event in found if event.name in self._voice.tells]
        last = told_already = 0
        for wave in waves(spoken, UNDER_WAY):
            self._stand(len(spoken) - told_already, wave[0].time)
            last = max(last, *await asyncio.gather(*(self._publish(bus, event) for event in wave)))
            told_already += len(wave)
        self._stand(0, None)
        return changes.position, last, len(changes.items) == STRETCH

    def _stand(self, untold: int, oldest: datetime | None) -> None:
        lag = (self._speaker.now() - oldest).total_seconds() if oldest else 0.0
        self._speaker.figures.stand(untold=untold, telling_lag_seconds=max(lag, 0.0))

    async def _publish(self, bus: Bus, event: Event) -> int:
        """Publish one event and return its sequence in the stream, once the bus has it."""
        headers = {"Nats-Msg-Id": event.id, "Content-Type": MEDIA_TYPE}
        acknowledged = await bus.streams.publish(subject(event.name), events.written(event), headers=headers)
        self._speaker.figures.told(event.name)
        return acknowledged.seq


def waves(spoken: Sequence[Event], most: int) -> Iterator[Sequence[Event]]:
    """Split events, in their order, into runs of up to ``most`` in which each resource comes once."""
    wave: list[Event] = []
    seen: set[str] = set()
    for event in spoken:
        if event.reference in seen or len(wave) == most:
            yield wave
            wave, seen = [], set()
        wave.append(event)
        seen.add(event.reference)
    if wave:
        yield wave
