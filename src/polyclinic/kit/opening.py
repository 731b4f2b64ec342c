"""A repository that is opened in the background for as long as that takes, so that a service starts without it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from polyclinic.fhir.outcome import Refusal, Unavailable
from polyclinic.kit import clock
from polyclinic.kit.clock import Clock
from polyclinic.kit.logs import Log
from polyclinic.repository import Repository
from polyclinic.repository.companion import Companion
from polyclinic.repository.model import KEEPING, Keeping

Chore = Callable[[Repository], Awaitable[None]]
"""What is to be done in the background for as long as the repository is open; it returns when there is nothing left."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts, doubling
AFTER_A_BUG = 30.0
"""Seconds after which a chore is tried again where it met a bug."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is kept, and how to get there."""

    dsn: str
    connections: int
    password: Callable[[], str] | None = None
    clock: Clock = clock.now
    keeping: Keeping = KEEPING
    companion: Companion | None = None


class Opening:
    """Holds the repository once it is open. Until then ``repository`` refuses with ``Unavailable``.

    ``chores`` are done in the background while it is open, by their names.
    """

    def __init__(self, place: Place, log: Log, chores: Mapping[str, Chore] | None = None) -> None:
        self._place, self._log = place, log
        self._chores: Mapping[str, Chore] = {"reindex": _reindex, **(chores or {})}
        self._repository: Repository | None = None
        self._reason = "the database of this service was not asked yet"
        self._attempts: asyncio.Task[None] | None = None
        self._doing: Sequence[asyncio.Task[None]] = ()

    @property
    def repository(self) -> Repository:
        """Return the open repository. Refuses: ``Unavailable`` while it is not open."""
        if self._repository is None:
            raise Unavailable(f"this service waits for its database: {self._reason}; ask again in a few seconds")
        return self._repository

    async def start(self) -> None:
        """Try once to open the repository, then go on trying in the background."""
        if not await self._attempt():
            self._attempts = asyncio.create_task(self._keep_trying(), name="open the repository")

    async def stop(self) -> None:
        """Give up trying and close what is open."""
        for task in (*([self._attempts] if self._attempts else []), *self._doing):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._repository is not None:
            await self._repository.close()
            self._repository = None

    async def missing(self) -> str | None:
        """Return what keeps the repository from answering, None if nothing does."""
        try:
            await self.repository.ping()
        except Refusal as refusal:
            return str(refusal)
        return None

    def gauges(self) -> Mapping[str, float]:
        """Return how many connections the pool has, how many are idle, and how far resources are indexed."""
        if self._repository is None:
            return {}
        size, idle = self._repository.connections()
        known = self._repository.known
        return {
            "pool_connections": size,
            "pool_connections_idle": idle,
            "reindex_complete": float(known.is_complete),
            "reindex_done": known.done,
            "reindex_total": known.total,
        }

    async def _keep_trying(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(pause)
            if await self._attempt():
                return
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _attempt(self) -> bool:
        place = self._place
        try:
            self._repository = await Repository.open(
                place.dsn,
                clock=place.clock,
                connections=place.connections,
                password=place.password,
                keeping=place.keeping,
                companion=place.companion,
            )
        except (Refusal, OSError) as error:
            self._reason = str(error) if isinstance(error, Refusal) else type(error).__qualname__
            self._log.warning("database missing", reason=self._reason)
            return False
        self._log.info("database open")
        chores = self._chores.items()
        self._doing = [
            asyncio.create_task(self._do(name, chore, self._repository), name=name) for name, chore in chores
        ]
        return True

    async def _do(self, name: str, chore: Chore, repository: Repository) -> None:
        while True:
            try:
                return await chore(repository)
            except Refusal as refusal:
                self._log.warning("chore put off", interaction=name, reason=str(refusal))
                await asyncio.sleep(LONGEST_PAUSE)
            except Exception as error:  # noqa: BLE001 - a bug must not keep the service from answering
                self._log.error("bug", error, interaction=name)
                await asyncio.sleep(AFTER_A_BUG)


async def _reindex(repository: Repository) -> None:
    """Index anew what has to be, for as long as the repository is open."""
    await repository.reindexing.run()
