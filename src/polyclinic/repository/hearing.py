"""Hearing: which events of other services took effect here, and which could not so far. Knows no bus.

That an event is settled is written in the transaction of its effects, so that each has them once.
"""

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b

from polyclinic.repository.connect import Database, Session

TURN = 1751478642  # "hear": whoever hears holds this advisory lock
KEPT = "8 days"
"""How long it is known that an event was settled: longer than any bus keeps it."""
_FEWEST = 100_000
"""Settled events that are known whatever their age: a clock may be wrong."""

_SETTLE = """
with gone as (delete from failure where event = $1 and not aside)
insert into handled (event) select $1 from (select pg_advisory_xact_lock($2)) l
on conflict do nothing returning true"""
_FAIL = """
insert into failure (event, content, reason) values ($1, $2, $3)
on conflict (event) do update set reason = $3, tries = failure.tries + 1, last = now() returning tries"""
_LAY_ASIDE = "update failure set aside = true where event = $1"
_COLUMNS = "number, event, content, reason, tries, first, last, aside"
_ALL = f"select {_COLUMNS} from failure where number > $1 order by number limit $2"
_ONE = f"select {_COLUMNS} from failure where number = $1"
_TAKE = f"{_ONE} and aside for update"
_EDIT = "update failure set content = $2 where number = $1 and aside returning true"
_DROP = "delete from failure where number = $1 and aside returning true"
_COUNT = "select count(*) filter (where aside), count(*) filter (where not aside) from failure"
_PRUNE = f"""
delete from handled where number in (
    select number from handled where number <= (select max(number) from handled) - {_FEWEST} order by number limit 5000
) and at < now() - interval '{KEPT}'"""


@dataclass(frozen=True, slots=True)
class Failure:
    """An event that could not be handled ``tries`` times; one laid ``aside`` waits for somebody who asks for it."""

    number: int
    event: str
    content: str
    reason: str
    tries: int
    first: datetime
    last: datetime
    aside: bool


async def settle(session: Session, event: str, resource: str) -> bool:
    """Note in the open transaction that ``event`` is settled, however often it failed; False if it was before.

    Events of one ``resource`` wait for each other, whoever handles them.
    """
    return bool(await session.fetchval(_SETTLE, event, _lock_of(resource)))


async def fail(session: Database, event: str, content: str, reason: str) -> int:
    """Note that handling ``event`` failed once more; return how often it has."""
    return int(await session.fetchval(_FAIL, event, content, reason))


async def lay_aside(session: Session, event: str, resource: str) -> None:
    """Let ``event``, which has failed, be settled without effect: it is a dead letter now."""
    async with session.transaction():
        await session.fetch(_LAY_ASIDE, event)
        await settle(session, event, resource)


async def failures(session: Database, *, after: int, limit: int) -> list[Failure]:
    """Return up to ``limit`` events that could not be handled, in their order, behind the number ``after``."""
    return [Failure(*row) for row in await session.fetch(_ALL, after, limit)]


async def failure(session: Database, number: int) -> Failure | None:
    """Return one event that could not be handled, None if there is none of that number."""
    row = await session.fetchrow(_ONE, number)
    return Failure(*row) if row else None


async def take(session: Session, number: int) -> Failure | None:
    """Return a dead letter that nobody else can take until the end of the open transaction."""
    row = await session.fetchrow(_TAKE, number)
    return Failure(*row) if row else None


async def edit(session: Database, number: int, content: str) -> bool:
    """Give a dead letter another content; whether there is one."""
    return bool(await session.fetchval(_EDIT, number, content))


async def drop(session: Database, number: int) -> bool:
    """Throw a dead letter away; whether there was one."""
    return bool(await session.fetchval(_DROP, number))


async def count(session: Database) -> tuple[int, int]:
    """Return how many events were laid aside, and how many are tried again."""
    row = await session.fetchrow(_COUNT)
    assert row is not None  # an aggregate has one row
    return row[0], row[1]


async def prune(session: Session) -> None:
    """Forget some of the settled events that no bus has any more."""
    await session.fetch(_PRUNE)


def _lock_of(resource: str) -> int:
    return int.from_bytes(blake2b(resource.encode(), digest_size=8).digest(), "big", signed=True)
