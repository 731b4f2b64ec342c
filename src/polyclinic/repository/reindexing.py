"""Reindexing: a walk over all resources that indexes anew what an earlier vocabulary indexed, while others write.

One process of a service walks at a time. Where it is stands in the database, beside what it has done, so that it goes
on after any end. When it comes to the end it goes once more through all, and is complete when it finds nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import asyncpg

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Conflict, Unavailable
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository import write as tables
from polyclinic.repository.connect import Session, refusing
from polyclinic.repository.pool import Pool
from polyclinic.repository.rows import Row, indexed_row
from polyclinic.repository.spellings import Spellings
from polyclinic.repository.transaction import standing_of
from polyclinic.repository.vocabularies import Known
from polyclinic.repository.write import Outdated, Standing

LOCK = 1919247993  # "rein": whoever walks holds it
POLL = 2.0
"""Seconds after which a process looks whether another one has changed the vocabulary."""
BATCH = 100
"""Resources that are indexed in one transaction."""
WINDOW = 1000
"""Resources that are looked at in one statement."""
_AT_A_STRETCH = 20
"""Resources that are indexed before other requests get their turn."""

_STAND = "select target, type, id, found, verifies, paused from reindexing"
_COUNT = "select count(*) from resource where type = any($1::text[])"
_BEGIN = """
update reindexing set target = $1, type = '', id = '', found = 0, verifies = false, done = 0, total = $2"""
_AGAIN = "update reindexing set type = '', id = '', found = 0, verifies = true, done = total"
_END = """
with end_ as (
    update reindexing set complete = target, target = null, type = '', id = '', done = total
    where target = $1 returning complete
) update search_parameter p set total = (select count(*) from resource r where r.type = any(p.types))
from end_ e where p.number > $2 and p.number <= e.complete"""
_ADVANCE = """
update reindexing
set type = $2, id = $3, found = found + $4, done = least(total, done + case when verifies then 0 else $5 end)
where target = $1"""
_WINDOW = """
select key, id, indexed < $4 and body is not null as due from resource
where type = $1 and id > $2 order by id limit $3"""
_DUE = """
select key, at, terms, indexed, type, id, version, updated, method, body from resource
where key = any($1::bigint[]) and indexed < $2 and body is not null order by key for no key update"""

Learn = Callable[[], Awaitable[Known]]
"""Asks the database what is known now, and lets the process know it."""


class Reindexing:
    """Keeps a process's knowledge of its vocabulary fresh, and walks where there is something to index anew."""

    def __init__(self, pool: Pool, spellings: Spellings, learn: Learn, *, rate: int) -> None:
        """``pool`` has a connection for the walk alone; ``rate`` is the most resources a second to be indexed."""
        self._pool, self._spellings, self._learn = pool, spellings, learn
        self._rate = rate
        self._awake = asyncio.Event()

    def wake(self) -> None:
        """Say that there may be something to do."""
        self._awake.set()

    async def run(self) -> None:
        """Go on until cancelled; while the database is away, try again and again."""
        while True:
            self._awake.clear()
            try:
                with refusing():
                    await self.walk()
            except (Unavailable, Conflict):
                pass  # the requests of this service tell their callers; here it is tried again
            try:
                await asyncio.wait_for(self._awake.wait(), POLL)
            except TimeoutError:
                continue

    async def walk(self) -> None:
        """Index anew until everything is complete, it is paused, or another process walks."""
        known = await self._learn()
        if known.is_complete or known.paused:
            return
        async with self._pool.lease() as connection:
            if not await connection.fetchval("select pg_try_advisory_lock($1)", LOCK):
                return
            try:
                while await self._step(connection):
                    pass
            finally:
                if not connection.is_closed() and not connection.is_in_transaction():
                    await connection.execute("select pg_advisory_unlock($1)", LOCK)

    async def _step(self, connection: Session) -> bool:
        """Do the next piece of work; False where there is none."""
        known, started = await self._learn(), monotonic()
        if known.is_complete or known.paused:
            return False
        try:
            worked = await self._go_on(connection, known)
        except Outdated:
            return True
        took = monotonic() - started
        await asyncio.sleep(max(worked / self._rate - took, took) if worked else 0)
        return True

    async def _go_on(self, connection: Session, known: Known) -> int:
        """Begin a walk, end it, or take its next step; return how many resources were indexed."""
        stand = await connection.fetchrow(_STAND)
        assert stand is not None  # the migration has made it
        if stand["target"] is None:
            number = known.vocabulary.number
            await connection.execute(_BEGIN, number, await connection.fetchval(_COUNT, _types(known, number)))
            return 0
        types = [type for type in _types(known, stand["target"]) if type >= stand["type"]]
        for type in types:
            after = stand["id"] if type == stand["type"] else ""
            window = await connection.fetch(_WINDOW, type, after, WINDOW, stand["target"])
            if window:
                return await self._index(connection, known.vocabulary, stand["target"], (type, window))
        if stand["found"]:
            await connection.execute(_AGAIN)
        else:
            await connection.execute(_END, stand["target"], known.complete)
            await self._learn()
        return 0

    async def _index(
        self, connection: Session, vocabulary: Vocabulary, target: int, part: tuple[str, Sequence[asyncpg.Record]]
    ) -> int:
        """Index the first resources of a part of one type that are due, and note how far that was."""
        type, window = part
        due = [place for place, row in enumerate(window) if row["due"]][:BATCH]
        looked_at = window if len(due) < BATCH else window[: due[-1] + 1]
        keys = [window[place]["key"] for place in due]
        async with connection.transaction():
            rows = await connection.fetch(_DUE, keys, target) if keys else []
            before = [standing_of(row) for row in rows]
            made = await _indexed(before, vocabulary)
            await self._spellings.keep({each for row in made for each in row.entries.spellings})
            await tables.reindex(connection, made, before, vocabulary.number)
            await connection.execute(_ADVANCE, target, type, looked_at[-1]["id"], len(made), len(looked_at))
        return len(made)


async def _indexed(before: Sequence[Standing], vocabulary: Vocabulary) -> list[Row]:
    made = []
    for number, standing in enumerate(before, 1):
        assert standing.kept.body is not None  # the statement has seen to it
        resource = decode(standing.kept.body)
        made.append(indexed_row(resource, standing.kept, vocabulary, key=standing.key))
        if number % _AT_A_STRETCH == 0:
            await asyncio.sleep(0)
    return made


def _types(known: Known, target: int) -> list[str]:
    """Return the types of which some may not be indexed as they have to be with ``target``."""
    if known.wanted > known.complete:
        return sorted(RESOURCE_TYPES)
    waiting = [each for each in known.defined if known.complete < each.number <= target]
    return sorted({type for each in waiting for type in each.types})
