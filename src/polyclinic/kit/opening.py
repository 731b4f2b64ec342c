"""A repository that is opened in the background for as long as that takes, so that a service starts without it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from polyclinic.fhir.outcome import Refusal, Unavailable
from polyclinic.kit import clock
from polyclinic.kit.clock import Clock
from polyclinic.kit.logs import Log
from polyclinic.repository import Repository
from polyclinic.repository.model import KEEPING, Keeping
from polyclinic.repository.reindexing import Reindexing

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts, doubling
AFTER_A_BUG = 30.0
"""Seconds after which indexing anew is tried again where it met a bug."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is kept, and how to get there."""

    dsn: str
    connections: int
    password: Callable[[], str] | None = None
    clock: Clock = clock.now
    keeping: Keeping = KEEPING


class Opening:
    """Holds the repository once it is open. Until then ``repository`` refuses with ``Unavailable``."""

    def __init__(self, place: Place, log: Log) -> None:
        self._place, self._log = place, log
        self._repository: Repository | None = None
        self._reason = "the database of this service was not asked yet"
        self._attempts: asyncio.Task[None] | None = None
        self._reindexing: asyncio.Task[None] | None = None

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
        for task in (self._attempts, self._reindexing):
            if task is not None:
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
            )
        except (Refusal, OSError) as error:
            self._reason = str(error) if isinstance(error, Refusal) else type(error).__qualname__
            self._log.warning("database missing", reason=self._reason)
            return False
        self._log.info("database open")
        self._reindexing = asyncio.create_task(self._reindex(self._repository.reindexing), name="reindex")
        return True

    async def _reindex(self, reindexing: Reindexing) -> None:
        """Index anew what has to be, for as long as the repository is open."""
        while True:
            try:
                await reindexing.run()
            except Exception as error:  # noqa: BLE001 - a bug must not keep the service from answering
                self._log.error("bug", error, interaction="reindex")
                await asyncio.sleep(AFTER_A_BUG)
