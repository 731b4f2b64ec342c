"""Changed: what was replaced or deleted since a snapshot, written as SQL. What becomes of it: ``pages``."""

from collections.abc import Sequence
from typing import Any

from polyclinic.repository.conditions import Statement, conditions
from polyclinic.repository.order import SortKey
from polyclinic.repository.plan import Plan

MOST_CHANGED = 1000
"""Changes since the first page up to which a later one keeps each resource at its place."""


def changed(statement: Statement, types: Sequence[str], seen: str) -> str:
    """Return the relation ``changed(resource, version)``: versions of ``types`` that the snapshot ``seen`` lacks.

    First versions are left out. There is more than ``MOST_CHANGED`` of them only if not all are there. What is not
    seen came later than all, or was under way: two short stretches of the index, however long a writer takes.
    """
    _, latest, under_way = seen.split(":")
    wanted, later = statement.add(list(types)), f"${statement.add(latest)}::text::xid8"
    lines = f"select c.resource, c.version from change c where c.type = any(${wanted}::text[]) and c.version > 1"
    stretches = [f"({lines} and c.xid >= {later} limit {MOST_CHANGED + 1})"]
    if under_way:
        ended = f"${statement.add(under_way.split(','))}::text[]::xid8[]"
        stretches.append(f"({lines} and c.xid = any({ended}) limit {MOST_CHANGED + 1})")
    return f"changed as materialized ({' union all '.join(stretches)})"


def count(plan: Plan, seen: str) -> tuple[str, list[Any]]:
    """Return the statement that counts what ``changed`` has."""
    statement = Statement()
    return f"with {changed(statement, plan.question.types, seen)} select count(*) from changed", statement.arguments


def moved(plan: Plan, order: Sequence[SortKey], seen: str) -> tuple[str, list[Any]]:
    """Return the statement that finds, among what changed since ``seen``, what ``plan`` finds now and was there then.

    Columns: type, id, version, updated, method, body; ``stood_updated`` and ``stood`` of the version that ``seen``
    saw, or of the first one of what was made later; ``j0``, ``j1`` ... its values of those of ``order`` that are read
    from bodies; the key.
    """
    statement = Statement()
    lines = changed(statement, plan.question.types, seen)
    written = "".join(
        f", {key.in_body(statement.add, 'a.body')} as j{number}"
        for number, key in enumerate(order)
        if key.column == "json"
    )
    text = (
        f"with {lines}, standing as materialized ("
        f"select resource, min(version) - 1 as version from changed group by resource) "
        f"select r.type, r.id, r.version, r.updated, r.method, r.body, "
        f"a.updated as stood_updated, a.body as stood{written}, r.key "
        f"from standing s join archive a on a.resource = s.resource and a.version = s.version "
        f"join resource r on r.key = s.resource "
        f"cross join lateral (select r.at as at, r.key as resource offset 0) c "
        f"where a.body is not null and r.body is not null and {conditions(statement, plan.question.checks)}"
    )
    return text, statement.arguments
