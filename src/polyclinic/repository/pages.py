"""Pages: what a page of a search shows, so that pages neither repeat nor skip what changes between them.

Every resource keeps the place where it stood when the first page was answered (``Position.seen``), and is shown there
as it is now, if it still belongs to the answers. What did not change since lies at its place in the index; what did is
left out there and placed by its version of then, which is in the archive (docs/decisions/0017). What was made since may
come, at its first place. What a chain or ``_has`` finds is asked anew for each page: a change at the far end of a
reference counts from the next page on.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from polyclinic.fhir.outcome import Issue
from polyclinic.fhir.search.query import Query
from polyclinic.repository import changed, statements
from polyclinic.repository.changed import MOST_CHANGED
from polyclinic.repository.connect import Database
from polyclinic.repository.included import Rows, brought, divided, with_included
from polyclinic.repository.order import Position, SortKey, is_missing, without_value
from polyclinic.repository.places import Place, in_order, is_behind, place_of
from polyclinic.repository.plan import ByHits, ByValue, Plan
from polyclinic.repository.resolve import are_few

_UNSURE = Issue(
    "incomplete",
    f"more than {MOST_CHANGED} changes were made to such resources since the first page was read: this page may repeat "
    "some that were shown before, and lack some; begin with the first page again to be sure",
    severity="warning",
)


class Shown(Struct, frozen=True):
    """One page: rows that begin with the columns of ``Kept`` and end with the key; where to go on if there are more.

    ``beside`` are the rows of what comes along with them.
    """

    rows: Rows
    beside: Rows
    next: Position | None
    issues: tuple[Issue, ...] = ()


class _Unmoved(Struct, frozen=True):
    """What the index has in order, without what changed since ``seen``; ``changes`` is how much that was."""

    rows: Rows
    beside: Rows
    seen: str | None
    changes: int


class Reading(Struct, frozen=True):
    """A page of the answers to ``query`` being read, by ``plan`` in ``order``, behind ``after``."""

    connection: Database
    query: Query
    plan: Plan
    order: tuple[SortKey, ...]
    after: Position | None

    async def read(self) -> Shown | None:
        """Return the page; None where the plan goes by hits, and these are too many."""
        found = await self.unmoved()
        lead, types = self.plan.lead, self.plan.question.types
        if not found.rows and isinstance(lead, ByHits) and not await are_few(self.connection, lead, types):
            return None
        if found.seen is None or not found.changes:
            shown, more = found.rows[: self.query.count], len(found.rows) > self.query.count > 0
            last = shown[-1][statements.PLACE :] if more else ()
            return Shown(shown, found.beside, Position(found.seen, last) if more else None)
        return await self._with_moved(found, found.seen)

    async def unmoved(self) -> _Unmoved:
        """Return up to one more than a page shows.

        What the first statement of a first page saw is what the search saw.
        """
        seen, changes = self.after.seen if self.after else None, 0
        rows: Rows = []
        beside: Rows = []
        for plan, order, values in self._parts():
            limit = self.query.count + 1 - len(rows)
            found, along = await self._fetched(
                statements.page(plan, order, after=values, seen=seen, limit=limit), limit
            )
            if seen is not None:
                changes = max(changes, found[0]["told"] if found else await _changes(self.connection, plan, seen))
            elif found:
                seen = found[0]["told"]
            rows, beside = rows + found, beside + along
            if len(found) == limit:
                break
        return _Unmoved(rows, beside, seen, changes)

    async def _fetched(self, statement: tuple[str, list[Any]], limit: int) -> tuple[Rows, Rows]:
        """Return the rows of ``statement``, and those of what comes along with those of them that are shown."""
        if not self.query.includes:
            return await self.connection.fetch(statement[0], *statement[1]), []
        text, arguments = with_included(statement, self.query.includes, count=limit - 1, sorts=len(self.order))
        return divided(await self.connection.fetch(text, *arguments))

    def _parts(self) -> Iterator[tuple[Plan, tuple[SortKey, ...], Place | None]]:
        """Yield what is read in turn, and behind what: led by values, first what has one, then what has none."""
        values = self.after.values if self.after else None
        if not isinstance(self.plan.lead, ByValue):
            yield self.plan, self.order, values
            return
        ended = values is not None and is_missing(values, self.order)
        if not ended:
            yield self.plan, self.order, values
        yield *without_value(self.plan, self.order), values if ended else None

    async def _with_moved(self, found: _Unmoved, seen: str) -> Shown:
        """Return the page of what is ``found`` and of what changed since ``seen``, each at its place."""
        text, arguments = changed.moved(self.plan, self.order, seen)
        answers = {row[-1]: (row[statements.PLACE :], row) for row in found.rows}
        for row in await self.connection.fetch(text, *arguments):
            place = place_of(row, self.order, self.query.vocabulary)
            if self.after is None or is_behind(place, self.after.values, self.order):
                answers.setdefault(row[-1], (place, row))  # what changed between the two statements is in both
        placed = in_order(list(answers.values()), self.order)
        shown = [row for _, row in placed[: self.query.count]]
        includes = self.query.includes
        beside = await brought(self.connection, shown, [row[-1] for row in shown], includes) if includes else []
        following = Position(seen, placed[len(shown) - 1][0]) if len(placed) > len(shown) > 0 else None
        return Shown(shown, beside, following, (_UNSURE,) if found.changes > MOST_CHANGED else ())


async def _changes(connection: Database, plan: Plan, seen: str) -> int:
    text, arguments = changed.count(plan, seen)
    return int(await connection.fetchval(text, *arguments))
