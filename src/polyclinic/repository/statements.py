"""Statements: a plan written as SQL."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from polyclinic.fhir.search.clauses import Near, Spans, Texts, Updated
from polyclinic.repository.changed import changed
from polyclinic.repository.conditions import (
    Statement,
    latitudes,
    span_range,
    text_range,
    updated,
    valued,
)
from polyclinic.repository.dates import where
from polyclinic.repository.keys import key_of
from polyclinic.repository.order import NEVER, VALUES, SortKey, is_index_order
from polyclinic.repository.plan import (
    FEW,
    MANY_KEYS,
    ByColumn,
    ByHits,
    ByIdentities,
    ByIds,
    ByKeys,
    ByResources,
    ByValue,
    Plan,
)
from polyclinic.repository.rows import NO_DATE

_ANSWERED = "c.type, c.id, c.version, c.updated, c.method, c.body, "
PLACE = 7
"""The column of a page at which the sort values begin."""
READ_IN_TURN = 8
"""Keys up to which each has a source of its own in the statement; more are read in a loop."""


class Lead(Struct, frozen=True):
    """The relations that candidates ``c(at, resource)`` come from, each with a condition already.

    Where a candidate may come several times the lead is not ``distinct``. A ``looped`` lead is a template of one
    key's source, read in order for each of the keys. Candidates of a ``whole`` lead have all that is answered of a
    resource; ``before`` are the common table expressions that the statement begins with.
    """

    sources: tuple[str, ...]
    distinct: bool = True
    looped: int | None = None
    whole: bool = False
    before: tuple[str, ...] = ()


def page(
    plan: Plan, order: Sequence[SortKey], *, after: Sequence[Any] | None = None, seen: str | None = None, limit: int
) -> tuple[str, list[Any]]:
    """Return the statement that answers ``limit`` resources in ``order``, behind the sort values and key ``after``.

    Without those of the relation ``changed`` since ``seen``, if that is given.
    Columns: type, id, version, updated, method, body; ``told``: the snapshot that this saw, or how much ``changed``
    has; then the sort values and the key. Led by hits it answers nothing where these are more than ``FEW``.
    """
    statement = Statement()
    told, but, before = "(select pg_current_snapshot()::text) as told", "", list[str]()
    if seen is not None:
        before.append(changed(statement, plan.question.types, seen))
        told = "(select count(*) from changed) as told"
        but = " and c.resource not in (select resource from changed)"
    lead = _lead(statement, plan, in_order=is_index_order(order))
    holds, size = where(statement, plan), statement.add(limit)
    names = [f"s{number}" for number in range(len(order))]
    ordering = _ordering(order, names)
    stretches = _stretches(statement, order)
    at_once = lead.whole and len(stretches) == 1
    selects = []
    for sorts, stretch in stretches:
        behind = f" and {_behind(statement, order, sorts, after)}" if after is not None else ""
        columns = ", ".join(f"{sort} as {name}" for sort, name in zip(sorts, names, strict=True))
        answered = f"{_ANSWERED}{told}, " if at_once else ""
        select = f"select {'' if lead.distinct else 'distinct '}{answered}{columns}, c.resource"
        rest = f"and {holds}{but}{stretch}{behind} order by {ordering} limit ${size}"
        selects += [f"{select} from {source} {rest}" for source in lead.sources]
    text = selects[0] if at_once else _looked_up(lead, selects, order, told, size)
    begin = ", ".join([*before, *lead.before])
    return f"with {begin} {text}" if begin else text, statement.arguments


def _looked_up(lead: Lead, selects: list[str], order: Sequence[SortKey], told: str, size: int) -> str:
    """Return the SQL that looks up the resources whose keys any of ``selects`` finds."""
    names = [f"s{number}" for number in range(len(order))]
    if lead.looped is not None:
        loop = f"select distinct g.* from unnest(${lead.looped}::bigint[]) as k(key) cross join lateral"
        selects = [f"{loop} ({select}) g" for select in selects]
    found = selects[0]
    if len(selects) > 1 or lead.looped is not None:
        union = " union ".join(f"({select})" for select in selects)
        found = f"select * from ({union}) u order by {_ordering(order, names)} limit ${size}"
    of_found = [f"f.{name}" for name in names]
    return (
        f"select r.type, r.id, r.version, r.updated, r.method, r.body, {told}, {', '.join(of_found)}, f.resource "
        f"from ({found}) f join resource r on r.key = f.resource "
        f"order by {_ordering(order, of_found, 'f.resource')}"
    )


def _stretches(statement: Statement, order: Sequence[SortKey]) -> list[tuple[list[str], str]]:
    """Return the sort expressions, and a condition beside them, of each stretch that is read in order.

    The earliest first: those without a clinical date lie at the beginning of the index and come last, so they are a
    stretch of their own.
    """
    if is_index_order(order) and not order[0].descending:
        return [(["c.at"], f" and c.at > {NO_DATE}"), ([f"{NEVER}::bigint"], f" and c.at = {NO_DATE}")]
    return [([key.sql(statement.add) for key in order], "")]


def count(plan: Plan) -> tuple[str, list[Any]]:
    """Return the statement that counts what ``plan`` finds."""
    statement = Statement()
    lead = _lead(statement, plan, in_order=False)
    counted = "count(*)" if lead.distinct else "count(distinct c.resource)"
    return f"select {counted} from {lead.sources[0]} and {where(statement, plan)}", statement.arguments


def identities(plan: Plan) -> tuple[str, list[Any]]:
    """Return the statement that lists the identities of what ``plan`` finds, and one more than ``FEW`` at most."""
    statement = Statement()
    found = _unordered(statement, plan)
    return f"select f.identity from ({found}) c join resource f on f.key = c.resource", statement.arguments


def targets(plan: Plan, paths: Sequence[int]) -> tuple[str, list[Any]]:
    """Return the statement that lists what the resources that ``plan`` finds refer to by any of ``paths``.

    One row: how many resources were ``looked_at``, one more than ``FEW`` at most, and their ``targets``.
    """
    statement = Statement()
    found, wanted = _unordered(statement, plan), statement.add(list(paths))
    return (
        f"with c as materialized ({found}) select (select count(*) from c) as looked_at, array("
        f"select distinct l.target from c join resource f on f.key = c.resource "
        f"cross join lateral unnest(f.link_paths, f.link_targets) as l(path, target) "
        f"where l.path = any(${wanted}::bigint[])) as targets"
    ), statement.arguments


def _unordered(statement: Statement, plan: Plan) -> str:
    lead = _lead(statement, plan, in_order=False)
    distinct = "" if lead.distinct else "distinct "
    return f"select {distinct}c.resource from {lead.sources[0]} and {where(statement, plan)} limit {FEW + 1}"


def hits(clause: Spans | Texts | Updated | Near, types: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the statement that lists the keys of what matches ``clause``, and one more than ``FEW`` at most.

    A resource may have several values that match: where so many were read that others may be left, all are listed.
    """
    statement = Statement()
    return _hits(statement, clause, types), statement.arguments


