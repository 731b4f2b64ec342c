"""Statements: a plan written as SQL."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, floor, inf
from typing import Any

from polyclinic.fhir.search.clauses import (
    Bound,
    Clause,
    Ids,
    SpanMatch,
    Spans,
    Terms,
    TextMatch,
    Texts,
    Updated,
)
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.values import fold, time_of
from polyclinic.repository.keys import key_of
from polyclinic.repository.order import SortKey, is_index_order
from polyclinic.repository.plan import FEW, ByIds, ByKeys, ByTerms, Plan

MANY_TERMS = 16
"""Terms up to which each is read in order by itself; more are gathered and sorted."""
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(slots=True)
class Statement:
    """SQL being written, with its arguments."""

    arguments: list[Any] = field(default_factory=list)

    def add(self, value: Any) -> int:
        """Take ``value`` as an argument and return its number."""
        self.arguments.append(value)
        return len(self.arguments)


@dataclass(frozen=True, slots=True)
class Lead:
    """The relation that candidates ``c(at, resource)`` come from: one SELECT, or several to be united."""

    sources: tuple[str, ...]
    distinct: bool


def page(plan: Plan, order: Sequence[SortKey], *, after: list[Any] | None, limit: int) -> tuple[str, list[Any]]:
    """Return the statement that answers ``limit`` resources in ``order``, behind the position ``after``.

    Columns: type, id, version, updated, method, body, then the sort values and the key.
    """
    statement = Statement()
    sorts = [key.sql(statement.add(list(key.keys)) if key.keys else 0) for key in order]
    lead = _lead(statement, plan, in_order=is_index_order(tuple(order)))
    where = _conditions(statement, plan)
    where += _within_dates(statement, plan)
    if after is not None:
        where.append(_behind(statement, order, sorts, after))
    size = statement.add(limit)
    names = [f"s{number}" for number in range(len(order))]
    columns = ", ".join(f"{sort} as {name}" for sort, name in zip(sorts, names, strict=True))
    ordering = _ordering(order, names)
    select = f"select {'distinct ' if lead.distinct else ''}{columns}, c.resource"
    checked = " and ".join(where) or "true"
    found = " union ".join(
        f"({select} from {source} and {checked} order by {ordering} limit ${size})" for source in lead.sources
    )
    of_found = [f"f.{name}" for name in names]
    text = (
        f"select r.type, r.id, r.version, r.updated, r.method, r.body, {', '.join(of_found)}, f.resource "
        f"from (select * from ({found}) u order by {ordering} limit ${size}) f "
        f"join resource r on r.key = f.resource order by {_ordering(order, of_found, 'f.resource')}"
    )
    return text, statement.arguments


def count(plan: Plan) -> tuple[str, list[Any]]:
    """Return the statement that counts what ``plan`` finds."""
    statement = Statement()
    lead = _lead(statement, plan, in_order=False)
    where = " and ".join(_conditions(statement, plan) + _within_dates(statement, plan)) or "true"
    counted = "count(distinct c.resource)" if lead.distinct else "count(*)"
    return f"select {counted} from {lead.sources[0]} and {where}", statement.arguments


def hits(clause: Spans | Texts | Updated, type: str) -> tuple[str, list[Any]]:
    """Return the statement that lists the keys of what matches ``clause``, and one more than ``FEW`` at most."""
    statement = Statement()
    if isinstance(clause, Updated):
        table = f"select key as resource from resource f where f.type = ${statement.add(type)}"
        sources = [f"{table} and f.body is not null and {_updated(statement, clause)}"]
    elif isinstance(clause, Texts):
        sources = [
            f"select resource from text_value f where {_text_range(statement, match)}" for match in clause.matches
        ]
    else:
        sources = [f"select resource from span f where {_span(statement, match)}" for match in clause.matches]
    limited = " union all ".join(f"(({source}) limit {FEW + 1})" for source in sources)
    return f"select distinct resource from ({limited}) h limit {FEW + 1}", statement.arguments


def _lead(statement: Statement, plan: Plan, *, in_order: bool) -> Lead:
    match plan.lead:
        case ByTerms(keys) if in_order and len(keys) <= MANY_TERMS:
            return Lead(
                tuple(f"posting c where c.key = ${statement.add(key)}::bigint" for key in keys),
                distinct=False,
            )
        case ByTerms((key,)):
            return Lead((f"posting c where c.key = ${statement.add(key)}::bigint",), distinct=False)
        case ByTerms(keys):
            return Lead((f"posting c where c.key = any(${statement.add(list(keys))}::bigint[])",), distinct=True)
        case ByIds(ids):
            type, wanted = statement.add(plan.query.type), statement.add(list(ids))
            rows = f"select at, key as resource from resource where type = ${type} and id = any(${wanted}::text[])"
            return Lead((f"({rows} and body is not null) c where true",), distinct=False)
        case ByKeys(keys):
            rows = f"select at, key as resource from resource where key = any(${statement.add(list(keys))}::bigint[])"
            return Lead((f"({rows} and body is not null) c where true",), distinct=False)
    raise AssertionError(plan.lead)


def _conditions(statement: Statement, plan: Plan) -> list[str]:
    return [_condition(statement, clause, plan.query.type or "") for clause in plan.checks]


def _condition(statement: Statement, clause: Clause, type: str) -> str:
    match clause:
        case Terms(_, terms, negated):
            keys = statement.add([key_of(term) for term in terms])
            found = f"posting f where f.key = any(${keys}::bigint[]) and f.at = c.at and f.resource = c.resource"
            return _exists(found, negated=negated)
        case Spans(_, matches):
            return _exists(_any("span", [_span(statement, match) for match in matches]))
        case Texts(_, matches):
            return _exists(_any("text_value", [_text(statement, match) for match in matches]))
        case Ids(ids):
            wanted = statement.add(list(ids))
            return _exists(f"resource f where f.key = c.resource and f.id = any(${wanted}::text[])")
        case Updated():
            return _exists(f"resource f where f.key = c.resource and {_updated(statement, clause)}")


def _exists(found: str, *, negated: bool = False) -> str:
    """Return a condition that is evaluated row by row: LIMIT keeps the planner from making a join of it."""
    return f"(select true from {found} limit 1) is {'null' if negated else 'not null'}"


def _any(table: str, conditions: list[str]) -> str:
    return f"{table} f where f.resource = c.resource and ({' or '.join(conditions)})"


def _span(statement: Statement, match: SpanMatch) -> str:
    groups = [
        " and ".join(f"f.{b.end} {b.comparison} ${statement.add(b.value)}::float8" for b in group)
        for group in match.groups
    ]
    text = f"(f.key = ${statement.add(key_of(match.path))}::bigint and ({' or '.join(f'({g})' for g in groups)})"
    if match.unit is not None:
        column = "unit_code" if match.unit.startswith("\0q\0") else "unit"
        text += f" and f.{column} = ${statement.add(key_of(match.unit))}::bigint"
    return text + ")"


def _text(statement: Statement, match: TextMatch) -> str:
    key, text = statement.add(key_of(match.path)), statement.add(match.text)
    test = {
        "begins": f"starts_with(f.value, ${text}::text)",
        "contains": f"strpos(f.value, ${text}::text) > 0",
        "is": f"f.written = ${text}::text",
    }[match.how]
    return f"(f.key = ${key}::bigint and {test})"


def _text_range(statement: Statement, match: TextMatch) -> str:
    """Return the same test as ``_text``, bounded so that the index on (key, value) answers it."""
    test = _text(statement, match)
    if match.how == "begins":
        low, high = statement.add(match.text), statement.add(match.text + "\U0010ffff")
        return f"{test} and f.value >= ${low}::text and f.value < ${high}::text"
    if match.how == "is":
        return f"{test} and f.value = ${statement.add(fold(match.text))}::text"
    return test


def _updated(statement: Statement, clause: Updated) -> str:
    groups = [" and ".join(_updated_bound(statement, bound) for bound in group) for group in clause.groups]
    return f"({' or '.join(f'({group})' for group in groups)})"


def _updated_bound(statement: Statement, bound: Bound) -> str:
    """``lastUpdated`` is kept to the millisecond: its span is that millisecond."""
    if bound.value in (float("inf"), float("-inf")):
        return "true" if (bound.value > 0) == bound.comparison.startswith("<") else "false"
    moment = time_of(bound.value) - (_MILLISECOND if bound.end == "high" else timedelta(0))
    return f"f.updated {bound.comparison} ${statement.add(moment)}::timestamptz"


def _within_dates(statement: Statement, plan: Plan) -> list[str]:
    """Return what a check of the clinical date says of the order of postings: where reading may begin and end.

    A resource has one clinical date at most, and ``at`` is where it begins.
    """
    dated = CLINICAL_DATE.get(plan.query.type or "")
    bounds = []
    for clause in plan.checks:
        if isinstance(clause, Spans) and clause.code == dated:
            groups = [group for match in clause.matches for group in match.groups]
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


def _behind(statement: Statement, order: Sequence[SortKey], sorts: list[str], after: list[Any]) -> str:
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
