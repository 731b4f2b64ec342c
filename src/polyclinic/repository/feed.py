"""The change feed: every version that came to be, none skipped, each resource's versions in their order.

A position is a PostgreSQL snapshot: what was visible in it was handed out. The next stretch is what a later
snapshot sees and this one did not, in the order of ``seq``. Sequence numbers alone would lose a transaction that
took an early number and committed late; a snapshot cannot, and it never has to wait for a slow transaction. A
snapshot that sees a version also sees the version before it, so each resource's versions stay in order.

A position is written ``before`` or ``before;until;seq``: between two snapshots, read up to ``seq``.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import asyncpg

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository.connect import Database
from polyclinic.repository.model import Change, Changes, FeedPosition

_NOTHING = "1:1:"
_COLUMNS = "seq, type, id, version, method, updated, event, trace"
_ALL = f"""
select {_COLUMNS} from change
where pg_visible_in_snapshot(xid, $1::text::pg_snapshot) and seq > $2 and ($4::text[] is null or type = any($4))
order by seq limit $3"""
_BETWEEN = f"""
select {_COLUMNS} from change
where xid >= pg_snapshot_xmin($5::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $5::text::pg_snapshot)
  and pg_visible_in_snapshot(xid, $1::text::pg_snapshot) and seq > $2 and ($4::text[] is null or type = any($4))
order by seq limit $3"""
_BEGIN = """
select pg_current_snapshot()::text as until, (
    select min(seq + 0) from change
    where xid >= pg_snapshot_xmin($1::text::pg_snapshot) and not pg_visible_in_snapshot(xid, $1::text::pg_snapshot)
      and ($2::text[] is null or type = any($2))
) as first"""
"""Where a stretch begins: found by ``xid``, for it is read by ``seq``; "+ 0" keeps the planner from reading all."""
_WRITTEN = re.compile(r"(\d+:\d+:[\d,]*)(?:;(\d+:\d+:[\d,]*);(\d+))?\Z")


@dataclass(frozen=True, slots=True)
class _Place:
    """Behind all that ``before`` sees; of what ``until`` sees besides, up to ``seq``."""

    before: str
    until: str | None = None
    seq: int = 0


async def changes(
    connection: Database, after: FeedPosition | None, *, limit: int, types: Collection[str] | None = None
) -> Changes:
    """Return up to ``limit`` changes behind ``after`` (None: from the beginning), and where to go on.

    With ``types`` only theirs, and the position is behind all that lies between.

    Raises: ``Unacceptable`` for a position that no feed gave out.
    """
    place, wanted = _read(after), None if types is None else list(types)
    if place.until is None:
        row = await connection.fetchrow(_BEGIN, place.before, wanted)
        assert row is not None  # it has no condition
        if row["first"] is None:
            return Changes((), FeedPosition(row["until"]))
        place = _Place(place.before, row["until"], row["first"] - 1)
    rows = await _rows(connection, place, wanted, limit + 1)
    shown = rows[:limit]
    position = f"{place.until}" if len(rows) <= limit else f"{place.before};{place.until};{shown[-1]['seq']}"
    return Changes(tuple(_change(row) for row in shown), FeedPosition(position))


async def _rows(connection: Database, place: _Place, types: list[str] | None, limit: int) -> list[asyncpg.Record]:
    arguments: list[Any] = [place.until, place.seq, limit, types]
    if place.before == _NOTHING:
        return await connection.fetch(_ALL, *arguments)
    return await connection.fetch(_BETWEEN, *arguments, place.before)


def _change(row: asyncpg.Record) -> Change:
    return Change(*list(row)[1:])


def _read(position: FeedPosition | None) -> _Place:
    if position is None:
        return _Place(_NOTHING)
    found = _WRITTEN.match(position)
    if found is None:
        raise Unacceptable("this is no position of the change feed")
    return _Place(found[1], found[2], int(found[3] or 0))
