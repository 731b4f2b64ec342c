"""Resolving: a query's clauses turned into checks that the database can make, names and far ends into keys.

What lies at the other end of a reference is looked for first where it is little, and becomes keys like any other;
where it is much it is checked for each candidate. A far end that another service owns would be asked for here.
"""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from polyclinic.fhir.search import terms
from polyclinic.fhir.search.clauses import (
    AnyOf,
    Clause,
    Ids,
    Linked,
    LinkedFrom,
    SpanMatch,
    Spans,
    Spelled,
    Terms,
)
from polyclinic.fhir.search.meaning.amounts import comparable
from polyclinic.fhir.search.pairs import PAIRED, is_kind, is_patient
from polyclinic.fhir.search.query import Query
from polyclinic.repository import statements
from polyclinic.repository.connect import Database
from polyclinic.repository.keys import key_of, link_key
from polyclinic.repository.plan import (
    FEW,
    MANY_KEYS,
    RARE,
    ByHits,
    ByResources,
    Check,
    CommonTerms,
    Either,
    Followed,
    Follows,
    Identities,
    Keys,
    LinkedTo,
    Plan,
    Question,
    plan,
    rarest_of,
)
from polyclinic.repository.spellings import beginning, units

SELECTIVE = 3 * RARE
"""What a search may be taken to find so that far ends are checked for each, and not looked for first."""
_Far = Linked | LinkedFrom | AnyOf


class Resolver(Struct, frozen=True):
    """Asks the database what has to be known to turn clauses into checks."""

    connection: Database
    common: CommonTerms

    async def question(self, query: Query) -> Question:
        """Return what ``query`` asks."""
        return await self._question(query.types, query.clauses)

    async def _question(self, types: tuple[str, ...], clauses: Sequence[Clause]) -> Question:
        paths = PAIRED.get(types[0]) if len(types) == 1 else None
        checks = [await self._near(clause, paths) for clause in clauses if not isinstance(clause, _Far)]
        far = [clause for clause in clauses if isinstance(clause, _Far)]
        if far:
            selective = self._is_selective(checks)
            checks += [await self._at_far_end(clause, selective=selective) for clause in far]
        return Question(types, _paired(tuple(checks), paths) if paths else tuple(checks))

    def _is_selective(self, checks: Sequence[Check]) -> bool:
        if any(isinstance(check, Ids) and not check.negated for check in checks):
            return True
        rarest, count = rarest_of(checks, self.common)
        return rarest is not None and count <= SELECTIVE

    async def _near(self, clause: Clause, paths: tuple[str, str] | None) -> Check:
        match clause:
            case Terms(code, asked, negated):
                typed = not any(term.startswith("Resource.") for term in asked)
                return Keys(code, tuple(map(key_of, asked)), negated, typed, _names(clause, paths))
            case Spelled():
                return await self._spelled(clause)
            case Spans(code, matches) if any(match.measured for match in matches):
                return Spans(code, tuple([each for match in matches for each in await self._measured(code, match)]))
        return clause  # type: ignore[return-value]  # all others are checks as they are

    async def _spelled(self, clause: Spelled) -> Keys:
        paths = {terms.spelled_path(path, clause.what): path for path in clause.paths}
        found: list[str] = []
        for text in clause.texts:
            for path, spelled in await beginning(self.connection, list(paths), text, at=clause.code):
                if clause.what == "display":
                    found.append(terms.display_term(paths[path], spelled))
                elif spelled[len(text) : len(text) + 1] in ("", "/"):
                    found.append(terms.uri_term(paths[path], spelled))
        typed = not any(path.startswith("Resource.") for path in clause.paths)
        return Keys(clause.code, tuple(map(key_of, dict.fromkeys(found))), typed=typed)

    async def _measured(self, name: str, match: SpanMatch) -> list[SpanMatch]:
        """Return what ``match`` asks, in its own unit and in each one in use that it can be converted to."""
        path = terms.spelled_path(match.path.partition("\0")[0], "unit")
        codes = await units(self.connection, path, at=name) if match.measured else []
        return [match, *filter(None, (comparable(match, code) for code in codes))]

    async def _at_far_end(self, clause: _Far, *, selective: bool) -> Check:
        match clause:
            case Linked():
                return await self._linked(clause, selective=selective)
            case LinkedFrom():
                return await self._linked_from(clause, selective=selective)
            case AnyOf(code, groups):
                return _either(code, [(await self._question((), group)).checks for group in groups])

    async def _linked(self, clause: Linked, *, selective: bool) -> Check:
        question = await self._question(clause.types, clause.clauses)
        paths = tuple(map(link_key, clause.paths))
        chosen = plan(question, self.common)
        if not selective or chosen.estimate <= RARE:
            chosen = await settled(self.connection, chosen)
            if chosen.estimate <= FEW:
                text, arguments = statements.identities(chosen)
                rows = await self.connection.fetch(text, *arguments)
                if len(rows) <= FEW:
                    return LinkedTo(clause.code, paths, tuple(row["identity"] for row in rows))
        return Follows(paths, clause.types, question.checks)

    async def _linked_from(self, clause: LinkedFrom, *, selective: bool) -> Check:
        question = await self._question((clause.type,), clause.clauses)
        paths = tuple(map(link_key, clause.paths))
        if not selective:
            chosen = await settled(self.connection, plan(question, self.common))
            if chosen.estimate <= FEW:
                text, arguments = statements.targets(chosen, paths)
                row = await self.connection.fetchrow(text, *arguments)
                if row is not None and row["looked_at"] <= FEW:
                    return Identities(tuple(row["targets"]))
        return _followed(clause.type, paths, question.checks)


