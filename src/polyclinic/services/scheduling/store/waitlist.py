"""The waitlist: who waits, which time became free, what is to be looked at, and who was offered what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from polyclinic.repository.connect import Session

_ENTER = """
with entered as (insert into waiting (entry, since) values ($1, $2) on conflict (entry) do nothing)
insert into look (entry) values ($1)"""
_FREE = """
with stretch as (
    insert into freed (source, actors, begins, ends)
    values ($1, $2, to_timestamp($3::bigint), to_timestamp($4::bigint)) returning number
) insert into look (freed) select number from stretch"""
_TAKE_LOOK = """
delete from look where number = (select number from look order by number limit 1 for update skip locked)
returning freed, entry"""
_STRETCHES = """
select number, source, actors, extract(epoch from begins)::bigint as begin, extract(epoch from ends)::bigint as until
from freed where ends > $1"""
_WAITING = """
select entry, extract(epoch from since)::bigint as since from waiting where $1::text is null or entry = $1"""
_OFFER = """
insert into offer (appointment, entry, freed, source, schedule, starts, made, expires, turn, rank)
values ($1, $2, $3, $4, $5, to_timestamp($6::bigint), $7, $8, $9, $10)"""
_END = """
with ended as (
    update offer set outcome = $2, ended = $3 where appointment = $1 and outcome is null returning entry, freed
), again as (
    insert into look (freed, entry)
    select freed, null from ended where $2 <> 'accepted' union all select null, entry from ended where $2 <> 'accepted'
) select 1 from ended"""
_COLUMNS = """
select appointment, entry, freed, source, schedule, extract(epoch from starts)::bigint as start, made, expires, turn,
       rank, outcome, ended
from offer"""
_RIVALS = """
select o.appointment from offer o join offer mine on mine.appointment = $1
    and o.freed = mine.freed and o.schedule = mine.schedule and o.starts = mine.starts
