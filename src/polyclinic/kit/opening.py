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

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between attempts, doubling


@dataclass(frozen=True, slots=True)
class Place:
    """Where a repository is kept, how to get there, and the public address (with a slash) of what is in it."""

    dsn: str
    connections: int
    password: Callable[[], str] | None = None
    clock: Clock = clock.now
    base: str = ""


class Opening:
    """Holds the repository once it is open. Until then ``repository`` refuses with ``Unavailable``."""

    def __init__(self, place: Place, log: Log) -> None:
        self._place, self._log = place, log
        self._repository: Repository | None = None
        self._reason = "the database of this service was not asked yet"
        self._attempts: asyncio.Task[None] | None = None

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
        if self._attempts is not None:
            self._attempts.cancel()
            with suppress(asyncio.CancelledError):
                await self._attempts
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
        """Return how many connections the pool has, and how many are idle."""
        if self._repository is None:
            return {}
        size, idle = self._repository.connections()
        return {"pool_connections": size, "pool_connections_idle": idle}

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
                base=place.base,
            )
        except (Refusal, OSError) as error:
            self._reason = str(error) if isinstance(error, Refusal) else type(error).__qualname__
            self._log.warning("database missing", reason=self._reason)
            return False
        self._log.info("database open")
        return True
