"""Occupations: who is occupied when. Places are given while the locks of their actors are held."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.model import Busy

_LOCK = """
select pg_advisory_xact_lock(key)
from (select distinct hashtextextended(actor, 20) as key from unnest($1::text[]) as a(actor) order by 1) as k"""
_GIVEN = """
select o.number, o.actor, o.lane, extract(epoch from lower(o.during))::bigint as begin,
       extract(epoch from upper(o.during))::bigint as until, o.places, o.holder, o.expires
from unnest($1::text[], $2::bigint[], $3::bigint[]) as a(actor, low, high)
join occupation o on o.actor = a.actor and o.during && tstzrange(to_timestamp(a.low), to_timestamp(a.high))
where not o.holder = any($4)"""
_BUSY = f"""{_GIVEN}
union all
select 0, b.actor, -1, extract(epoch from lower(b.during))::bigint,
       extract(epoch from upper(b.during))::bigint, 0, b.slot, null
from unnest($1::text[] || $5::text[], $2::bigint[] || $6::bigint[], $3::bigint[] || $7::bigint[]) as a(actor, low, high)
join block b on b.actor = a.actor and b.during && tstzrange(to_timestamp(a.low), to_timestamp(a.high))
where not b.slot = any($4)"""
_PURGE = """
with gone as (
    delete from occupation o using unnest($1::text[], $2::bigint[], $3::bigint[]) as a(actor, low, high)
    where o.actor = a.actor and o.during && tstzrange(to_timestamp(a.low), to_timestamp(a.high)) and o.expires <= $4
    returning o.holder
) insert into lapsed (holder) select distinct holder from gone"""
_TAKE = """
insert into occupation (actor, lane, most, during, places, holder, slots, starts, expires)
select actor, lane, most, tstzrange(to_timestamp(low), to_timestamp(high)), places, $7, $8,
       to_timestamp($9::bigint), $10
from unnest($1::text[], $2::integer[], $3::integer[], $4::bigint[], $5::bigint[], $6::integer[])
    as a(actor, lane, most, low, high, places)"""
_RELEASE = """
delete from occupation where holder = any($1)
returning actor, extract(epoch from lower(during))::bigint as low, extract(epoch from upper(during))::bigint as high"""
_MOVE = """
update occupation o set lane = a.lane, most = greatest(o.most, a.lane + 1)
from unnest($1::bigint[], $2::integer[]) as a(number, lane)
where o.number = a.number"""
_EXTEND = "update occupation set expires = $2 where holder = $1 and (expires is null or expires > $3) returning 1"
_COUNT = """
select count(distinct holder) from occupation
where actor = $1 and starts >= to_timestamp($2::bigint) and starts < to_timestamp($3::bigint)
  and (expires is null or expires > $4) and not holder = any($5) and holder like 'Appointment/%'"""
_STARTS = """
select actor, extract(epoch from starts)::bigint as start from occupation
where actor = any($1) and starts >= to_timestamp($2::bigint) and starts < to_timestamp($3::bigint)
  and (expires is null or expires > $4) and not holder = any($5) and holder like 'Appointment/%'"""
_DIARY = """
select o.actor, array_agg(extract(epoch from lower(o.during))::bigint) as begins,
       array_agg(extract(epoch from upper(o.during))::bigint) as ends,
       array_agg(o.lane) as lanes, array_agg(o.places) as places
from (
    select actor, lane, during, places from occupation
    where actor = any($1) and during && tstzrange(to_timestamp($2::bigint), to_timestamp($3::bigint))
      and (expires is null or expires > $4) and not holder = any($5)
    union all
    select actor, -1, during, 0 from block
    where actor = any($1) and during && tstzrange(to_timestamp($2::bigint), to_timestamp($3::bigint))
      and not slot = any($5)
) o
group by o.actor"""
_EXPIRED = """
(select distinct holder from occupation where expires <= $1 limit $2) union (select holder from lapsed limit $2)"""


@dataclass(frozen=True, slots=True)
class Span:
    """One actor from ``begin`` until before ``end``, instants in seconds."""

    actor: str
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Taken:
    """One place of an actor that is given: the row's number, by whom it is held and until when, and what it takes."""

    number: int
    actor: str
    holder: str
    expires: datetime | None
    busy: Busy

    @property
    def is_block(self) -> bool:
        """Whether it is closed rather than given."""
        return self.busy.lane < 0

    def lasts(self, now: datetime) -> bool:
        """Whether it is for good, or has not expired yet."""
        return self.expires is None or self.expires > now


@dataclass(frozen=True, slots=True)
class Place:
    """A place to be given to somebody: one of ``most`` lanes (None: beyond them), while ``places`` hold."""

    span: Span
    lane: int
    most: int | None
    places: int | None


async def lock(session: Session, actors: Iterable[str]) -> None:
    """Wait until nobody else gives places of ``actors``, and let nobody until the transaction ends."""
    wanted = list(actors)
    if wanted:
        await session.fetch(_LOCK, wanted)


