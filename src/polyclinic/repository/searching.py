"""Searching: how a question becomes pages, whole resources and what they contain alike."""

from hashlib import blake2b
from time import monotonic
from typing import Any

from msgspec import structs

from polyclinic.fhir.search.query import Query
from polyclinic.repository import statements
from polyclinic.repository.connect import Database, again_if_lost
from polyclinic.repository.contained import Containers, Match, merged, place_of, whole
from polyclinic.repository.explained import Explained, explained
from polyclinic.repository.guard import estimated_cost, refuse_costly, refuse_many_containers
from polyclinic.repository.history import kept
from polyclinic.repository.included import Inclusion
from polyclinic.repository.model import Cursor, Page
from polyclinic.repository.order import Position, SortKey, in_column_order, order_of, position_in
from polyclinic.repository.pages import Reading, Shown
from polyclinic.repository.plan import ByHits, CommonTerms, Plan, plan
from polyclinic.repository.pool import Pool
from polyclinic.repository.resolve import Resolver, led_otherwise, settled
from polyclinic.repository.seal import Seal

_COMMON = """
select s.most_common_vals::text::bigint[] as keys, s.most_common_freqs as shares, c.reltuples as rows
from pg_stats s join pg_class c on c.oid = 'posting'::regclass
where s.schemaname = current_schema() and s.tablename = 'posting' and s.attname = 'key'"""
_FORM = 2
"""Form of what a page link seals; a link of another form is refused as foreign."""
_LOOK_AGAIN = 60.0
"""Seconds after which the common terms are asked for again."""


class Searcher:
    """Answers searches by what is known of the terms in use; positions are sealed by ``seal``."""

    def __init__(self, pool: Pool, seal: Seal) -> None:
        self._pool, self._seal = pool, seal
        self._common = CommonTerms()
        self._looked = float("-inf")

    async def counted(self, query: Query) -> int:
        """Return how many resources ``query`` finds. Refuses: ``TooCostly``."""
        inside = 0 if query.contained == "false" else await self._containers(self._pool, query, counted=True).count()
        if query.contained == "true":
            return inside
        chosen = await self._planned(self._pool, query)
        if query.patience is None:
            refuse_costly(chosen, None)
        text, arguments = statements.count(chosen)
        return int(await self._pool.fetchval(text, *arguments)) + inside

    async def found(self, connection: Database, query: Query, cursor: Cursor | None) -> Page:
        """Return one page of what ``query`` finds. Refuses: ``TooCostly``, ``Unacceptable`` for another's cursor."""
        position = self._seal.open(cursor, _name_of(query)) if cursor is not None else None
        if query.contained != "false":
            return await self._found_inside(connection, query, position)
        order = order_of(query)
        after = position_in(position, order) if position is not None else None
        page = await self._page(connection, query, order, after)
        more = self._seal.close(page.next.written(), _name_of(query)) if page.next else None
        beside = page.beside
        included = await Inclusion(connection, page.rows).follow(beside, query.includes) if beside else []
        total = len(page.rows) if cursor is None and more is None else None
        return Page(tuple(map(kept, page.rows)), more, total, tuple(included), page.issues)

    async def _page(
        self, connection: Database, query: Query, order: tuple[SortKey, ...], after: Position | None
    ) -> Shown:
        """Return one page; see ``pages``.

        Few hits are found and answered in the same breath; many are left for the plan to go on otherwise.
        """
        question = await Resolver(connection, self._common).question(query)
        chosen = plan(question, self._common)
        if isinstance(chosen.lead, ByHits):
            found = await Reading(connection, query, chosen, order, after).read()
            if found is not None:
                return found
            chosen = led_otherwise(chosen, chosen.lead)
        chosen, order = in_column_order(chosen, order)
        if query.patience is None:
            refuse_costly(chosen, order)
        page = await Reading(connection, query, chosen, order, after).read()
        assert page is not None  # it goes by no hits
        return page

    async def _found_inside(self, connection: Database, query: Query, position: bytes | None) -> Page:
        """Return one page of what is found inside other resources, or both inside them and by itself."""
        after = place_of(position, query) if position is not None else None
        alone: list[Match] = []
        if query.contained == "both":
            behind = Position(None, after[:2]) if after else None
            one_more = structs.replace(query, count=query.count + 1)
            page = await self._page(connection, one_more, order_of(query), behind)
            alone = list(map(whole, page.rows))
        found = merged(query, alone, await self._containers(connection, query).first(query.count + 1, after))
        shown = found[: query.count]
        more = self._seal.close(shown[-1].place.written(), _name_of(query)) if len(found) > len(shown) > 0 else None
        total = len(shown) if position is None and more is None else None
        return Page(tuple(match.kept for match in shown), more, total)

    def _containers(self, connection: Database, query: Query, *, counted: bool = False) -> Containers:
        """Return what may contain an answer. Refuses: ``TooCostly`` where very many may have to be looked into."""
        containers = Containers(connection, query, self._common)
        if query.patience is None and (counted or query.clauses):
            refuse_many_containers(containers.plan)
        return containers

    async def _planned(self, connection: Database, query: Query) -> Plan:
        question = await Resolver(connection, self._common).question(query)
        return await settled(connection, plan(question, self._common))

    async def look_at_statistics(self) -> None:
        """Learn which terms are common, as the last ANALYZE saw it."""
        if monotonic() - self._looked < _LOOK_AGAIN:
            return
        self._looked = monotonic()
        row = await again_if_lost(lambda: self._pool.fetchrow(_COMMON))
        if row and row["keys"]:
            shares: Any = zip(row["keys"], row["shares"], strict=True)
            self._common = CommonTerms({key: share * row["rows"] for key, share in shares})

    async def explained(self, query: Query) -> Explained:
        """Return how the first page of ``query`` is answered, and what PostgreSQL makes of it."""
        chosen, order = in_column_order(await self._planned(self._pool, query), order_of(query))
        found = len((await self.found(self._pool, query, None)).items)
        statement = statements.page(chosen, order, limit=query.count + 1)
        cost = estimated_cost(chosen, order)
        return await explained(self._pool, chosen, statement, cost=cost, found=found)


def _name_of(query: Query) -> bytes:
    """Return what tells ``query`` from others: a position of one must not open another."""
    asked = [pair for pair in query.used if pair[0] != "_count"]
    return blake2b(repr((_FORM, query.types, asked)).encode(), digest_size=16).digest()
