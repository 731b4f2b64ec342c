"""Series: which visits belong together."""

from collections.abc import Sequence
from typing import NamedTuple

from polyclinic.repository.connect import Session

_KEEP = """
insert into series_visit (visit, origin, number) select * from unnest($1::text[], $2::text[], $3::integer[])
on conflict (visit) do update set origin = excluded.origin, number = excluded.number"""
_SERIES_OF = """
select visit, number from series_visit where origin = (select origin from series_visit where visit = $1)
order by number, visit"""
_STARTING = """
select distinct holder from occupation
where actor = $1 and starts in (select to_timestamp(s) from unnest($2::bigint[]) as u(s))
  and holder like 'Appointment/%'"""


class Member(NamedTuple):
    """One visit of a series: the ids of its Appointment and of the first one, and its number from 1."""

    visit: str
    origin: str
    number: int


async def keep(session: Session, members: Sequence[Member], *, leaving: Sequence[str]) -> None:
    """Keep which series ``members`` belong to, and that the visits ``leaving`` belong to none."""
    if leaving:
        await session.execute("delete from series_visit where visit = any($1)", list(leaving))
    if members:
        await session.execute(_KEEP, *map(list, zip(*members, strict=True)))


async def series_of(session: Session, visit: str) -> list[tuple[str, int]]:
    """Return all visits, ids and numbers, of the series that ``visit`` belongs to; none if it belongs to none."""
    return [(row["visit"], row["number"]) for row in await session.fetch(_SERIES_OF, visit)]


async def starting(session: Session, actor: str, starts: Sequence[int]) -> list[str]:
    """Return the Appointments (references) of ``actor`` that start at one of ``starts``."""
    return [row["holder"] for row in await session.fetch(_STARTING, actor, list(starts))]
