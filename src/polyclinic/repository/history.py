"""History: the versions of one resource, of a type, or of all, newest first."""

from datetime import datetime

import asyncpg

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository.connect import Database
from polyclinic.repository.model import Cursor, Kept, Page

_OF_ONE = """
select $1 as type, $2 as id, v.version, v.updated, v.method, v.body, v.position from (
    select version, updated, method, body, version::bigint as position from resource where type = $1 and id = $2
    union all
    select a.version, a.updated, a.method, a.body, a.version
    from resource r join archive a on a.resource = r.key where r.type = $1 and r.id = $2
) v
where position < $3 and updated >= $4 order by position desc limit $5"""
_OF_MANY = """
select c.type, c.id, c.version, c.updated, c.method,
       case when r.version = c.version then r.body else a.body end as body, c.seq as position
from (select * from change where {of} seq < $1 and updated >= $2 order by seq desc limit $3) c
join resource r on r.key = c.resource
left join archive a on a.resource = c.resource and a.version = c.version
order by c.seq desc"""
OF_TYPE = _OF_MANY.format(of="type = $4 and")
OF_ALL = _OF_MANY.format(of="")

_ALWAYS = datetime.fromisoformat("0001-01-02T00:00:00+00:00")
_END = 2**63 - 1


async def history(
    connection: Database,
    type: str | None,
    id: str | None,
    *,
    since: datetime | None,
    count: int,
    cursor: Cursor | None,
) -> Page:
    """Return up to ``count`` versions, newest first: of one resource, of ``type``, or of all.

    ``since`` is inclusive. Raises: ``Unacceptable`` for a cursor that no history gave out.
    """
    position, begin = _position(cursor), since or _ALWAYS
    if id is not None:
        rows = await connection.fetch(_OF_ONE, type, id, position, begin, count + 1)
    elif type is not None:
        rows = await connection.fetch(OF_TYPE, position, begin, count + 1, type)
    else:
        rows = await connection.fetch(OF_ALL, position, begin, count + 1)
    shown = rows[:count]
    more = Cursor(str(shown[-1]["position"])) if len(rows) > count and shown else None
    return Page(tuple(kept(row) for row in shown), more)


def kept(row: asyncpg.Record) -> Kept:
    """Return the version in ``row``, whose first columns are those of ``Kept`` in their order."""
    return Kept(*row[:6])


def _position(cursor: Cursor | None) -> int:
    if cursor is None:
        return _END
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor) > _END:
        raise Unacceptable("_cursor is not one that this history gave out", at="_cursor")
    return int(cursor)