async def settled(connection: Database, chosen: Plan) -> Plan:
    """Return ``chosen`` with its hits found, or led otherwise where they are too many."""
    if not isinstance(chosen.lead, ByHits):
        return chosen
    text, arguments = statements.hits(chosen.lead.clause, chosen.question.types)
    rows = await connection.fetch(text, *arguments)
    if len(rows) > FEW:
        return led_otherwise(chosen, chosen.lead)
    return replace(chosen, lead=ByResources(tuple(row["resource"] for row in rows)), estimate=len(rows))


async def are_few(connection: Database, lead: ByHits, types: Sequence[str]) -> bool:
    """Whether the hits of ``lead`` among ``types`` are few enough to go by them."""
    text, arguments = statements.hits_counted(lead.clause, types)
    return bool(await connection.fetchval(text, *arguments) <= FEW)


def led_otherwise(chosen: Plan, lead: ByHits) -> Plan:
    """Return ``chosen`` for the case that the hits of its ``lead`` are too many."""
    return replace(chosen, lead=lead.otherwise, checks=lead.checks_otherwise)


def _names(clause: Terms, paths: tuple[str, str] | None) -> Literal["patient", "kind", ""]:
    if paths is None or clause.negated or not clause.terms:
        return ""
    if all(is_patient(term, paths) for term in clause.terms):
        return "patient"
    return "kind" if all(is_kind(term, paths) for term in clause.terms) else ""


def _paired(checks: tuple[Check, ...], paths: tuple[str, str]) -> tuple[Check, ...]:
    """Return ``checks`` with a patient and a kind asked as one, where both are asked for."""
    kind = next((each for each in checks if isinstance(each, Keys) and each.names == "kind"), None)
    patient = next((each for each in checks if _is_patient(each, paths)), None)
    if kind is None or not isinstance(patient, Keys | LinkedTo) or len(kind.keys) * len(patient.keys) > MANY_KEYS:
        return checks
    both = Keys(kind.code, tuple(one ^ other for one in patient.keys for other in kind.keys))
    return (both, *(check for check in checks if check is not patient and check is not kind))


def _is_patient(check: Check, paths: tuple[str, str]) -> bool:
    if isinstance(check, LinkedTo):
        return check.paths == (link_key(paths[0]),)
    return isinstance(check, Keys) and check.names == "patient"


def _followed(type: str, paths: tuple[int, ...], checks: tuple[Check, ...]) -> Followed:
    """Return the check that one of ``type`` refers here, by the pair of patient and kind where both are asked for."""
    paired = PAIRED.get(type)
    kind = next((each for each in checks if isinstance(each, Keys) and each.names == "kind"), None)
    if kind is None or paired is None or paths != (link_key(paired[0]),):
        return Followed(paths, checks)
    keys = tuple(paths[0] ^ key for key in kind.keys)
    return Followed(keys, tuple(check for check in checks if check is not kind))


def _either(code: str, groups: list[tuple[Check, ...]]) -> Check:
    """Return the check that any of ``groups`` holds; groups of one lookup each are one lookup."""
    alone = [group[0] for group in groups if len(group) == 1]
    keyed = [check for check in alone if isinstance(check, LinkedTo) or (isinstance(check, Keys) and not check.negated)]
    if len(keyed) < len(groups):
        return Either(tuple(groups))
    first = keyed[0]
    if isinstance(first, LinkedTo) and all(isinstance(each, LinkedTo) and each.paths == first.paths for each in keyed):
        return LinkedTo(code, first.paths, tuple(i for each in keyed for i in each.identities))  # type: ignore[union-attr]
    typed = all(each.typed for each in keyed if isinstance(each, Keys))
    return Keys(code, tuple(dict.fromkeys(key for each in keyed for key in each.keys)), typed=typed)