def hits_counted(clause: Spans | Texts | Updated | Near, types: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the statement that counts what matches ``clause``, up to one more than ``FEW``."""
    statement = Statement()
    return f"select count(*) from ({_hits(statement, clause, types)}) n", statement.arguments


def _hits(statement: Statement, clause: Spans | Texts | Updated | Near, types: Sequence[str]) -> str:
    match clause:
        case Updated():
            table = f"select key as resource from resource f where f.type = any(${statement.add(list(types))}::text[])"
            sources = [f"{table} and f.body is not null and {updated(statement, clause)}"]
        case Texts(_, matches):
            sources = [f"select resource from text_value f where {text_range(statement, match)}" for match in matches]
        case Spans(_, matches):
            sources = [f"select resource from span f where {span_range(statement, match)}" for match in matches]
        case Near(_, path, circles):
            key = statement.add(key_of(f"{path}.latitude"))
            ranges = [[statement.add(end) for end in latitudes(circle)] for circle in circles]
            sources = [
                "select resource from span f "
                f"where f.key = ${key}::bigint and f.low between ${low}::float8 and ${high}::float8"
                for low, high in ranges
            ]
    limited = " union all ".join(f"(({source}) limit {FEW + 1})" for source in sources)
    values, all_read = f"select resource from ({limited}) h limit {FEW + 1}", f"(select count(*) from v) <= {FEW}"
    return (
        f"with v as materialized ({values}) select distinct resource from v where {all_read} "
        f"union all select resource from v where not {all_read}"
    )


def _lead(statement: Statement, plan: Plan, *, in_order: bool) -> Lead:
    match plan.lead:
        case ByKeys((key,)):
            return Lead((f"posting c where c.key = ${statement.add(key)}::bigint",))
        case ByKeys(keys) if in_order and 0 < len(keys) <= READ_IN_TURN:
            return Lead(tuple(f"posting c where c.key = ${statement.add(key)}::bigint" for key in keys))
        case ByKeys(keys) if in_order and 0 < len(keys) <= MANY_KEYS:
            return Lead(("posting c where c.key = k.key",), looped=statement.add(list(keys)))
        case ByKeys(keys):
            return Lead((f"posting c where c.key = any(${statement.add(list(keys))}::bigint[])",), distinct=False)
        case ByIds(ids):
            types = statement.add(list(plan.question.types))
            tests = f"type = any(${types}::text[]) and id = any(${statement.add(list(ids))}::text[])"
            return _rows(f"from resource where {tests}")
        case ByIdentities(identities):
            return _rows(f"from resource where identity = any(${statement.add(list(identities))}::bigint[])")
        case ByResources(resources):
            return _rows(f"from resource where key = any(${statement.add(list(resources))}::bigint[])")
        case ByHits(clause):
            found = _hits(statement, clause, plan.question.types)
            rows = f"from h join resource on key = h.resource where (select count(*) from h) <= {FEW}"
            return _rows(rows, before=(f"h as materialized ({found})",))
        case ByValue(table, key, descending):
            return _values(statement, table, key, descending=descending)
        case ByColumn():
            return _rows(f"from resource where type = ${statement.add(plan.question.types[0])}::text")
    raise AssertionError(plan.lead)


def _values(statement: Statement, table: str, key: int, *, descending: bool) -> Lead:
    """Return the lead by values: each resource at its least value, or its greatest; two alike come twice."""
    name, column = VALUES[table]
    better = f"select from {name} g where g.resource = f.resource and g.key = f.key"
    better += f" and g.{column} {'>' if descending else '<'} f.{column}"
    source = valued(statement, table, key, descending=descending)
    rows = f"select f.resource, f.{column} as sorted from {source} and not exists ({better})"
    at = "cross join lateral (select r.at from resource r where r.key = v.resource) a"
    return Lead((f"(select v.resource, v.sorted, a.at from ({rows}) v {at}) c where true",), distinct=False)


def _rows(rows: str, *, before: tuple[str, ...] = ()) -> Lead:
    """Return the lead by the ``rows`` of resources that the end of a SELECT names."""
    columns = "key as resource, at, type, id, version, updated, method, body"
    return Lead((f"(select {columns} {rows} and body is not null) c where true",), whole=True, before=before)


def _behind(statement: Statement, order: Sequence[SortKey], sorts: list[str], after: Sequence[Any]) -> str:
    """Return the condition that a candidate comes later in ``order`` than the values ``after``."""
    values = [
        f"${statement.add(value)}::{cast}"
        for value, cast in zip(after, [*(key.cast for key in order), "bigint"], strict=True)
    ]
    names = [*sorts, "c.resource"]
    directions = [*(key.descending for key in order), order[-1].descending]
    if len(set(directions)) == 1:
        return f"({', '.join(names)}) {'<' if directions[0] else '>'} ({', '.join(values)})"
    steps = []
    for place, (name, value) in enumerate(zip(names, values, strict=True)):
        same = [f"{n} = {v}" for n, v in zip(names[:place], values[:place], strict=True)]
        steps.append(" and ".join([*same, f"{name} {'<' if directions[place] else '>'} {value}"]))
    return f"({' or '.join(f'({step})' for step in steps)})"


def _ordering(order: Sequence[SortKey], names: list[str], key: str = "resource") -> str:
    parts = [f"{name}{' desc' if sort.descending else ''}" for sort, name in zip(order, names, strict=True)]
    return ", ".join([*parts, f"{key}{' desc' if order[-1].descending else ''}"])
