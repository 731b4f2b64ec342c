"""Stored Slots: whose they are, and which of them are free."""

from collections.abc import Sequence
from typing import NamedTuple

from polyclinic.repository.connect import Session

_KEEP = """
insert into slot_schedule (slot, schedule, during, is_free)
select slot, schedule, tstzrange(to_timestamp(low), to_timestamp(high)), is_free
from unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::boolean[])
    as a(slot, schedule, low, high, is_free)
on conflict (slot) do update
set schedule = excluded.schedule, during = excluded.during, is_free = excluded.is_free"""
_FREE = """
select schedule, slot, extract(epoch from lower(during))::bigint as low,
       extract(epoch from upper(during))::bigint as high
from slot_schedule
where schedule = any($1) and is_free and lower(during) >= to_timestamp($2::bigint)
  and lower(during) < to_timestamp($3::bigint)
order by lower(during), slot"""


class Stored(NamedTuple):
    """A Slot of a Schedule (references), from ``begin`` until before ``end``."""

    slot: str
    schedule: str
    begin: int
    end: int
    is_free: bool


async def keep(session: Session, slots: Sequence[Stored], *, leaving: Sequence[str]) -> None:
    """Keep what ``slots`` say, and that those ``leaving`` are gone."""
    if leaving:
        await session.execute("delete from slot_schedule where slot = any($1)", list(leaving))
    if slots:
        await session.execute(_KEEP, *map(list, zip(*slots, strict=True)))


async def schedules_of(session: Session, slots: Sequence[str]) -> dict[str, str]:
    """Return the Schedules of ``slots``, both references."""
    rows = await session.fetch("select slot, schedule from slot_schedule where slot = any($1)", list(slots))
    return {row["slot"]: row["schedule"] for row in rows}


async def free(session: Session, schedules: Sequence[str], begin: int, end: int) -> list[Stored]:
    """Return the free Slots of ``schedules`` that start in [begin, end), in order; others may have taken their time."""
    rows = await session.fetch(_FREE, list(schedules), begin, end)
    return [Stored(row["slot"], row["schedule"], row["low"], row["high"], True) for row in rows]
