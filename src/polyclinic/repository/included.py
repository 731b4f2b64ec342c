"""Included: the resources that come along with those that a search found, round by round.

Source: https://hl7.org/fhir/R4/search.html#revinclude
"""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.includes import Include
from polyclinic.repository.connect import Database
from polyclinic.repository.history import kept
from polyclinic.repository.keys import identity_of, link_key
from polyclinic.repository.model import Kept

MOST_INCLUDED = 10_000
"""Resources that may come along with one page."""

_COLUMNS = "select r.type, r.id, r.version, r.updated, r.method, r.body, r.key"
_REFERRED_TO = f"""{_COLUMNS} from (
    select distinct t.key from resource o
    cross join lateral unnest(o.link_paths, o.link_targets) as l(path, target)
    join resource t on t.identity = l.target
    where o.key = any($1::bigint[]) and t.body is not null and t.key <> all($2::bigint[]) and (
        $5::boolean or exists (
            select from unnest($3::bigint[], $4::text[]) as w(path, type)
            where w.path = l.path and (w.type = '' or w.type = t.type)))
) f join resource r on r.key = f.key limit {MOST_INCLUDED + 1}"""
_REFERRING = f"""{_COLUMNS} from (
    select distinct p.resource as key from unnest($1::bigint[], $2::text[]) as i(identity, type)
    cross join unnest($4::bigint[], $5::text[]) as w(path, type)
    join posting p on p.key = w.path # i.identity
    where (w.type = '' or w.type = i.type) and p.resource <> all($3::bigint[]) limit {MOST_INCLUDED + 1}
) f join resource r on r.key = f.key"""


class Inclusion:
    """Gathers what is included. ``found`` are the rows of a page: those of ``Kept``, the resource's key last."""

    def __init__(self, connection: Database, found: Sequence[asyncpg.Record]) -> None:
        self._connection = connection
        self._known = {row[-1] for row in found}
        self._latest = list(found)
        self._included: list[Kept] = []

    async def follow(self, includes: Sequence[Include]) -> list[Kept]:
        """Return what ``includes`` ask for, again and again where they iterate.

        Refuses: ``TooCostly`` where that is more than ``MOST_INCLUDED``.
        """
        while includes and self._latest:
            sources, self._latest = self._latest, []
            await self._referred_to(sources, [each for each in includes if not each.reverse])
            await self._referring(sources, [each for each in includes if each.reverse])
            includes = [each for each in includes if each.iterate]
        return self._included

    async def _referred_to(self, sources: Sequence[asyncpg.Record], includes: Sequence[Include]) -> None:
        if includes:
            everything = any(each.paths is None for each in includes)
            keys = [row[-1] for row in sources]
            self._take(
                await self._connection.fetch(_REFERRED_TO, keys, list(self._known), *_wanted(includes), everything)
            )

    async def _referring(self, sources: Sequence[asyncpg.Record], includes: Sequence[Include]) -> None:
        if includes:
            identities = [identity_of(f"{row[0]}/{row[1]}") for row in sources]
            types, known = [row[0] for row in sources], list(self._known)
            self._take(await self._connection.fetch(_REFERRING, identities, types, known, *_wanted(includes)))

    def _take(self, rows: Iterable[asyncpg.Record]) -> None:
        self._latest += rows
        self._known.update(row[-1] for row in rows)
        self._included += map(kept, rows)
        if len(self._included) > MOST_INCLUDED:
            raise TooCostly(
                f"more than {MOST_INCLUDED} resources would come along with this page; include less or set _count",
                at="_include",
            )


def _wanted(includes: Iterable[Include]) -> tuple[list[Any], list[Any]]:
    """Return the link keys of the references to follow, and beside each the type it has to lead to, if any."""
    pairs = dict.fromkeys((link_key(path), each.target or "") for each in includes for path in each.paths or ())
    return [path for path, _ in pairs], [type for _, type in pairs]
