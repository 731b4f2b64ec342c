"""Plans: which part of the index a search reads in order, and what it only checks.

A plan is decided here, not by PostgreSQL's planner: connections have hash joins, merge joins and sequential scans
switched off, so that a statement has one shape whatever the statistics say. The planner's statistics serve only to
tell common terms from rare ones.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from polyclinic.fhir.search.clauses import Clause, Ids, Spans, Terms, Texts, Updated
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.pairs import PAIRED, is_kind, is_patient, pair
from polyclinic.fhir.search.query import Query
from polyclinic.repository.keys import key_of

FEW = 2000
"""Hits up to which a text, a date or a quantity leads a search; beyond, it is only checked."""
RARE = 100
"""What a term is taken to find that is not among the common ones."""


@dataclass(frozen=True, slots=True)
class ByTerms:
    """Read the postings of any of ``keys``, which lie in the order of clinical dates."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ByIds:
    """Look up the resources with these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ByKeys:
    """Look up the resources with these keys: what a ``ByHits`` becomes once it was found."""

    keys: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ByHits:
    """Find what matches ``clause`` first; if that is more than ``FEW``, go by ``otherwise``."""

    clause: Spans | Texts | Updated
    otherwise: ByTerms


@dataclass(frozen=True, slots=True)
class Plan:
    """``lead`` is read in order; each of ``checks`` is looked up for what it yields."""

    query: Query
    lead: ByTerms | ByIds | ByKeys | ByHits
    checks: tuple[Clause, ...] = ()


@dataclass(slots=True)
class CommonTerms:
    """How many resources the most common terms find, as PostgreSQL's last ANALYZE saw it."""

    counts: Mapping[int, float] = field(default_factory=dict)

    def estimate(self, keys: Iterable[int]) -> float:
        """Return about how many resources have any of ``keys``."""
        return sum(self.counts.get(key, RARE) for key in keys)


def plan(query: Query, common: CommonTerms) -> Plan:
    """Return how to answer ``query``: from the clause that finds least."""
    return _planned(replace(query, clauses=_paired(query)), common)


def _planned(query: Query, common: CommonTerms) -> Plan:
    everything = ByTerms((key_of(query.type or ""),))
    for clause in query.clauses:
        if isinstance(clause, Ids):
            return Plan(query, ByIds(clause.ids), _without(query, clause))
    rarest, count = _rarest(query.clauses, common)
    lead = ByTerms(tuple(map(key_of, rarest.terms))) if rarest else everything
    if rarest is None or count > FEW:
        for clause in query.clauses:
            if isinstance(clause, Texts | Spans | Updated) and _finds_by_itself(clause, query):
                return Plan(query, ByHits(clause, lead), query.clauses)
    return Plan(query, lead, _without(query, rarest))


def _without(query: Query, led: Clause | None) -> tuple[Clause, ...]:
    return tuple(clause for clause in query.clauses if clause is not led)


def _paired(query: Query) -> tuple[Clause, ...]:
    """Return the clauses with a patient and a kind asked as one, where both are asked for."""
    paths = PAIRED.get(query.type or "")
    asked = [clause for clause in query.clauses if isinstance(clause, Terms) and clause.terms and not clause.negated]
    patient = next((c for c in asked if paths and all(is_patient(term, paths) for term in c.terms)), None)
    kind = next((c for c in asked if paths and all(is_kind(term, paths) for term in c.terms)), None)
    if patient is None or kind is None:
        return query.clauses
    both = Terms(kind.code, tuple(pair(one, other) for one in patient.terms for other in kind.terms))
    return (both, *(clause for clause in query.clauses if clause is not patient and clause is not kind))


def _rarest(clauses: Iterable[Clause], common: CommonTerms) -> tuple[Terms | None, float]:
    counted = [
        (common.estimate(map(key_of, clause.terms)), "\0r" not in clause.terms[0], place, clause)
        for place, clause in enumerate(clauses)
        if isinstance(clause, Terms) and not clause.negated and clause.terms
    ]
    if not counted:
        return None, 0.0
    count, _, _, clause = min(counted, key=lambda each: each[:3])
    return clause, count


def _finds_by_itself(clause: Clause, query: Query) -> bool:
    """Whether looking for ``clause`` first may beat reading in order: not for the date that is the order."""
    return not (isinstance(clause, Spans) and clause.code == CLINICAL_DATE.get(query.type or ""))
