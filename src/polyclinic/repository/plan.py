"""Plans: which part of the index a search reads in order, and what it only checks.

A plan is decided here, not by PostgreSQL's planner: connections have hash joins, merge joins and sequential scans
switched off, so that a statement has one shape whatever the statistics say. The planner's statistics serve only to
tell common terms from rare ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from msgspec import Struct

from polyclinic.fhir.search.clauses import Ids, Missing, Near, Spans, Texts, Updated, Words
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.repository.keys import key_of

FEW = 2000
"""Hits up to which a text, a date or a quantity leads a search; beyond, it is only checked."""
RARE = 100
"""What a term is taken to find that is not among the common ones."""
GATHERED = 5 * FEW
"""What a lead may be taken to find that has to be gathered and sorted; beyond, all of the type is read in order."""
MANY_KEYS = 128
"""Keys up to which each is read in order by itself; more are gathered and sorted."""


class Keys(Struct, frozen=True):
    """Resources with a posting of any of ``keys``; with ``negated`` those with none.

    ``typed`` tells that only the searched types have such postings, ``names`` whether they all name a patient or all
    a kind, as ``pairs`` has them.
    """

    code: str
    keys: tuple[int, ...]
    negated: bool = False
    typed: bool = True
    names: Literal["patient", "kind", ""] = ""


class LinkedTo(Struct, frozen=True):
    """Resources that refer by any of the link keys ``paths`` to any of ``identities``."""

    code: str
    paths: tuple[int, ...]
    identities: tuple[int, ...]

    @property
    def keys(self) -> tuple[int, ...]:
        """The keys of the postings that say so."""
        return tuple(path ^ identity for path in self.paths for identity in self.identities)


class Identities(Struct, frozen=True):
    """Resources with any of these identities, of whatever type."""

    identities: tuple[int, ...]


class Follows(Struct, frozen=True):
    """Resources that refer by any of the link keys ``paths`` to one of ``types`` for which all ``checks`` hold."""

    paths: tuple[int, ...]
    types: tuple[str, ...]
    checks: tuple["Check", ...]


class Followed(Struct, frozen=True):
    """Resources to which one refers with a posting of any of ``keys`` XOR their identity, for which ``checks`` hold."""

    keys: tuple[int, ...]
    checks: tuple["Check", ...]


class Typed(Struct, frozen=True):
    """Resources of any of ``types``."""

    types: tuple[str, ...]


class Lacks(Struct, frozen=True):
    """Resources without a value of ``key`` that a ``ByValue`` would read."""

    table: Literal["text", "span"]
    key: int
    descending: bool


class Either(Struct, frozen=True):
    """Resources for which all checks of any group hold."""

    groups: tuple[tuple["Check", ...], ...]


Check = (
    Keys
    | LinkedTo
    | Identities
    | Follows
    | Followed
    | Typed
    | Lacks
    | Either
    | Spans
    | Texts
    | Ids
    | Updated
    | Missing
    | Near
    | Words
)
"""What can be asked of a candidate, names turned into keys."""


class Question(Struct, frozen=True):
    """What a query asks in the words of the database: resources of ``types`` for which all ``checks`` hold."""

    types: tuple[str, ...]
    checks: tuple[Check, ...] = ()

    @property
    def dated(self) -> str | None:
        """The code of the date parameter that postings of these types are ordered by, None if they differ."""
        codes = {CLINICAL_DATE.get(type) for type in self.types}
        return codes.pop() if len(codes) == 1 else None


class ByKeys(Struct, frozen=True):
    """Read the postings of any of ``keys``, which lie in the order of clinical dates."""

    keys: tuple[int, ...]


class ByIds(Struct, frozen=True):
    """Look up the resources with these ids."""

    ids: tuple[str, ...]


class ByIdentities(Struct, frozen=True):
    """Look up the resources with these identities."""

    identities: tuple[int, ...]


class ByResources(Struct, frozen=True):
    """Look up the resources with these keys: what a ``ByHits`` becomes once it was found."""

    resources: tuple[int, ...]


class ByColumn(Struct, frozen=True):
    """Read the one type in the order of a column of its own."""

    column: Literal["updated", "id"]


class ByValue(Struct, frozen=True):
    """Read what has a value of ``key`` in the order of these values: of each resource the least, or the greatest."""

    table: Literal["text", "span"]
    key: int
    descending: bool


class ByHits(Struct, frozen=True):
    """Find what matches ``clause`` first; if that is more than ``FEW``, go by ``otherwise``.

    The plan's checks are those for what is found first, ``checks_otherwise`` the others.
    """

    clause: Spans | Texts | Updated | Near
    otherwise: ByKeys
    checks_otherwise: tuple["Check", ...]


_KEYED = (Keys, LinkedTo)
_HITTING = (Texts, Spans, Updated, Near)
"""Unions of types, which are costly to make each time, as tuples."""

Lead = ByKeys | ByIds | ByIdentities | ByResources | ByColumn | ByValue | ByHits


class Plan(Struct, frozen=True):
    """``lead`` is read in order; each of ``checks`` is looked up for what it yields.

    ``estimate`` is about how many candidates the lead yields.
    """

    question: Question
    lead: Lead
    checks: tuple[Check, ...] = ()
    estimate: float = RARE


@dataclass(slots=True)
class CommonTerms:
    """How many resources the most common terms find, as PostgreSQL's last ANALYZE saw it."""

    counts: Mapping[int, float] = field(default_factory=dict)

    def estimate(self, keys: Iterable[int]) -> float:
        """Return about how many resources have any of ``keys``."""
        return sum(self.counts.get(key, RARE) for key in keys)


