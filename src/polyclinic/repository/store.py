"""The repository: resources kept in one service's database, and the only class that other layers use."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from polyclinic.fhir.search.labels import Label
from polyclinic.fhir.search.query import Query
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository import feed, later
from polyclinic.repository.companion import Companion
from polyclinic.repository.connect import Session, again_if_lost, open_pool, refusing
from polyclinic.repository.everything import Belonging, Everything, everything
from polyclinic.repository.explained import Explained
from polyclinic.repository.guard import bounded
from polyclinic.repository.history import EVERYTHING, Wanted, history, kept
from polyclinic.repository.labels import labels
from polyclinic.repository.migrate import migrate
from polyclinic.repository.model import (
    KEEPING,
    Changes,
    Cursor,
    FeedPosition,
    Keeping,
    Kept,
    Page,
    Write,
    Written,
)
from polyclinic.repository.pool import Pool
from polyclinic.repository.reindexing import Reindexing
from polyclinic.repository.seal import Seal
from polyclinic.repository.searching import Searcher
from polyclinic.repository.spellings import Spellings
from polyclinic.repository.transaction import Transaction, Writers, alone
from polyclinic.repository.vocabularies import Incomplete, Known, Progress, load, pause, restart
from polyclinic.repository.write import KeySource

_READ = "select type, id, version, updated, method, body from resource where type = $1 and id = $2"
_READ_VERSION = """
select $1 as type, $2 as id, version, updated, method, body from resource where type = $1 and id = $2 and version = $3
union all
select $1, $2, a.version, a.updated, a.method, a.body from resource r
join archive a on a.resource = r.key and a.version = $3 where r.type = $1 and r.id = $2"""
_SIGN_OF_LIFE = 5.0
"""Seconds in which a healthy database answers."""
_TURNS = 2
"""What a process may do that no other of its service does at the same time: tell, and hear."""
EFFECTS = 12
"""Events of other services that may take effect at the same time."""

OnChange = Callable[[str | None], None]
"""Is told after each commit that something of a type was written, None where that is not known."""


def _nobody(type: str | None) -> None:
    """Hear nothing."""


@dataclass(frozen=True, slots=True)
class _Pools:
    """Connections: for ``calls``, for what must not wait for transactions, for the walk that indexes anew, and for what
    one process of a service does at a time, and for effects of events, whose handlers may wait for other services.
    """

    calls: Pool
    aside: Pool
    walk: Pool
    turns: Pool
    effects: Pool


@dataclass(frozen=True, slots=True)
class _Founding:
    """What is known when a repository opens, and how it is to be."""

    known: Known
    keeping: Keeping
    companion: Companion | None


class Repository:
    """The resources of one service. Open it with ``open``; every call is one short use of a pooled connection."""

    def __init__(self, pools: "_Pools", seal: Seal, clock: Callable[[], datetime], founding: "_Founding") -> None:
        self._pools, self._pool = pools, pools.calls
        self._seal = seal
        self._clock = clock
        self._searcher = Searcher(self._pool, seal)
        spellings = Spellings(pools.aside)
        self._writers = Writers(
            KeySource(), spellings, founding.known, self._searcher.found, founding.keeping.types, founding.companion
        )
        self.reindexing = Reindexing(pools.walk, spellings, self.learn, rate=founding.keeping.reindex_rate)
        self.on_change: OnChange = _nobody

    @classmethod
    async def open(
        cls,
        dsn: str,
        *,
        clock: Callable[[], datetime],
        connections: int = 8,
        password: Callable[[], str] | None = None,
        keeping: Keeping = KEEPING,
        companion: Companion | None = None,
    ) -> "Repository":
        """Connect to the database at ``dsn`` and bring it, and the tables of ``companion``, up to this release.

        While ``reindexing.run`` runs, resources are indexed anew where they have to be.
        Raises: ``Unavailable`` while PostgreSQL does not answer; ``NewerDatabase``.
        """
        pool = open_pool(dsn, connections=connections, password=password)
        try:
            with refusing():
                async with pool.lease() as connection:
                    await migrate(connection, {companion.name: companion.tables} if companion else {})
                    seal = await Seal.of(connection)
                    known = await load(connection, keeping=keeping)
        except BaseException:
            await pool.close(patience=0)
            raise
        aside, walk = (open_pool(dsn, connections=1, password=password) for _ in range(2))
        turns = open_pool(dsn, connections=_TURNS, password=password)
        effects = open_pool(dsn, connections=EFFECTS, password=password)
        return cls(_Pools(pool, aside, walk, turns, effects), seal, clock, _Founding(known, keeping, companion))

    async def close(self) -> None:
        """Close all connections, after the calls under way."""
        pools = self._pools
        for pool in (pools.walk, pools.turns, pools.effects, pools.calls, pools.aside):
            await pool.close(patience=5)

    @property
    def vocabulary(self) -> Vocabulary:
        """The search parameters that resources are indexed by and can be searched by, as far as this process knows."""
        return self._writers.known.vocabulary

    @property
    def known(self) -> Known:
        """What this process knows of how far resources are indexed; ``learn`` asks anew."""
        return self._writers.known

    async def learn(self) -> Known:
        """Ask the database what resources are indexed by now, and how far."""
        with refusing():
            self._writers.adopt(await again_if_lost(lambda: load(self._pool, self._writers.known)))
        return self._writers.known

    async def lacking(self, query: Query) -> tuple[Progress, ...]:
        """Return how far the parameters are that ``query`` uses and that may not find everything yet."""
        if not self.known.lacking(query):
            return ()
        return (await self.learn()).lacking(query)

    async def pause_reindexing(self, *, paused: bool) -> None:
        """Let the walk over all resources pause, or go on."""
        with refusing():
            await pause(self._pool, paused=paused)
        await self.learn()
        self.reindexing.wake()

    async def restart_reindexing(self) -> None:
        """Have every resource indexed anew, from the first on."""
        with refusing():
            async with self._pool.lease() as connection, connection.transaction():
                await restart(connection)
        await self.learn()
        self.reindexing.wake()

    def connections(self) -> tuple[int, int]:
        """Return how many connections are open, and how many of them are idle."""
        return self._pool.count()

    async def ping(self) -> None:
        """Ask the database for a sign of life. Raises: ``Unavailable``."""
        with refusing():
            async with asyncio.timeout(_SIGN_OF_LIFE):
                await again_if_lost(lambda: self._pool.fetchval("select 1"))

    async def read(self, type: str, id: str) -> Kept | None:
        """Return what stands of a resource, a deleted one included; None if it was never there."""
        with refusing():
            row = await again_if_lost(lambda: self._pool.fetchrow(_READ, type, id))
        return kept(row) if row else None

    async def read_version(self, type: str, id: str, version: int) -> Kept | None:
        """Return one version of a resource, or None."""
        if version >= 2**31:
            return None
        with refusing():
            row = await again_if_lost(lambda: self._pool.fetchrow(_READ_VERSION, type, id, version))
        return kept(row) if row else None

    async def write(self, write: Write) -> Written:
        """Do one interaction, all or nothing. Raises: as ``Transaction.write``."""
        with refusing():
            async with self._pool.lease() as connection:
                transaction = Transaction(connection, self._writers, self._clock())
                written = await alone(transaction, write, connection)
        self._adopt(transaction.known)
        if written.changed and written.kept:
            self.on_change(written.kept.type)
        return written

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: what is done in it is kept when the block ends, and not at all if it raises."""
        return self._transaction(self._pool)

    def effect(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction, as ``transaction``, for an event to take effect in; it takes no call's connection."""
        return self._transaction(self._pools.effects)

    @asynccontextmanager
    async def _transaction(self, pool: Pool) -> AsyncIterator[Transaction]:
        with refusing():
            async with pool.lease() as connection, connection.transaction():
                transaction = Transaction(connection, self._writers, self._clock())
                yield transaction
        self._adopt(transaction.known)
        if transaction.wrote:
            self.on_change(None)

    @asynccontextmanager
    async def turn(self, lock: int) -> AsyncIterator[Session | None]:
        """Lease a connection of its own that holds the advisory ``lock``; None while another process holds it."""
        with refusing():
            async with self._pools.turns.lease() as connection:
                held = await connection.fetchval("select pg_try_advisory_lock($1)", lock)
                try:
                    yield connection if held else None
                finally:
                    if held and not connection.is_closed():
                        await connection.execute(f"select pg_advisory_unlock({lock}); reset all")

    async def notify(self, channel: str) -> None:
        """Tell the other processes of this service that listen at ``channel`` to look."""
        with refusing():
            await self._pools.aside.fetchval("select pg_notify($1, '')", channel)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Lease a connection, for what a service reads in tables of its own."""
        with refusing():
            async with self._pool.lease() as connection:
                yield connection

    def _adopt(self, known: Known) -> None:
        if known is not self._writers.known:
            self._writers.adopt(known)
            self.reindexing.wake()

    async def search(self, query: Query, *, cursor: Cursor | None = None) -> Page:
        """Return one page of what ``query`` finds, behind ``cursor``, and what comes along with it.

        ``total`` is there where the query asks for it or counting costs nothing. Raises: ``Unacceptable`` for a
        cursor of another search.
        """
        with refusing():
            await self._searcher.look_at_statistics()
            async with bounded(query.patience):
                found = await again_if_lost(lambda: self._searcher.found(self._pool, query, cursor))
            total = await self.count(query) if query.total in ("accurate", "estimate") else None
        return found if total is None else structs.replace(found, total=total)

    async def count(self, query: Query) -> int:
        """Return how many resources ``query`` finds."""
        with refusing():
            await self._searcher.look_at_statistics()
            async with bounded(query.patience):
                return await again_if_lost(lambda: self._searcher.counted(query))

    async def explain(self, query: Query) -> Explained:
        """Return how the first page of ``query`` is answered, and what PostgreSQL makes of it."""
        with refusing():
            await self._searcher.look_at_statistics()
            async with bounded():
                return await self._searcher.explained(query)

    async def everything(self, asked: Belonging, *, cursor: Cursor | None = None) -> Everything:
        """Return what belongs to one resource, behind ``cursor``; see ``everything``."""
        return await everything(self._pool, self._seal, asked, cursor)

    async def labels(self, types: Sequence[str]) -> tuple[Label, ...]:
        """Return the profiles, security labels and tags that resources of ``types`` have.

        Refuses: ``Incomplete`` while not every resource is indexed by them; ``TooCostly``.
        """
        if self.known.wanted > self.known.complete and (known := await self.learn()).wanted > known.complete:
            raise Incomplete("not every resource is indexed yet; GET SearchParameter/$reindex tells how far it is")
        with refusing():
            async with bounded():
                return await again_if_lost(lambda: labels(self._pool, types))

    async def keep_for_later(self, id: str, question: bytes) -> None:
        """Keep a question that is answered later. Refuses: ``TooCostly`` where too many wait."""
        with refusing():
            await later.keep(self._pool, id, question, self._clock())

    async def take_over_later(self, id: str) -> bytes | None:
        """Return a question that nobody is at any more and that is now the caller's, None otherwise."""
        with refusing():
            return await later.take_over(self._pool, id, self._clock())

    async def beat_later(self, id: str) -> bool:
        """Say that somebody is at a question; whether its answer is still wanted."""
        with refusing():
            return await later.beat(self._pool, id, self._clock())

    async def finish_later(self, id: str, status: int, answer: bytes) -> None:
        """Keep the answer of a question."""
        with refusing():
            await later.finish(self._pool, id, status, answer)

    async def read_later(self, id: str) -> later.Waiting | None:
        """Return a question that is answered later, None if there is none of that id."""
        with refusing():
            return await later.read(self._pool, id)

    async def drop_later(self, id: str) -> bool:
        """Forget a question that is answered later; whether there was one."""
        with refusing():
            return await later.drop(self._pool, id)

    async def history(
        self,
        *,
        type: str | None = None,
        id: str | None = None,
        wanted: Wanted = EVERYTHING,
        count: int,
        cursor: Cursor | None = None,
    ) -> Page:
        """Return versions, newest first: of one resource, of ``type``, or of all."""
        with refusing():
            return await history(self._pool, type, id, wanted=wanted, count=count, cursor=cursor)

    async def changes(self, after: FeedPosition | None, *, limit: int) -> Changes:
        """Return changes behind ``after``, in an order that never skips one; see ``feed``."""
        with refusing():
            return await feed.changes(self._pool, after, limit=limit)
