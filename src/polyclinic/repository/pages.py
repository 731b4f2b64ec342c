"""Pages: what a page of a search shows, so that pages neither repeat nor skip what changes between them.

Every resource keeps the place where it stood when the first page was answered (``Position.seen``), and is shown there
as it is now, if it still belongs to the answers. What did not change since lies at its place in the index; what did is
left out there and placed by its version of then, which is in the archive (docs/decisions/0017). What was made since may
come, at its first place. What a chain or ``_has`` finds is asked anew for each page: a change at the far end of a
reference counts from the next page on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import asyncpg

from polyclinic.fhir.outcome import Issue
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository import statements
from polyclinic.repository.changed import MOST_CHANGED, moved
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
class Stretch:
    """Answers in order, as rows that begin with the columns of ``Kept`` and end with the key.

    ``places`` are where they stand in a search whose first page saw ``seen``.
    """

    rows: list[asyncpg.Record]
    places: list[Place]
    seen: str
    issues: tuple[Issue, ...] = ()

    def position(self, number: int) -> Position:
        """Return the position behind the row of that ``number``."""
        return Position(self.seen, self.places[number])

    def first(self, number: int) -> "Stretch":
        """Return the first ``number`` of its answers."""
        return replace(self, rows=self.rows[:number], places=self.places[:number])


async def read(
    connection: Database,
    chosen: Plan,
    order: tuple[SortKey, ...],
    *,
    after: Position | None,
    limit: int,
    vocabulary: Vocabulary,
) -> Stretch:
    """Return up to ``limit`` answers behind ``after``, to a question that was understood by ``vocabulary``."""
    rows: list[asyncpg.Record] = []
    seen, changes = after.seen if after else None, 0
    for part, part_order, values in _parts(chosen, order, after):
        text, arguments = statements.page(part, part_order, after=values, seen=seen, limit=limit - len(rows))
        found = await connection.fetch(text, *arguments)
        if seen is None:
            seen = found[0]["told"]
        else:
            changes = max(changes, found[0]["told"])
        rows += found if found[0]["type"] is not None else []
        if len(rows) == limit:
            break
    assert seen is not None  # there is one part at least
    issues = (_UNSURE,) if changes > MOST_CHANGED else ()
    stretch = Stretch(rows, [row[_PLACE:] for row in rows], seen, issues)
    if not changes:
        return stretch
    text, arguments = moved(chosen, order, seen)
    others = await connection.fetch(text, *arguments)
    placed = [place_of(row, order, vocabulary) for row in others]
    return _together(stretch, others, placed, order=order, after=after).first(limit)


def _parts(
    chosen: Plan, order: tuple[SortKey, ...], after: Position | None
) -> Iterator[tuple[Plan, tuple[SortKey, ...], Place | None]]:
    """Yield what is read in turn, and behind what: led by values, first what has one, then what has none."""
    values = after.values if after else None
    if not isinstance(chosen.lead, ByValue):
        yield chosen, order, values
        return
    ended = values is not None and is_missing(values, order)
    if not ended:
        yield chosen, order, values
    yield *without_value(chosen, order), values if ended else None


def _together(
    stretch: Stretch,
    others: list[asyncpg.Record],
    placed: list[Place],
    *,
    order: tuple[SortKey, ...],
    after: Position | None,
) -> Stretch:
    """Return ``stretch`` with ``others`` at their places, as far as these are behind ``after``."""
    rows, places = list(stretch.rows), list(stretch.places)
    known = {row[-1] for row in rows}  # what changed between the two statements is in both
    for row, place in zip(others, placed, strict=True):
        if row[-1] not in known and (after is None or is_behind(place, after.values, order)):
            rows.append(row)
            places.append(place)
    numbers = in_order(places, order)
    return replace(stretch, rows=[rows[number] for number in numbers], places=[places[number] for number in numbers])