def plan(question: Question, common: CommonTerms) -> Plan:
    """Return how to answer ``question``: from the clause that finds least."""
    for check in question.checks:
        if isinstance(check, Ids) and not check.negated:
            return Plan(question, ByIds(check.ids), _without(question, check), len(check.ids))
    rarest, count = rarest_of(question.checks, common)
    if isinstance(rarest, Identities):
        checks = (Typed(question.types), *_without(question, rarest))
        return Plan(question, ByIdentities(rarest.identities), checks, count)
    everything = ByKeys(tuple(map(key_of, question.types)))
    lead, checks = everything, question.checks
    if rarest is None:
        count = common.estimate(everything.keys)
    elif len(rarest.keys) <= MANY_KEYS or count <= GATHERED:
        lead, checks = ByKeys(rarest.keys), _without(question, rarest)
        if isinstance(rarest, Keys) and not rarest.typed:
            checks = (Typed(question.types), *checks)
    if rarest is None or count > FEW:
        for check in question.checks:
            if isinstance(check, _HITTING) and _finds_by_itself(check, question):
                # what is found by latitude is only roughly near
                rest = question.checks if isinstance(check, Near) else _without(question, check)
                return Plan(question, ByHits(check, lead, checks), rest, count)
    return Plan(question, lead, checks, count)


def rarest_of(checks: Iterable[Check], common: CommonTerms) -> tuple[Keys | LinkedTo | Identities | None, float]:
    """Return the check that finds least by itself, and about how many that are; None if none does."""
    counted: list[tuple[float, bool, int, Keys | LinkedTo | Identities]] = []
    for place, check in enumerate(checks):
        if isinstance(check, Identities):
            counted.append((len(check.identities), False, place, check))
        elif isinstance(check, _KEYED) and not (isinstance(check, Keys) and check.negated):
            refers = isinstance(check, LinkedTo) or check.names == "patient"
            counted.append((common.estimate(check.keys), not refers, place, check))
    if not counted:
        return None, 0.0
    count, _, _, found = min(counted, key=lambda each: each[:3])
    return found, count


def _without(question: Question, led: Check | None) -> tuple[Check, ...]:
    return tuple(check for check in question.checks if check is not led)


def _finds_by_itself(check: Check, question: Question) -> bool:
    """Whether looking for ``check`` first may beat reading in order: not for the date that is the order."""
    return not (isinstance(check, Spans) and check.code == question.dated)
