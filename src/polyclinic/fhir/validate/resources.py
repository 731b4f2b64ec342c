"""Checks of whole resources: their type, what they contain, and what only they can settle.

Source: https://hl7.org/fhir/R4/domainresource.html#invs and https://hl7.org/fhir/R4/references.html#contained
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.validate.findings import Check, Finding, Found, Judgement, LocalReference, broken, kind
from polyclinic.fhir.validate.invariants import judge_by_path

Resource = dict[str, Any]


def resource_check(checks: Mapping[str, Check], *, is_contained: bool) -> Check:
    """Return the check of a resource of any type: one by itself, or one contained in its owner."""

    def check(value: Any, owner: Resource) -> Found | None:
        if type(value) is not dict:
            return broken("structure", f"must be a resource; here is {kind(value)}")
        name = value.get("resourceType")
        if type(name) is not str or name not in RESOURCE_TYPES:
            return broken("structure", "resourceType must name a resource type of R4", ".resourceType")
        found = checks[name](value, owner)
        if is_contained:
            return [*judged(found or (), value, owner), *contained_rules(value)] or None
        return settled(found or (), value) if found or "contained" in value else None

    return check


def judged(found: Sequence[Finding | LocalReference | Judgement], resource: Resource, root: Resource) -> Found:
    """Return ``found`` with every ``Judgement`` replaced by what FHIRPath finds."""
    answered: Found = []
    for item in found:
        answered += judge_by_path(item, resource, root) if isinstance(item, Judgement) else (item,)
    return answered


def contained_rules(resource: Resource) -> Iterator[Finding]:
    """Return which rules for contained resources this one breaks: dom-2, dom-4 and dom-5."""
    if "contained" in resource:
        yield Finding("invariant", "dom-2: a contained resource must not contain others", ".contained")
    meta = resource.get("meta")
    if type(meta) is not dict:
        return
    for name in ("versionId", "lastUpdated"):
        if name in meta or "_" + name in meta:
            yield Finding("invariant", f"dom-4: a contained resource must not have {name}", f".meta.{name}")
    if "security" in meta:
        yield Finding("invariant", "dom-5: a contained resource must not have security labels", ".meta.security")


def settled(found: Sequence[Finding | LocalReference | Judgement], resource: Resource) -> Found | None:
    """Return ``found`` with all settled that could not be told without the whole resource."""
    inside = list(identified(resource))
    types = {id: str(one.get("resourceType")) for _, id, one in inside}
    mentioned = {item.id for item in found if isinstance(item, LocalReference)}
    answered: Found = []
    for item in judged(found, resource, resource):
        answered += judge_local(item, types) if isinstance(item, LocalReference) else (item,)
    answered += unmentioned(resource, [one for one in inside if one[1] not in mentioned])
    return answered or None


def identified(resource: Resource) -> Iterator[tuple[int, str, Resource]]:
    """Return index, id and JSON of each contained resource that has an id."""
    contained = resource.get("contained")
    for index, one in enumerate(contained if type(contained) is list else ()):
        if type(one) is dict and type(one.get("id")) is str:
            yield index, one["id"], one


def judge_local(reference: LocalReference, types: Mapping[str, str]) -> Iterator[Finding]:
    """Return what is wrong with a reference to a contained resource; ``#`` alone is the one that contains."""
    if not reference.id:
        return
    if reference.id not in types:
        yield Finding("invariant", "ref-1: no contained resource has this id", reference.where)
    elif reference.targets and types[reference.id] not in reference.targets:
        allowed = ", ".join(sorted(reference.targets))
        yield Finding("value", f"must not refer to {types[reference.id]}, only to {allowed}", reference.where)


def unmentioned(resource: Resource, left: Sequence[tuple[int, str, Resource]]) -> Iterator[Finding]:
    """Return which contained resources break dom-3: nothing refers to them, nor do they to their container.

    ``left`` are those that no Reference refers to. A canonical or URI may do so too: any string ``#id`` counts.
    """
    local = {text for text in strings(resource) if text.startswith("#")} if left else set()
    for index, id, one in left:
        if f"#{id}" not in local and "#" not in strings(one):
            sentence = "dom-3: nothing refers to this contained resource, nor does it to the one around it"
            yield Finding("invariant", sentence, f".contained[{index}]")


def strings(value: Any) -> Iterator[str]:
    """Return every string inside a JSON value, in no particular order."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) is str:
            yield one
        elif type(one) is dict:
            waiting.extend(one.values())
        elif type(one) is list:
            waiting.extend(one)
