"""Dates: what the checks of a plan say of its candidates, and what a check of the clinical date says of their order.

A resource has one clinical date at most, and ``at`` is where the earliest of its spans with a beginning begins.
"""

from collections.abc import Iterator
from math import ceil, floor, inf, isfinite

from polyclinic.fhir.search.clauses import Bound, Spans
from polyclinic.repository.conditions import Statement, condition
from polyclinic.repository.plan import Plan
from polyclinic.repository.rows import NO_DATE

Group = tuple[Bound, ...]


def where(statement: Statement, plan: Plan) -> str:
    """Return the condition that all checks of ``plan`` hold for a candidate ``c(at, resource)``."""
    dated, tests = plan.question.dated, []
    for check in plan.checks:
        holds = condition(statement, check, "c")
        if dated and isinstance(check, Spans) and check.code == dated:
            groups = [group for match in check.matches for group in match.groups]
            known = [*_known_by_beginning(statement, groups), holds]
            tests += [f"({' or '.join(known)})", *_within(statement, groups)]
        else:
            tests.append(holds)
    return " and ".join(tests) or "true"


def _known_by_beginning(statement: Statement, groups: list[Group]) -> Iterator[str]:
    """Yield for which ``at`` a group holds: a look at the candidate's spans costs ten times what reading it does."""
    for group in groups:
        if len(group) == 1 and group[0].end == "low" and isfinite(group[0].value):
            bound = group[0]
            moment = f"${statement.add(_whole(bound))}::bigint"
            dated = f" and c.at > {NO_DATE}" if bound.comparison[0] == "<" else ""
            yield f"c.at {bound.comparison} {moment}{dated}"


def _whole(bound: Bound) -> int:
    """Return the value of ``bound`` so that it means the same for whole microseconds."""
    return ceil(bound.value) if bound.comparison in ("<", ">=") else floor(bound.value)


def _within(statement: Statement, groups: list[Group]) -> Iterator[str]:
    """Yield where reading in the order of dates may begin and end."""
    latest, earliest = max(map(_latest, groups)), min(map(_earliest, groups))
    if latest < inf:
        yield f"c.at <= ${statement.add(ceil(latest))}::bigint"
    if earliest > -inf:
        yield f"c.at >= ${statement.add(floor(earliest))}::bigint"


def _latest(group: Group) -> float:
    """Return the latest beginning that fits ``group``: whatever ends before a moment begins before it."""
    return min([bound.value for bound in group if bound.comparison[0] == "<"], default=inf)


def _earliest(group: Group) -> float:
    """Return the earliest beginning that fits ``group``."""
    return max([bound.value for bound in group if bound.end == "low" and bound.comparison[0] == ">"], default=-inf)
