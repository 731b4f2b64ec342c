"""Explained: how a question is answered, for operators: the plan, what it was taken to find, and what it found."""

from dataclasses import dataclass
from typing import Any

from polyclinic.repository.connect import Database
from polyclinic.repository.plan import Lead, Plan

_INDEX = {
    "ByKeys": "posting_key (key, at, resource)",
    "ByIds": "resource (type, id)",
    "ByIdentities": "resource_identity",
    "ByResources": "resource (key), after a look into span_key, text_value_key or resource_updated",
    "ByColumn": "resource (type, id) or resource_updated",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """One plan: what leads and by which index, what is checked, how much was expected and found, in what SQL.

    ``cost`` is in microseconds, as the guard estimates it; ``postgresql`` is what EXPLAIN ANALYZE says.
    """

    lead: str
    index: str
    checks: tuple[str, ...]
    estimated: float
    cost: float
    found: int
    statement: str
    postgresql: str


async def explained(
    connection: Database, plan: Plan, statement: tuple[str, list[Any]], *, cost: float, found: int
) -> Explained:
    """Return how ``plan`` was answered by ``statement``, which is run once more to see."""
    text, arguments = statement
    rows = await connection.fetch(f"explain (analyze, buffers) {text}", *arguments)
    name = type(plan.lead).__name__
    return Explained(
        lead=_short(plan.lead),
        index=_INDEX.get(name, name),
        checks=tuple(_short(check) for check in plan.checks),
        estimated=plan.estimate,
        cost=cost,
        found=found,
        statement=text,
        postgresql="\n".join(row[0] for row in rows),
    )


def _short(part: Lead | object) -> str:
    """Return the name of a part of a plan and how much it names, but none of its values: they may name patients."""
    counted = next((len(value) for name in ("keys", "ids", "identities", "resources", "matches")
                    if isinstance(value := getattr(part, name, None), tuple)), None)  # fmt: skip
    code = getattr(part, "code", "")
    words = [type(part).__name__, *([f"of {code}"] if code else []), *([f"({counted})"] if counted is not None else [])]
    return " ".join(words)
