"""Everything: what is in the compartment of one resource, and what that refers to, read portion by portion.

First the keys of all that belongs are read, which are a few bytes each, then the bodies, a portion at a time and each
by a short statement: however slowly a client reads, no connection waits for it. Within a phase all goes by the key of
the resource, which no update changes; so nothing comes twice and nothing is left out while others write. Only what an
update takes out of the compartment between two pages may come again, as referred to.
Source: https://hl7.org/fhir/R4/patient-operation-everything.html
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import blake2b
from math import inf
from typing import Any, NamedTuple

import asyncpg

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.search.care import clinical_paths
from polyclinic.fhir.search.compartments import members, membership
from polyclinic.fhir.search.values import Span
from polyclinic.repository.connect import again_if_lost, refusing
from polyclinic.repository.history import kept
from polyclinic.repository.keys import identity_of, key_of
from polyclinic.repository.model import Cursor, Kept
from polyclinic.repository.pool import Pool
from polyclinic.repository.seal import Seal

KEYS_AT_ONCE = 20_000
"""Keys read by one statement and held in memory."""
LARGEST_PORTION = 500
"""Bodies read by one statement."""
PORTION_BYTES = 1_000_000
"""What the bodies of a portion may have together; a larger one comes alone."""

EVER = Span(-inf, inf)

_ITSELF, _INSIDE, _REFERRED = 0, 1, 2

# LATERAL with OFFSET 0 keeps the planner from beginning at any other end: statements have one shape, see plan.py.
_MEMBERS = """
with member as materialized (
    select distinct p.resource as key from unnest($1::bigint[]) as k(key)
    cross join lateral (select resource from posting where posting.key = k.key offset 0) p
)"""
_SIZED = (
    "select *, octet_length(body) as size, identity = $2::bigint as itself from resource where body is not null and"
)
_WANTED = "($3::timestamptz is null or r.updated >= $3) and ($4::text[] is null or r.type = any($4))"
_KEYS_INSIDE = f"""{_MEMBERS}, itself as (
    select r.* from ({_SIZED} identity = $2) r where ($5::int, $6::bigint) < ({_ITSELF}, 0) and {_WANTED}
), inside as (
    select r.* from (select key from member where $5 = {_ITSELF} or key > $6 order by key) m
    cross join lateral ({_SIZED} resource.key = m.key offset 0) r
    where not r.itself and {{in_period}} and {_WANTED} order by m.key limit $7
)
select {_ITSELF} as phase, key, size from itself
union all select {_INSIDE}, key, size from inside order by phase, key"""
_KEYS_REFERRED = f"""{_MEMBERS}, target as materialized (
    select distinct l.target from member m
    cross join lateral ({_SIZED} resource.key = m.key offset 0) r
    cross join lateral unnest(r.link_targets) as l(target) where {{in_period}}
), referred as materialized (
    select r.key from target t
    cross join lateral (select key from resource where identity = t.target and body is not null offset 0) r
    where $5::int < {_REFERRED} or r.key > $6::bigint
    except select key from member
)
select {_REFERRED} as phase, r.key, r.size from (select key from referred order by key) f
cross join lateral ({_SIZED} resource.key = f.key offset 0) r where {_WANTED} order by f.key limit $7"""
_IN_PERIOD = """(r.itself or coalesce((
    select bool_or(f.high > $8::float8 and f.low < $9::float8) from span f
    where f.resource = r.key and f.key = any($10::bigint[])
), true))"""
"""Care that reaches into the period; what has no date is never out of it."""
_BODIES = """
select r.type, r.id, r.version, r.updated, r.method, r.body from unnest($1::bigint[]) with ordinality as k(key, place)
cross join lateral (select * from resource where resource.key = k.key and body is not null offset 0) r
order by k.place"""


@dataclass(frozen=True, slots=True)
class Belonging:
    """What is asked for: everything that belongs to the ``type`` (which defines a compartment) of that ``id``.

    Only what was updated at or after ``since`` is told and, unless empty, only ``types``; both apply to what is told,
    not to what is followed. ``period`` are microseconds since 1970: without care inside it nothing is in the
    compartment but what has no clinical date. ``count`` are the most of one page, None for all at once.
    """

    type: str
    id: str
    since: datetime | None = None
    types: tuple[str, ...] = ()
    period: Span = EVER
    count: int | None = None

    @property
    def name(self) -> bytes:
        """What tells this question from others: a position of one must not open another."""
        asked = (self.type, self.id, self.since, sorted(self.types), tuple(self.period))
        return blake2b(repr(asked).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Portion:
    """Some of what belongs: either in the compartment, or ``referred`` to from it."""

    items: tuple[Kept, ...]
    referred: bool


class Position(NamedTuple):
    """The place of one resource: its phase (itself, in the compartment, referred to), and its key."""

    phase: int
    key: int

    def written(self) -> bytes:
        """Return what ``position_in`` reads."""
        return encode([str(part) for part in self])


BEFORE_ALL = Position(_ITSELF, -1)


def position_in(written: bytes) -> Position:
    """Return the position that ``written`` holds."""
    return Position(*map(int, decode(written)))


@dataclass(frozen=True, slots=True)
class Everything:
    """What belongs, to be read once. ``next`` is set if there are more; ``total`` counts the compartment, if known."""

    portions: AsyncIterator[Portion]
    next: Cursor | None = None
    total: int | None = None


class _Found(NamedTuple):
    """The first keys that belong, and whether there are more behind them."""

    rows: list[asyncpg.Record]
    more: bool

    @property
    def end(self) -> Position:
        """The position of the last of them."""
        return Position(*self.rows[-1][:2])

    @property
    def inside(self) -> int:
        """How many of them are in the compartment."""
        return sum(row[0] != _REFERRED for row in self.rows)


async def everything(pool: Pool, seal: Seal, asked: Belonging, cursor: Cursor | None) -> Everything:
    """Return what belongs behind ``cursor``; nothing where the resource itself is not there.

    Raises: ``Unacceptable`` for a cursor of another question.
    """
    after = BEFORE_ALL if cursor is None else position_in(seal.open(cursor, asked.name))
    found = await _keys(pool, asked, after)
    total = None if cursor is not None or found.more else found.inside
    next = seal.close(found.end.written(), asked.name) if asked.count and found.more else None
    return Everything(_portions(pool, asked, found), next, total)


async def _keys(pool: Pool, asked: Belonging, after: Position) -> _Found:
    """Return the keys of what belongs behind ``after``: a page of them, or as many as are held at once."""
    count = asked.count or KEYS_AT_ONCE
    rows: list[asyncpg.Record] = []
    if after.phase < _REFERRED:
        rows = await _fetch(pool, *_statement(_KEYS_INSIDE, asked, after, count + 1))
    if len(rows) <= count:
        rows += await _fetch(pool, *_statement(_KEYS_REFERRED, asked, after, count + 1 - len(rows)))
    return _Found(rows[:count], len(rows) > count)


async def _portions(pool: Pool, asked: Belonging, found: _Found) -> AsyncIterator[Portion]:
    """Yield ``found`` and, unless a page was asked for, what is behind it."""
    while found.rows:
        for phase, listed in _portioned(found.rows):
            items = tuple(map(kept, await _fetch(pool, _BODIES, [listed])))
            if items:
                yield Portion(items, referred=phase == _REFERRED)
        if not found.more or asked.count:
            return
        found = await _keys(pool, asked, found.end)


def _portioned(rows: Sequence[asyncpg.Record]) -> Iterator[tuple[int, list[int]]]:
    """Yield the phase and the keys of each portion."""
    phase, size, listed = _ITSELF, 0, list[int]()
    for row in rows:
        turns = (row[0] == _REFERRED) != (phase == _REFERRED)
        if listed and (turns or len(listed) == LARGEST_PORTION or size + row[2] > PORTION_BYTES):
            yield phase, listed
            size, listed = 0, []
        phase, size = row[0], size + row[2]
        listed.append(row[1])
    if listed:
        yield phase, listed


def _statement(text: str, asked: Belonging, after: Position, limit: int) -> tuple[str, list[Any]]:
    terms = membership(asked.type, asked.id, members(asked.type)).terms
    arguments = [
        list(map(key_of, terms)),
        identity_of(f"{asked.type}/{asked.id}"),
        asked.since,
        list(asked.types) or None,
        *after,
        limit,
    ]
    if asked.period == EVER:
        return text.replace("{in_period}", "true"), arguments
    return text.replace("{in_period}", _IN_PERIOD), [*arguments, *asked.period, list(_clinical_dates())]


@cache
def _clinical_dates() -> tuple[int, ...]:
    """Return the keys of the elements that clinical dates are in."""
    return tuple(map(key_of, clinical_paths()))


async def _fetch(pool: Pool, text: str, arguments: list[Any]) -> list[asyncpg.Record]:
    with refusing():
        return await again_if_lost(lambda: pool.fetch(text, *arguments))
