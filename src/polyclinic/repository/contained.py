"""Contained: finding resources inside others. The index tells what contains any of a type, in order; what is asked of
those inside is judged here.

Source: https://hl7.org/fhir/R4/search.html#contained
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, NamedTuple

import asyncpg

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.search.matching import Candidate, candidate, holds, inside
from polyclinic.fhir.search.query import Query
from polyclinic.fhir.search.terms import contained_term
from polyclinic.repository import statements
from polyclinic.repository.connect import Database
from polyclinic.repository.history import kept
from polyclinic.repository.keys import key_of
from polyclinic.repository.model import Kept
from polyclinic.repository.order import order_of, plain, values_of
from polyclinic.repository.plan import ByKeys, CommonTerms, Plan, Question

FIRST, MOST = 100, 3200
"""Containers that are read at once: few at first, as most pages need no more, then twice as many each time."""
WHOLE = -1
"""The place of a resource that is found by itself, or stands for what it contains."""
_AT_A_STRETCH = 20
"""Containers that are judged before other requests get their turn."""


class Place(NamedTuple):
    """Where a search is: at a resource with this sort value and key, behind its contained one at ``inside``."""

    value: Any
    key: int
    inside: int

    def written(self) -> bytes:
        """Return the position, for ``place_of``."""
        return encode(plain(self))


def place_of(position: bytes, query: Query) -> Place:
    """Return what ``Place.written`` made of a place in the answers to ``query``."""
    *behind, inside = decode(position)
    value, key = values_of(behind, order_of(query))
    return Place(value, key, int(inside))


class Match(NamedTuple):
    """One answer and its place."""

    place: Place
    kept: Kept


def whole(row: asyncpg.Record) -> Match:
    """Return the resource in ``row``, one of ``statements.page``, as an answer."""
    return Match(Place(row[statements.PLACE], row[-1], WHOLE), kept(row))


def merged(query: Query, *parts: Sequence[Match]) -> list[Match]:
    """Return the answers of ``parts``, each in order and resources before what they contain, in one order."""
    descending = order_of(query)[0].descending
    return sorted((match for part in parts for match in part), key=_resource_of, reverse=descending)


def _resource_of(match: Match) -> tuple[Any, int]:
    return match.place.value, match.place.key


class Containers:
    """What contains a resource that ``query`` finds; ``plan`` is how candidates are read."""

    def __init__(self, connection: Database, query: Query, common: CommonTerms) -> None:
        self._connection, self._query, self._order = connection, query, order_of(query)
        keys = tuple(key_of(contained_term(type)) for type in query.types)
        self.plan = Plan(Question(()), ByKeys(keys), estimate=common.estimate(keys))

    async def first(self, limit: int, after: Place | None) -> list[Match]:
        """Return the first ``limit`` answers behind ``after``, in order."""
        found: list[Match] = []
        async for match in self._matches(after):
            found.append(match)
            if len(found) == limit:
                break
        return found

    async def count(self) -> int:
        """Return how many answers there are."""
        found = 0
        async for _ in self._matches(None):
            found += 1
        return found

    async def _matches(self, after: Place | None) -> AsyncIterator[Match]:
        number = 0
        async for row in self._rows(after):
            for match in self._found_in(row):
                if after is None or match.place.key != after.key or match.place.inside > after.inside:
                    yield match
            number += 1
            if number % _AT_A_STRETCH == 0:
                await asyncio.sleep(0)

    async def _rows(self, after: Place | None) -> AsyncIterator[asyncpg.Record]:
        """Yield the containers of any of the types in order, from the one at ``after`` on."""
        step = 1 if self._order[0].descending else -1
        behind = [after.value, after.key + step] if after is not None else None
        size = FIRST
        while True:
            text, arguments = statements.page(self.plan, self._order, after=behind, limit=size)
            rows = await self._connection.fetch(text, *arguments)
            for row in rows:
                yield row
            if len(rows) < size:
                return
            behind, size = list(rows[-1][statements.PLACE :]), min(2 * size, MOST)

    def _found_in(self, row: asyncpg.Record) -> Iterator[Match]:
        """Yield the answers that the container in ``row`` gives, in order."""
        query, container = self._query, decode(row["body"])
        vocabulary, contained = query.vocabulary, enumerate(container.get("contained", ()))
        found = [(number, one) for number, one in contained if self._is_found(inside(one, vocabulary))]
        if query.contained_type == "contained":
            for number, one in found:
                yield Match(Place(row[statements.PLACE], row[-1], number), _kept_inside(kept(row), one))
        elif found and not (query.contained == "both" and self._is_found(candidate(container, vocabulary))):
            yield whole(row)

    def _is_found(self, candidate: Candidate) -> bool:
        return candidate.resource["resourceType"] in self._query.types and holds(self._query.clauses, candidate)


def _kept_inside(container: Kept, resource: dict[str, Any]) -> Kept:
    """Return ``resource``, which ``container`` contains, as of the address ``Type/id#id``."""
    return container._replace(id=f"{container.id}#{resource.get('id', '')}", body=encode(resource))
