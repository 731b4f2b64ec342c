"""Blocks: what is closed, whoever has a visit there still. Changed while the locks of their actors are held."""

from collections.abc import Sequence
from typing import NamedTuple

from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.store.occupations import Span

_KEEP = """
insert into block (slot, actor, during, most)
select $1, actor, tstzrange(to_timestamp(low), to_timestamp(high)), most
from unnest($2::text[], $3::bigint[], $4::bigint[], $5::integer[]) as a(actor, low, high, most)"""
_OVER = """
select distinct b.slot, b.actor, extract(epoch from lower(b.during))::bigint as low,
       extract(epoch from upper(b.during))::bigint as high, b.most
from unnest($1::text[], $2::bigint[], $3::bigint[]) as a(actor, low, high)
join block b on b.actor = a.actor and b.during && tstzrange(to_timestamp(a.low), to_timestamp(a.high))
order by b.slot, b.actor"""

_OF_SCHEDULE = """
select s.slot, s.low, s.high from (
    select b.slot, min(extract(epoch from lower(b.during)))::bigint as low,
           max(extract(epoch from upper(b.during)))::bigint as high
    from slot_schedule c join block b on b.slot = c.slot where c.schedule = $1 group by b.slot
) s where s.low >= $2 and s.high <= $3 order by s.low, s.slot"""


class Block(NamedTuple):
    """What the Slot ``slot`` closes: all of ``most`` lanes of an actor."""

    slot: str
    span: Span
    most: int


async def keep(session: Session, slot: str, closed: Sequence[tuple[Span, int]]) -> None:
    """Keep what ``slot`` closes: spans, and how many lanes of each."""
    spans = [span for span, _ in closed]
    columns = [each.actor for each in spans], [each.begin for each in spans], [each.end for each in spans]
    await session.execute(_KEEP, slot, *columns, [most for _, most in closed])


async def forget(session: Session, slots: Sequence[str]) -> None:
    """Forget what ``slots`` closed."""
    await session.execute("delete from block where slot = any($1)", list(slots))


async def over(session: Session, spans: Sequence[Span]) -> list[Block]:
    """Return the blocks that overlap any of ``spans``, in order of their slots."""
    columns = [each.actor for each in spans], [each.begin for each in spans], [each.end for each in spans]
    rows = await session.fetch(_OVER, *columns)
    return [Block(row["slot"], Span(row["actor"], row["low"], row["high"]), row["most"]) for row in rows]


async def among(session: Session, slots: Sequence[str]) -> set[str]:
    """Return which of ``slots`` are blocks."""
    rows = await session.fetch("select distinct slot from block where slot = any($1)", list(slots))
    return {row["slot"] for row in rows}


async def of_schedule(session: Session, schedule: str, begin: int, end: int) -> list[tuple[str, int, int]]:
    """Return the blocks (Slots) of a Schedule that lie within [begin, end), each with when it begins and ends."""
    rows = await session.fetch(_OF_SCHEDULE, schedule, begin, end)
    return [(row["slot"], row["low"], row["high"]) for row in rows]
