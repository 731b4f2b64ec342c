"""What a transaction asks the store before it writes: conditions of entries, and references that are searches.

Source: https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from polyclinic.fhir.links import ConditionalReference
from polyclinic.fhir.outcome import Invalid, Issue, NotSupported, PreconditionFailed, Refusal
from polyclinic.fhir.search.query import Query
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.patching import standing
from polyclinic.kit.rest.steps import Step, faults, refuse
from polyclinic.kit.rest.written import condition, single, to_delete
from polyclinic.repository import Transaction
from polyclinic.repository.model import Kept


@dataclass(slots=True)
class Asked:
    """One search that references name, with every step that has such a reference."""

    query: Query
    uses: list[tuple[Step, ConditionalReference]] = field(default_factory=list)


def gather(
    endpoint: Endpoint, references: Iterable[tuple[Step, ConditionalReference]]
) -> tuple[dict[str, Asked], list[Issue]]:
    """Return each different search among ``references``, and an issue for each that cannot be asked here."""
    asked: dict[str, Asked] = {}
    issues: list[Issue] = []
    for step, reference in references:
        search = reference.search
        try:
            if search not in asked:
                asked[search] = Asked(_query(endpoint, search))
            asked[search].uses.append((step, reference))
        except Refusal as refusal:
            issues += faults(step.entry, refusal)
    return asked, issues


def _query(endpoint: Endpoint, search: str) -> Query:
    type, _, text = search.partition("?")
    if type in endpoint.repository.vocabulary.away:
        sentence = f"the conditional reference {search[:200]!r} asks another service, which is not supported yet"
        raise NotSupported(sentence, at="reference")
    query = condition(endpoint, endpoint.own(type), text, at="reference")
    if query is None:
        raise Invalid(f"the conditional reference {search[:200]!r} has no condition")
    return query


async def settle(endpoint: Endpoint, transaction: Transaction, steps: Sequence[Step]) -> dict[str, str]:
    """Let each step with a condition know what it found, holding off others that ask the same.

    Returns the addresses that have changed thereby, old to new.
    Refuses: naming every entry whose condition matches several, or whose id disagrees.
    """
    conditional = [(step, step.where) for step in steps if step.where is not None]
    if not conditional:
        return {}
    await transaction.lock([where for _, where in conditional])
    renamed: dict[str, str] = {}
    issues: list[Issue] = []
    for step, where in conditional:
        before = step.address
        try:
            if step.entry.method == "DELETE":
                _delete(step, await to_delete(endpoint, transaction, where))
            else:
                _find(step, single(await transaction.match(where), step.target.type))
        except Refusal as refusal:
            issues += faults(step.entry, refusal)
        renamed[before] = step.address
    refuse(issues)
    return {old: new for old, new in renamed.items() if old != new}


def _delete(step: Step, matches: Sequence[Kept]) -> None:
    step.found = matches[0] if matches else None
    step.others = tuple(matches[1:])
    step.id = step.found.id if step.found else ""


def _find(step: Step, found: Kept | None) -> None:
    step.found = found
    if step.entry.method == "PATCH":
        step.id = standing(found, step.target.type).id
    elif found is not None:
        if step.sent_id not in ("", found.id):
            raise Invalid("the condition finds a resource with another id than the one in the body")
        step.id = step.resource["id"] = found.id


def together(asked: dict[str, Asked], more: dict[str, Asked]) -> dict[str, Asked]:
    """Return the searches of both, one that is in both with all its uses."""
    for search, one in more.items():
        asked.setdefault(search, Asked(one.query)).uses.extend(one.uses)
    return asked


async def resolve(transaction: Transaction, asked: dict[str, Asked]) -> dict[str, Asked]:
    """Let references that are searches point to what they find; return those that find nothing.

    Refuses: ``PreconditionFailed`` naming every entry whose reference finds several.
    """
    nothing: dict[str, Asked] = {}
    several: list[Issue] = []
    for search, one in asked.items():
        matches = await transaction.match(one.query)
        if len(matches) == 1:
            for _, reference in one.uses:
                reference.point_to(f"{matches[0].type}/{matches[0].id}")
        elif matches:
            several += _unresolved(search, one, "more than one resource")
        else:
            nothing[search] = one
    if several:
        raise PreconditionFailed(issues=several)
    return nothing


def refuse_unresolved(asked: dict[str, Asked]) -> None:
    """Refuse with ``PreconditionFailed`` if any of ``asked`` is left."""
    issues = [issue for search, one in asked.items() for issue in _unresolved(search, one, "no resource")]
    if issues:
        raise PreconditionFailed(issues=issues)


def _unresolved(search: str, one: Asked, found: str) -> list[Issue]:
    places = dict.fromkeys(step.entry.place for step, _ in one.uses)
    return [Issue("conditional", f"the reference {search[:300]!r} finds {found}", place) for place in places]


def uses_by_step(asked: dict[str, Asked]) -> set[int]:
    """Return the indexes of the entries that have any of ``asked``."""
    return {step.entry.index for one in asked.values() for step, _ in one.uses}
