"""Pages: what a page of a search shows, so that pages neither repeat nor skip what changes between them.

Every resource keeps the place where it stood when the first page was answered (``Position.seen``), and is shown there
as it is now, if it still belongs to the answers. What did not change since lies at its place in the index; what did is
left out there and placed by its version of then, which is in the archive (docs/decisions/0017). What was made since may
come, at its first place. What a chain or ``_has`` finds is asked anew for each page: a change at the far end of a
reference counts from the next page on.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import asyncpg

from polyclinic.fhir.outcome import Issue
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository import changed, statements
from polyclinic.repository.changed import MOST_CHANGED
from polyclinic.repository.connect import Database
from polyclinic.repository.order import Position, SortKey, is_missing, without_value
from polyclinic.repository.places import Place, in_order, is_behind, place_of
from polyclinic.repository.plan import ByValue, Plan

_UNSURE = Issue(
    "incomplete",
    f"more than {MOST_CHANGED} changes were made to such resources since the first page was read: this page may repeat "
    "some that were shown before, and lack some; begin with the first page again to be sure",
    severity="warning",
)
_PLACE = 7
"""Column of a page's rows at which the place begins."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One page: rows that begin with the columns of ``Kept`` and end with the key; where to go on if there are more."""

    rows: list[asyncpg.Record]
    next: Position | None
    issues: tuple[Issue, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page is read of: the plan, its order, what the question was understood by, and how many a page shows."""

    plan: Plan
    order: tuple[SortKey, ...]
    vocabulary: Vocabulary
    count: int


@dataclass(frozen=True, slots=True)
class _Unmoved:
    """What the index has in order, without what changed since ``seen``; ``changes`` is how much that was."""

    rows: list[asyncpg.Record]
    seen: str | None
    changes: int


async def read(connection: Database, asked: Asked, after: Position | None) -> Shown:
    """Return the page behind ``after``."""
    found = await _unmoved(connection, asked, after)
    if found.seen is None or not found.changes:
        rows, places = found.rows, None
    else:
        text, arguments = changed.moved(asked.plan, asked.order, found.seen)
        rows, places = _together(asked, found.rows, await connection.fetch(text, *arguments), after)
    shown = rows[: asked.count]
    position = None
    if found.seen is not None and len(rows) > len(shown) > 0:
        last = len(shown) - 1
        position = Position(found.seen, places[last] if places else rows[last][_PLACE:])
    return Shown(shown, position, (_UNSURE,) if found.changes > MOST_CHANGED else ())


async def _unmoved(connection: Database, asked: Asked, after: Position | None) -> _Unmoved:
    """Return up to one more than a page shows; what the first statement of a first page saw is what the search saw."""
    rows: list[asyncpg.Record] = []
    seen, changes = after.seen if after else None, 0
    for plan, order, values in _parts(asked, after):
        limit = asked.count + 1 - len(rows)
        text, arguments = statements.page(plan, order, after=values, seen=seen, limit=limit)
        found = await connection.fetch(text, *arguments)
        if seen is not None:
            changes = max(changes, found[0]["told"] if found else await _changes(connection, plan, seen))
        elif found:
            seen = found[0]["told"]
        rows += found
        if len(found) == limit:
            break
    return _Unmoved(rows, seen, changes)


async def _changes(connection: Database, plan: Plan, seen: str) -> int:
    text, arguments = changed.count(plan, seen)
    return int(await connection.fetchval(text, *arguments))


def _parts(asked: Asked, after: Position | None) -> Iterator[tuple[Plan, tuple[SortKey, ...], Place | None]]:
    """Yield what is read in turn, and behind what: led by values, first what has one, then what has none."""
    values = after.values if after else None
    if not isinstance(asked.plan.lead, ByValue):
        yield asked.plan, asked.order, values
        return
    ended = values is not None and is_missing(values, asked.order)
    if not ended:
        yield asked.plan, asked.order, values
    yield *without_value(asked.plan, asked.order), values if ended else None


def _together(
    asked: Asked, unmoved: list[asyncpg.Record], others: list[asyncpg.Record], after: Position | None
) -> tuple[list[asyncpg.Record], list[Place]]:
    """Return all rows in order, as far as they are behind ``after``, and their places."""
    rows, places = list(unmoved), [row[_PLACE:] for row in unmoved]
    known = {row[-1] for row in unmoved}  # what changed between the two statements is in both
    for row in others:
        place = place_of(row, asked.order, asked.vocabulary)
        if row[-1] not in known and (after is None or is_behind(place, after.values, asked.order)):
            rows.append(row)
            places.append(place)
    numbers = in_order(places, asked.order)
    return [rows[number] for number in numbers], [places[number] for number in numbers]
