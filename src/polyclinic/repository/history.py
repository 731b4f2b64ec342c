"""History: the versions of one resource, of a type, or of all, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository.connect import Database
from polyclinic.repository.model import Cursor, Kept, Page, Stretch


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which versions a history is to tell: those that came to be at or after ``since``, and stood at any time ``at``.

    A version stands from when it came to be until the next one did; a deletion is a version too.
    """

    since: datetime | None = None
    at: Stretch | None = None


EVERYTHING = Wanted()

_OF_ONE = """
select $4 as type, $5 as id, v.version, v.updated, v.method, v.body, v.position from (
    select u.*, lead(u.updated) over (order by u.position) as until from (
        select version, updated, method, body, version::bigint as position from resource where type = $4 and id = $5
        union all
        select a.version, a.updated, a.method, a.body, a.version
        from resource r join archive a on a.resource = r.key where r.type = $4 and r.id = $5
    ) u
) v
where v.position < $1 and v.updated >= $2 {at} order by v.position desc limit $3"""
_OF_MANY = """
select c.type, c.id, c.version, c.updated, c.method,
       case when r.version = c.version then r.body else a.body end as body, c.seq as position
from (select * from change v where {of} seq < $1 and updated >= $2 {at} order by seq desc limit $3) c
join resource r on r.key = c.resource
left join archive a on a.resource = c.resource and a.version = c.version
order by c.seq desc"""
_OF_TYPE = _OF_MANY.replace("{of}", "type = $4 and")
_OF_ALL = _OF_MANY.replace("{of}", "")
_STANDING = "and v.updated < ${end} and {until} > ${begin}"
_UNTIL_ONE = "coalesce(v.until, 'infinity')"
_UNTIL = """(
    select case when r.version = v.version then 'infinity'
                when r.version = v.version + 1 then r.updated
                else (select n.updated from archive n where n.resource = v.resource and n.version = v.version + 1) end
    from resource r where r.key = v.resource
)"""
_ALWAYS = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
_END = 2**63 - 1


async def history(
    connection: Database, type: str | None, id: str | None, *, wanted: Wanted, count: int, cursor: Cursor | None
) -> Page:
    """Return up to ``count`` versions that are ``wanted``, newest first: of one resource, of ``type``, or of all.

    Raises: ``Unacceptable`` for a cursor that no history gave out.
    """
    position, since = _position(cursor), wanted.since or _ALWAYS
    arguments: tuple[Any, ...] = (position, since, count + 1)
    if id is not None:
        arguments += (type, id)
    elif type is not None:
        arguments += (type,)
    text = _OF_ONE if id is not None else _OF_TYPE if type is not None else _OF_ALL
    if wanted.at is None:
        rows = await connection.fetch(text.format(at=""), *arguments)
    else:
        number = len(arguments)
        standing = _STANDING.format(end=number + 1, begin=number + 2, until=_UNTIL_ONE if id is not None else _UNTIL)
        rows = await connection.fetch(text.format(at=standing), *arguments, wanted.at.end, wanted.at.begin)
    shown = rows[:count]
    more = Cursor(str(shown[-1]["position"])) if len(rows) > count and shown else None
    return Page(tuple(kept(row) for row in shown), more)


def kept(row: asyncpg.Record) -> Kept:
    """Return the version in ``row``, whose first columns are those of ``Kept`` in their order."""
    return Kept._make(row[:6])


def _position(cursor: Cursor | None) -> int:
    if cursor is None:
        return _END
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor) > _END:
        raise Unacceptable("_cursor is not one that this history gave out", at="_cursor")
    return int(cursor)