where o.outcome is null and o.appointment <> $1 order by o.appointment"""
_ACCEPTED = """
select o.appointment, o.entry from offer o join waiting w on w.entry = o.entry where o.outcome = 'accepted' limit $1"""
_USELESS = """
select appointment from offer o where outcome is null
   and (expires <= $1 or not exists (select from waiting w where w.entry = o.entry)) order by expires limit $2"""


class Look(NamedTuple):
    """What is to be looked at: a stretch (its number) for everybody, or an entry for every stretch."""

    freed: int | None
    entry: str | None


class Freed(NamedTuple):
    """A stretch of time of ``actors`` that ``source`` gave back: [begin, end), instants."""

    number: int
    source: str
    actors: tuple[str, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Offer:
    """An offer: the ``appointment`` (a reference) of a time, made to an ``entry``.

    ``start`` is an instant, ``rank`` the JSON of its parts, ``outcome`` None while it is open, else accepted, declined,
    expired, withdrawn, or lost to somebody who was quicker. ``turn`` counts how often this time was offered one after
    another.
    """

    appointment: str
    entry: str
    freed: int
    source: str
    schedule: str
    start: int
    made: datetime
    expires: datetime
    turn: int
    rank: bytes
    outcome: str | None = None
    ended: datetime | None = None

    @property
    def place(self) -> tuple[str, int]:
        """What was offered: the calendar that leads the visit, and its start."""
        return self.schedule, self.start


async def enter(session: Session, entry: str, now: datetime) -> None:
    """Note that ``entry`` waits, since now if it is new, and is to be looked at."""
    await session.execute(_ENTER, entry, now)


async def leave(session: Session, entry: str) -> None:
    """Note that ``entry`` waits no longer."""
    await session.execute("delete from waiting where entry = $1", entry)


async def free(session: Session, source: str, actors: Sequence[str], begin: int, end: int) -> None:
    """Note that ``source`` gave back [begin, end) of ``actors``."""
    await session.execute(_FREE, source, list(actors), begin, end)


async def take_look(session: Session) -> Look | None:
    """Return what is to be looked at next by nobody but the caller, whose transaction settles it; None: nothing."""
    row = await session.fetchrow(_TAKE_LOOK)
    return Look(row["freed"], row["entry"]) if row else None


async def look_again(session: Session, freed: int, *, then: str | None = None) -> None:
    """Note that a stretch is to be looked at once more, and then the entry ``then``."""
    await session.execute("insert into look (freed) values ($1)", freed)
    if then is not None:
        await session.execute("insert into look (entry) values ($1)", then)


async def stretches(session: Session, now: datetime) -> list[Freed]:
    """Return the stretches that are not over, the soonest first."""
    return [_freed(*row) for row in await session.fetch(f"{_STRETCHES} order by begins, number", now)]


async def stretch(session: Session, now: datetime, number: int) -> Freed | None:
    """Return a stretch, which nobody else gets until the transaction ends; None where it is over."""
    row = await session.fetchrow(f"{_STRETCHES} and number = $2 for update", now, number)
    return _freed(*row) if row else None


async def waiting(session: Session, entry: str | None = None) -> dict[str, int]:
    """Return all who wait, or just ``entry`` if it does, and since when they are known to."""
    return {row["entry"]: row["since"] for row in await session.fetch(_WAITING, entry)}


async def keep_offer(session: Session, offer: Offer) -> None:
    """Keep an offer that was made. Raises: what PostgreSQL raises where its entry has an open one already."""
    await session.execute(
        _OFFER,
        offer.appointment,
        offer.entry,
        offer.freed,
        offer.source,
        offer.schedule,
        offer.start,
        offer.made,
        offer.expires,
        offer.turn,
        offer.rank,
    )


async def end_offer(session: Session, appointment: str, outcome: str, now: datetime) -> bool:
    """Note what came of an open offer; whether it was one. Unless it was accepted, others get their turn."""
    return bool(await session.fetch(_END, appointment, outcome, now))


async def offers_to(session: Session, entries: Sequence[str]) -> list[Offer]:
    """Return all offers that were made to ``entries``, the oldest first."""
    rows = await session.fetch(f"{_COLUMNS} where entry = any($1) order by made, appointment", list(entries))
    return [Offer(**row) for row in rows]


async def offers_of(session: Session, freed: int) -> list[Offer]:
    """Return all offers of one stretch, the oldest first."""
    return [Offer(**row) for row in await session.fetch(f"{_COLUMNS} where freed = $1 order by made, turn", freed)]


async def offers_about(session: Session, name: str) -> list[Offer]:
    """Return the offers to an entry, those of the time that an Appointment or Slot gave back, or those of the stretch
    that an offer is of; the oldest first."""
    rows = await session.fetch(
        f"{_COLUMNS} where entry = $1 or source = $1 or freed = (select freed from offer where appointment = $1)"
        " order by made, appointment",
        name,
    )
    return [Offer(**row) for row in rows]


async def rivals(session: Session, appointment: str) -> list[str]:
    """Return the other open offers of the time that the offer ``appointment`` is of."""
    return [row["appointment"] for row in await session.fetch(_RIVALS, appointment)]


async def answer(session: Session, appointment: str, said: str | None) -> None:
    """Note what was answered to an open offer (accepted, declined; None: nothing); nothing happens where it is none."""
    await session.execute("update offer set answer = $2 where appointment = $1 and outcome is null", appointment, said)


async def answered(session: Session, limit: int) -> list[tuple[str, str]]:
    """Return open offers that were answered, and what was said."""
    rows = await session.fetch(
        "select appointment, answer from offer where outcome is null and answer is not null limit $1", limit
    )
    return [(row["appointment"], row["answer"]) for row in rows]


async def prolong(session: Session, appointment: str, expires: datetime) -> None:
    """Note that an open offer stands until another moment."""
    await session.execute(
        "update offer set expires = $2 where appointment = $1 and outcome is null", appointment, expires
    )


async def accepted(session: Session, limit: int) -> list[tuple[str, str]]:
    """Return accepted offers and their entries as far as these still wait."""
    return [(row["appointment"], row["entry"]) for row in await session.fetch(_ACCEPTED, limit)]


async def useless(session: Session, now: datetime, limit: int) -> list[str]:
    """Return open offers that have expired or whose entry waits no longer."""
    return [row["appointment"] for row in await session.fetch(_USELESS, now, limit)]


async def forget_past(session: Session, now: datetime) -> None:
    """Forget the stretches that are over."""
    await session.execute("delete from freed where ends <= $1", now)


def _freed(number: int, source: str, actors: Sequence[str], begin: int, end: int) -> Freed:
    return Freed(number, source, tuple(actors), begin, end)
