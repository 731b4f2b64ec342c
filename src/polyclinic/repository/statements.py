"""Statements: a plan written as SQL."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, inf
from typing import Any

from polyclinic.fhir.search.clauses import Bound, Near, Spans, Texts, Updated
from polyclinic.repository.changed import changed
from polyclinic.repository.conditions import (
    Statement,
    conditions,
    latitudes,
    span_range,
    text_range,
    updated,
    valued,
)
from polyclinic.repository.keys import key_of
from polyclinic.repository.order import NEVER, VALUES, SortKey, is_index_order
from polyclinic.repository.plan import FEW, MANY_KEYS, ByColumn, ByIdentities, ByIds, ByKeys, ByResources, ByValue, Plan
from polyclinic.repository.rows import NO_DATE

READ_IN_TURN = 8
"""Keys up to which each has a source of its own in the statement; more are read in a loop."""


@dataclass(frozen=True, slots=True)
class Lead:
    """The relations that candidates ``c(at, resource)`` come from, each with a condition already.

    Where a candidate may come several times the lead is not ``distinct``. A ``looped`` lead is a template of one
    key's source, read in order for each of the keys.
    """

    sources: tuple[str, ...]
    distinct: bool = True
    looped: int | None = None


def page(
    plan: Plan, order: Sequence[SortKey], *, after: Sequence[Any] | None = None, seen: str | None = None, limit: int
) -> tuple[str, list[Any]]:
    """Return the statement that answers ``limit`` resources in ``order``, behind the sort values and key ``after``.

    Without those of the relation ``changed`` since ``seen``, if that is given.
    Columns: type, id, version, updated, method, body; ``told``: the snapshot that this saw, or how much ``changed``
    has; then the sort values and the key.
    """
    statement = Statement()
    told, lines, but = "pg_current_snapshot()::text", "", ""
    if seen is not None:
        told, lines = "count(*) from changed", f"with {changed(statement, plan.question.types, seen)} "
        but = " and c.resource not in (select resource from changed)"
    lead = _lead(statement, plan, in_order=is_index_order(tuple(order)))
    where, size = _where(statement, plan), statement.add(limit)
    names = [f"s{number}" for number in range(len(order))]
    ordering = _ordering(order, names)
    selects = []
    for sorts, stretch in _stretches(statement, order):
        behind = f" and {_behind(statement, order, sorts, after)}" if after is not None else ""
        columns = ", ".join(f"{sort} as {name}" for sort, name in zip(sorts, names, strict=True))
        select = f"select {'' if lead.distinct else 'distinct '}{columns}, c.resource"
        rest = f"and {where}{but}{stretch}{behind} order by {ordering} limit ${size}"
        selects += [f"({select} from {source} {rest})" for source in lead.sources]
    if lead.looped is not None:
        loop = f"select distinct g.* from unnest(${lead.looped}::bigint[]) as k(key) cross join lateral"
        selects = [f"{loop} {select} g" for select in selects]
    of_found = [f"f.{name}" for name in names]
    text = (
        f"{lines}select r.type, r.id, r.version, r.updated, r.method, r.body, (select {told}) as told, "
        f"{', '.join(of_found)}, f.resource "
        f"from (select * from ({' union '.join(selects)}) u order by {ordering} limit ${size}) f "
        f"join resource r on r.key = f.resource order by {_ordering(order, of_found, 'f.resource')}"
    )
    return text, statement.arguments


def _stretches(statement: Statement, order: Sequence[SortKey]) -> list[tuple[list[str], str]]:
    """Return the sort expressions, and a condition beside them, of each stretch that is read in order.

    The earliest first: those without a clinical date lie at the beginning of the index and come last, so they are a
    stretch of their own.
    """
    if is_index_order(tuple(order)) and not order[0].descending:
        return [(["c.at"], f" and c.at > {NO_DATE}"), ([f"{NEVER}::bigint"], f" and c.at = {NO_DATE}")]
    return [([key.sql(statement.add) for key in order], "")]


def count(plan: Plan) -> tuple[str, list[Any]]:
    """Return the statement that counts what ``plan`` finds."""
    statement = Statement()
    lead = _lead(statement, plan, in_order=False)
    counted = "count(*)" if lead.distinct else "count(distinct c.resource)"
    return f"select {counted} from {lead.sources[0]} and {_where(statement, plan)}", statement.arguments


def identities(plan: Plan) -> tuple[str, list[Any]]:
    """Return the statement that lists the identities of what ``plan`` finds, and one more than ``FEW`` at most."""
    statement = Statement()
    found = _unordered(statement, plan)
    return f"select f.identity from ({found}) c join resource f on f.key = c.resource", statement.arguments


def targets(plan: Plan, paths: Sequence[int]) -> tuple[str, list[Any]]:
    """Return the statement that lists what the resources that ``plan`` finds refer to by any of ``paths``.

    Columns: target, and in every row how many resources were looked at: one more than ``FEW`` at most.
    """
    statement = Statement()
    found, wanted = _unordered(statement, plan), statement.add(list(paths))
    return (
        f"with c as materialized ({found}) select distinct l.target, (select count(*) from c) as looked_at "
        f"from c join resource f on f.key = c.resource "
        f"cross join lateral unnest(f.link_paths, f.link_targets) as l(path, target) "
        f"where l.path = any(${wanted}::bigint[])"
    ), statement.arguments


def _unordered(statement: Statement, plan: Plan) -> str:
    lead = _lead(statement, plan, in_order=False)
    distinct = "" if lead.distinct else "distinct "
    return f"select {distinct}c.resource from {lead.sources[0]} and {_where(statement, plan)} limit {FEW + 1}"


def hits(clause: Spans | Texts | Updated | Near, types: Sequence[str]) -> tuple[str, list[Any]]:
    """Return the statement that lists the keys of what matches ``clause``, and one more than ``FEW`` at most."""
    statement = Statement()
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
    return f"select distinct resource from ({limited}) h limit {FEW + 1}", statement.arguments


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
            return _rows(
                f"type = any(${statement.add(list(plan.question.types))}::text[])",
                f"id = any(${statement.add(list(ids))}::text[])",
            )
        case ByIdentities(identities):
            return _rows(f"identity = any(${statement.add(list(identities))}::bigint[])")
        case ByResources(resources):
            return _rows(f"key = any(${statement.add(list(resources))}::bigint[])")
        case ByValue(table, key, descending):
            return _values(statement, table, key, descending=descending)
        case ByColumn():
            return _rows(f"type = ${statement.add(plan.question.types[0])}::text")
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


def _rows(*tests: str) -> Lead:
    rows = f"select at, key as resource, updated, id from resource where {' and '.join(tests)} and body is not null"
    return Lead((f"({rows}) c where true",))


def _where(statement: Statement, plan: Plan) -> str:
    return " and ".join([conditions(statement, plan.checks), *_within_dates(statement, plan)])


def _within_dates(statement: Statement, plan: Plan) -> list[str]:
    """Return what a check of the clinical date says of the order of postings: where reading may begin and end.

    A resource has one clinical date at most, and ``at`` is where it begins.
    """
    dated = plan.question.dated
    bounds = []
    for check in plan.checks if dated else ():
        if isinstance(check, Spans) and check.code == dated:
            groups = [group for match in check.matches for group in match.groups]
            latest, earliest = [_latest(group) for group in groups], [_earliest(group) for group in groups]
            if max(latest) < inf:
                bounds.append(f"c.at <= ${statement.add(ceil(max(latest)))}::bigint")
            if min(earliest) > -inf:
                bounds.append(f"c.at >= ${statement.add(floor(min(earliest)))}::bigint")
    return bounds


def _latest(group: tuple[Bound, ...]) -> float:
    """Return the latest beginning that fits ``group``: whatever ends before a moment begins before it."""
    return min((bound.value for bound in group if bound.comparison.startswith("<")), default=inf)


def _earliest(group: tuple[Bound, ...]) -> float:
    """Return the earliest beginning that fits ``group``."""
    return max((b.value for b in group if b.end == "low" and b.comparison.startswith(">")), default=-inf)


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