async def taken(
    session: Session, spans: Sequence[Span], *, calendars: Sequence[Span] = (), but: Sequence[str] = ()
) -> list[Taken]:
    """Return what of ``spans`` is given to others than the holders ``but``, whether it has expired or not.

    What a block closes, of these or of ``calendars`` (spans of Schedules), is one more of them, whole, in no lane (-1).
    """
    return _taken(await session.fetch(_BUSY, *_columns(spans), list(but), *_columns(calendars)))


def _taken(rows: Sequence[Any]) -> list[Taken]:
    return [
        Taken(
            row["number"],
            row["actor"],
            row["holder"],
            row["expires"],
            Busy(row["begin"], row["until"], row["lane"], row["places"]),
        )
        for row in rows
    ]


async def diary(
    session: Session, actors: Sequence[str], between: tuple[int, int], now: datetime, *, but: Sequence[str] = ()
) -> dict[str, list[Busy]]:
    """Return by actor what is taken ``now`` in [begin, end), by others than the holders ``but``."""
    rows = await session.fetch(_DIARY, list(actors), *between, now, list(but))
    return {row["actor"]: list(map(Busy, row["begins"], row["ends"], row["lanes"], row["places"])) for row in rows}


async def given(session: Session, spans: Sequence[Span], *, but: Sequence[str] = ()) -> list[Taken]:
    """Return what ``taken`` does without what is only closed: blocks as far as they have got it."""
    return _taken(await session.fetch(_GIVEN, *_columns(spans), list(but)))


async def purge(session: Session, spans: Sequence[Span], now: datetime) -> None:
    """Take back the places of holds in ``spans`` that expired, and note whose they were."""
    await session.execute(_PURGE, *_columns(spans), now)


async def take(
    session: Session,
    holder: str,
    places: Sequence[Place],
    *,
    starts: int,
    slots: Sequence[str] = (),
    expires: datetime | None = None,
) -> None:
    """Give ``places`` to ``holder``. Raises: what PostgreSQL raises where one of them is given already."""
    if not places:
        return
    columns = zip(*((p.span.actor, p.lane, p.most, p.span.begin, p.span.end, p.places) for p in places), strict=True)
    await session.execute(_TAKE, *map(list, columns), holder, list(slots), starts, expires)


async def release(session: Session, holders: Sequence[str]) -> list[Span]:
    """Take back all that ``holders`` have, and return what that was."""
    rows = await session.fetch(_RELEASE, list(holders))
    return [Span(row["actor"], row["low"], row["high"]) for row in rows]


async def release_of(session: Session, holder: str, actor: str) -> None:
    """Take back what ``holder`` has of one actor."""
    await session.execute("delete from occupation where holder = $1 and actor = $2", holder, actor)


async def move(session: Session, lanes: dict[int, int]) -> None:
    """Give the occupations with these numbers other lanes, all at once, also such as others were overbooked into."""
    await session.execute("set constraints no_place_is_given_twice deferred")
    await session.execute(_MOVE, list(lanes), list(lanes.values()))
    await session.execute("set constraints no_place_is_given_twice immediate")


async def extend(session: Session, holder: str, expires: datetime | None, now: datetime) -> bool:
    """Let ``holder`` keep what it has until ``expires`` (None: for good); False where it has nothing any more."""
    return bool(await session.fetch(_EXTEND, holder, expires, now))


async def count_starts(
    session: Session, actor: str, begin: int, end: int, now: datetime, *, but: Sequence[str] = ()
) -> int:
    """Return how many visits of ``actor`` start in [begin, end)."""
    return int(await session.fetchval(_COUNT, actor, begin, end, now, list(but)))


async def starts(
    session: Session, actors: Sequence[str], begin: int, end: int, now: datetime, *, but: Sequence[str] = ()
) -> list[tuple[str, int]]:
    """Return by actor when their visits start in [begin, end)."""
    rows = await session.fetch(_STARTS, list(actors), begin, end, now, list(but))
    return [(row["actor"], row["start"]) for row in rows]


async def taken_over(session: Session, slots: Sequence[str]) -> set[str]:
    """Return which of ``slots`` an Appointment has taken."""
    rows = await session.fetch(
        "select distinct slot from occupation, unnest(slots) as s(slot) where slots && $1 and slot = any($1)",
        list(slots),
    )
    return {row["slot"] for row in rows}


async def holders_at(session: Session, actor: str, start: int) -> list[str]:
    """Return who holds time of ``actor`` for a visit that starts just then."""
    rows = await session.fetch(
        "select distinct holder from occupation where actor = $1 and starts = to_timestamp($2::bigint)", actor, start
    )
    return [row["holder"] for row in rows]


async def expired(session: Session, now: datetime, limit: int) -> list[str]:
    """Return holders of holds that have expired, up to ``limit`` of those who still have their time and of others."""
    return [row["holder"] for row in await session.fetch(_EXPIRED, now, limit)]


async def forget_lapsed(session: Session, holders: Sequence[str]) -> None:
    """Forget that the time of ``holders`` was taken by others: it is known now what became of them."""
    await session.execute("delete from lapsed where holder = any($1)", list(holders))


def instant(seconds: int) -> datetime:
    """Return an instant as a datetime in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def _columns(spans: Sequence[Span]) -> tuple[list[str], list[int], list[int]]:
    return [span.actor for span in spans], [span.begin for span in spans], [span.end for span in spans]
