"""The guard of costs: a question that would cost too much is refused with a reason and a way out, before it is asked.

What is estimated are candidates that have to be looked at one by one. One that is only read in the order of the index
stops at the end of its page; one whose answers have to be gathered first, or that reads bodies, does not.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.clauses import Words
from polyclinic.repository.order import SortKey, is_index_order
from polyclinic.repository.plan import ByColumn, ByValue, Check, Either, Followed, Follows, Plan

MOST_SECONDS = 30.0
"""How long one question may take after all."""
LARGEST_COST = 10_000_000.0
"""Microseconds that a question may be taken to cost."""
PER_CANDIDATE, PER_BODY = 3.0, 40.0
"""Microseconds of looking at one candidate by its keys, and of reading one body of about 1 KB as JSON."""
PER_CONTAINER = 100.0
"""Microseconds of reading one body and judging a resource that it contains."""


def estimated_cost(plan: Plan, order: Sequence[SortKey] | None) -> float:
    """Return about how many microseconds ``plan`` costs, answered in ``order`` (None: only counted)."""
    per_candidate = PER_CANDIDATE + PER_BODY * _bodies(plan.checks)
    if order is not None and any(key.column == "json" for key in order):
        per_candidate += PER_BODY
    stops_early = order is not None and (is_index_order(order) or isinstance(plan.lead, ByColumn | ByValue))
    if stops_early and not _bodies(plan.checks):
        return 0.0
    return plan.estimate * per_candidate


def refuse_costly(plan: Plan, order: Sequence[SortKey] | None) -> None:
    """Refuse with ``TooCostly`` what is estimated to cost more than ``LARGEST_COST``."""
    cost = estimated_cost(plan, order)
    if cost > LARGEST_COST:
        why = "read one by one" if _bodies(plan.checks) else "gathered before the first can be told"
        raise TooCostly(
            f"about {plan.estimate:.0f} resources would have to be {why}, some {cost / 1e6:.0f} seconds of work; "
            "narrow the search, by a patient, a code or a date, or have it answered later by Prefer: respond-async"
        )


def refuse_many_containers(plan: Plan) -> None:
    """Refuse with ``TooCostly`` to judge all that is contained in what ``plan`` finds, beyond ``LARGEST_COST``."""
    if plan.estimate * PER_CONTAINER > LARGEST_COST:
        raise TooCostly(
            f"about {plan.estimate:.0f} resources would have to be read for what they contain; leave _contained out, "
            "or have the search answered later by Prefer: respond-async",
            at="_contained",
        )


class bounded:
    """A context that bounds what is done inside to ``seconds``, or to ``MOST_SECONDS``.

    Refuses: ``TooCostly`` beyond.
    """

    __slots__ = ("_seconds", "_timeout")

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = seconds or MOST_SECONDS

    async def __aenter__(self) -> None:
        """Let the time begin."""
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()

    async def __aexit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Say it in FHIR's words if the time is up."""
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as late:
            raise self._given_up() from late
        if isinstance(error, TimeoutError):
            raise self._given_up() from error

    def _given_up(self) -> TooCostly:
        return TooCostly(
            f"the search took more than {self._seconds:.0f} seconds and was given up; "
            "narrow it, by a patient, a code or a date"
        )


def _bodies(checks: Sequence[Check]) -> int:
    """Return how many times bodies are read for each candidate."""
    found = 0
    for check in checks:
        match check:
            case Words():
                found += 1
            case Follows(checks=inner) | Followed(checks=inner):
                found += _bodies(inner)
            case Either(groups):
                found += sum(map(_bodies, groups))
    return found
