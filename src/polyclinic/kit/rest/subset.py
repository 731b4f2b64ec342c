"""Parts of a resource: ``_elements`` and ``_summary``, each marked as SUBSETTED.

Source: https://hl7.org/fhir/R4/search.html#elements and #summary
"""

from typing import Any, Literal

from msgspec import Struct

from polyclinic.fhir import definitions
from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Unacceptable
from polyclinic.fhir.search.query import Query, parse
from polyclinic.kit.http.message import Call
from polyclinic.kit.http.negotiation import without_format

SUBSETTED = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "Resource encoded in summary mode",
}
_ALWAYS = frozenset({"resourceType", "id", "meta"})


class Part(Struct, frozen=True):
    """Which part of a resource is asked for: all of it without ``summary`` and ``elements``."""

    summary: Literal["true", "text", "data"] | None = None
    elements: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.summary or self.elements)


WHOLE = Part()
_SUMMARY = Part("true")


def asked_part(call: Call) -> Part:
    """Return the part that a read asks for. Refuses: ``Unacceptable`` for any other parameter."""
    if not call.query:
        return WHOLE
    pairs = without_format(call.pairs())
    for name, _ in pairs:
        if name not in ("_summary", "_elements"):
            raise Unacceptable(f"the parameter {name[:64]!r} means nothing to a read", at=name[:64])
    query = parse(None, pairs)
    if query.summary == "count":
        raise Unacceptable("_summary=count is for searches", at="_summary")
    return part_asked(query)


def part_asked(query: Query) -> Part:
    """Return the part of each resource that ``query`` asks for."""
    return Part(query.summary if query.summary in ("true", "text", "data") else None, query.elements)


def part_of(body: bytes, part: Part) -> bytes:
    """Return ``part`` of the resource in ``body``."""
    return encode(subset(decode(body), part)) if part else body


def subset(resource: dict[str, Any], part: Part) -> dict[str, Any]:
    """Return the elements of ``resource`` that belong to ``part``, with its mandatory ones, marked as a subset."""
    type = resource["resourceType"]
    kept = {name: value for name, value in resource.items() if _belongs(type, name.removeprefix("_"), part)}
    if part.summary == "true" and not part.elements:
        kept = {name: _summary_of(type, name, value) for name, value in kept.items()}
    meta = dict(kept.get("meta", {}))
    meta["tag"] = [*meta.get("tag", []), SUBSETTED]
    return {**kept, "meta": meta}


def _belongs(type: str, name: str, part: Part) -> bool:
    """Whether the JSON property ``name`` of a ``type`` is in ``part``; what is mandatory always is."""
    if name in _ALWAYS:
        return True
    if part.summary == "data" and not part.elements:
        return name != "text"
    found = definitions.properties(type).get(name)
    if found is None:
        return False
    if part.summary == "true" and not part.elements:
        return found.element.summary or found.element.min > 0
    asked = part.elements or (part.summary,)
    return found.element.min > 0 or name in asked or found.element.name in asked


def _summary_of(type: str, name: str, value: Any) -> Any:
    """Return what of the ``value`` of a property belongs to a summary: of a backbone only some, else all of it."""
    found = definitions.properties(type).get(name)
    if found is None or definitions.structure(found.type).kind != "backbone":
        return value
    if isinstance(value, list):
        return [_summary_of(type, name, item) for item in value]
    return {
        inner: _summary_of(found.type, inner, content)
        for inner, content in value.items()
        if _belongs(found.type, inner.removeprefix("_"), _SUMMARY)
    }
