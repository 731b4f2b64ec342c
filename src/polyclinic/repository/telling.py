"""Telling: how far the changes of a service have been told to others. What a bus is, nobody knows here.

The place in the change feed is kept without waiting for the disk: what is forgotten in a crash is told twice, and
whoever hears it knows events by their ids.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import NewType

from polyclinic.repository import feed
from polyclinic.repository.connect import Session
from polyclinic.repository.model import Changes, FeedPosition

TURN = 1952804972  # "tell": whoever tells holds this advisory lock
CHANNEL = "change"
"""Where processes of one service say to each other that something was written."""
BACK = 15
"""Places to go back, however many were told since: what a bus that crashed may not have written to its disk."""
KEPT = "7 days"
MOST_COUNTED = 1000
_FEWEST = 100
"""Places that are kept whatever their age."""

Stream = NewType("Stream", str)
"""When a stream was made, as the bus tells it."""

_BEGIN = """
select place from (
    (select number, place from told where stream = $1 and sequence <= $2 order by number desc offset $3 limit 1)
    union all (select number, place from told order by number limit 1)
) t order by number desc limit 1"""
_FIRST = """
insert into told (place, stream, sequence)
select null, $1, $2 from generate_series(1, 2) where not exists (select from told)"""
_MOVE = """
update told set place = $1, stream = $2, sequence = $3, at = now() where number = (select max(number) from told)"""
_STAY = "insert into told (place, stream, sequence) values ($1, $2, $3)"
_PRUNE = f"""
delete from told where at < now() - interval '{KEPT}' and number <= (select max(number) from told) - {_FEWEST}"""


@dataclass(frozen=True, slots=True)
class Told:
    """Everything before ``place`` is in the stream that was made at ``stream``, up to its message ``sequence``."""

    place: FeedPosition | None
    stream: Stream
    sequence: int


async def begin(session: Session, stream: Stream, sequence: int) -> FeedPosition | None:
    """Return where to begin with a stream that has messages up to ``sequence``; None is the beginning.

    That is well before what was told last, as the last messages may be lost in a crash of the bus; and as far back
    as is known with a stream that lacks what was told before.
    """
    await session.execute("set synchronous_commit = off")
    await session.fetch(_FIRST, stream, sequence)
    place: FeedPosition | None = await session.fetchval(_BEGIN, stream, sequence, BACK)
    return place


async def waiting(session: Session, types: Collection[str]) -> tuple[int, datetime | None]:
    """Return how many changes of ``types`` wait to be told, counted up to ``MOST_COUNTED``, and when the first was."""
    place = await session.fetchval("select place from told order by number desc limit 1")
    found = (await read(session, place, types, limit=MOST_COUNTED)).items
    return len(found), found[0].updated if found else None


async def keep(session: Session, told: Told, *, stay: bool) -> None:
    """Keep how far was told; ``stay`` lets that place stay when the next is kept."""
    await session.fetch(_MOVE, told.place, told.stream, told.sequence)
    if stay:
        await session.fetch(_STAY, told.place, told.stream, told.sequence)
        await session.fetch(_PRUNE)


async def read(session: Session, place: FeedPosition | None, types: Collection[str], *, limit: int) -> Changes:
    """Return up to ``limit`` changes of ``types`` behind ``place``, and where to go on."""
    return await feed.changes(session, place, limit=limit, types=types)
