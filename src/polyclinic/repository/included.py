"""Included: the resources that come along with those that a search found, round by round.

The first round is part of the statement that answers the page. Source: https://hl7.org/fhir/R4/search.html#revinclude
"""

from collections.abc import Iterable, Sequence
from typing import Any

import asyncpg

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.includes import Include
from polyclinic.repository.conditions import Statement
from polyclinic.repository.connect import Database
from polyclinic.repository.history import kept
from polyclinic.repository.keys import link_key
from polyclinic.repository.model import Kept

MOST_INCLUDED = 10_000
"""Resources that may come along with one page."""

Rows = list[asyncpg.Record]

_COLUMNS = "r.type, r.id, r.version, r.updated, r.method, r.body"
_OF_TYPE = "(w.type = '' or w.type = t.type)"
_REFERRED_TO = """
select t.key from o join resource s on s.key = o.key
cross join lateral unnest(s.link_paths, s.link_targets) as l(path, target) {wanted}
join resource t on t.identity = l.target
where t.body is not null and {of_type} and t.key not in (select key from known)"""
_REFERRING = """
select p.resource from o join resource s on s.key = o.key cross join {wanted}
join posting p on p.key = w.path # s.identity
where (w.type = '' or w.type = s.type) and p.resource not in (select key from known)"""


def with_included(
    page: tuple[str, list[Any]], includes: Sequence[Include], *, count: int, sorts: int
) -> tuple[str, list[Any]]:
    """Return the statement that answers ``page`` and then what its first ``count`` rows bring along.

    What comes along has nothing ``told`` and no sort values, of which there are so many as ``sorts`` says; see
    ``divided``. PostgreSQL
    answers the parts of a UNION ALL one after the other, and what it has materialized never in parallel.
    """
    text, arguments = page
    statement = Statement(arguments)
    shown = f"select resource from p limit ${statement.add(count)}"
    return (
        f"with p as materialized ({text}), o(key) as materialized ({shown}), known as (select key from o) "
        f"select * from p union all {_brought(statement, includes, 1 + sorts)}"
    ), arguments


def divided(rows: Rows) -> tuple[Rows, Rows]:
    """Return the rows of a page, and those of what comes along with them."""
    return [row for row in rows if row[6] is not None], [row for row in rows if row[6] is None]


async def brought(connection: Database, found: Rows, known: Iterable[int], includes: Sequence[Include]) -> Rows:
    """Return the rows of what ``found`` bring along by ``includes``, without those of the keys ``known``."""
    statement = Statement()
    sources, others = statement.add([row[-1] for row in found]), statement.add(list(known))
    text = (
        f"with o(key) as materialized (select unnest(${sources}::bigint[])), "
        f"known(key) as (select unnest(${others}::bigint[])) {_brought(statement, includes)}"
    )
    return await connection.fetch(text, *statement.arguments)


class Inclusion:
    """Gathers what is included. ``found`` are the rows of a page: those of ``Kept``, the resource's key last."""

    def __init__(self, connection: Database, found: Rows) -> None:
        self._connection = connection
        self._known = {row[-1] for row in found}
        self._latest: Rows = []
        self._included: list[Kept] = []

    async def follow(self, beside: Rows, includes: Sequence[Include]) -> list[Kept]:
        """Return what came ``beside`` the page, and what ``includes`` ask for where they iterate, again and again.

        Refuses: ``TooCostly`` where that is more than ``MOST_INCLUDED``.
        """
        self._take(beside)
        again = [each for each in includes if each.iterate]
        while again and self._latest:
            self._take(await brought(self._connection, self._latest, self._known, again))
        return self._included

    def _take(self, rows: Rows) -> None:
        self._latest = []
        for row in rows:
            if row[-1] not in self._known:
                self._known.add(row[-1])
                self._latest.append(row)
        self._included += map(kept, self._latest)
        if len(self._included) > MOST_INCLUDED:
            raise TooCostly(
                f"more than {MOST_INCLUDED} resources would come along with this page; include less or set _count",
                at="_include",
            )


def _brought(statement: Statement, includes: Sequence[Include], empty: int = 0) -> str:
    """Return the SQL that answers what ``includes`` ask for, with so many ``empty`` columns before the key.

    It starts from the relation ``o(key)`` and leaves out what is in ``known(key)``.
    """
    forward = [each for each in includes if not each.reverse]
    reverse = [each for each in includes if each.reverse]
    selects = []
    if any(each.paths is None for each in forward):
        selects.append(_REFERRED_TO.format(wanted="", of_type="true"))
    elif forward:
        wanted = f"join {_asked(statement, forward)} on w.path = l.path"
        selects.append(_REFERRED_TO.format(wanted=wanted, of_type=_OF_TYPE))
    if reverse:
        selects.append(_REFERRING.format(wanted=_asked(statement, reverse)))
    found = f"select distinct key from ({' union all '.join(selects)}) a(key) limit {MOST_INCLUDED + 1}"
    return f"select {_COLUMNS}, {'null, ' * empty}r.key from ({found}) i join resource r on r.key = i.key"


def _asked(statement: Statement, includes: Iterable[Include]) -> str:
    """Return the link keys of the references to follow, and beside each the type it leads to, if any, as ``w``."""
    pairs = dict.fromkeys((link_key(path), each.target or "") for each in includes for path in each.paths or ())
    paths, types = statement.add([path for path, _ in pairs]), statement.add([type for _, type in pairs])
    return f"unnest(${paths}::bigint[], ${types}::text[]) as w(path, type)"
