"""Bundles that ask for something: their entries as values, and every entry's faults told by its place.

Source: https://hl7.org/fhir/R4/bundle.html and https://hl7.org/fhir/R4/http.html#transaction
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import msgspec

from polyclinic.fhir import definitions
from polyclinic.fhir.outcome import Invalid, Issue, Malformed, Refusal

VERBS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
"""In which order the entries of a transaction take effect."""

_CONDITIONS = {
    "ifNoneExist": "if-none-exist",
    "ifMatch": "if-match",
    "ifNoneMatch": "if-none-match",
    "ifModifiedSince": "if-modified-since",
}
_NEEDS_NO_BODY = re.compile(r"/_search|(^|/)\$")
_RESTFUL = re.compile(r"(https?://.+/)[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a batch or transaction asks for. ``url`` is relative to the FHIR base, as in the request.

    ``conditions`` are the request's ``ifMatch`` and the like under the names of the HTTP headers they stand for.
    """

    index: int
    method: str
    url: str
    full_url: str | None
    resource: dict[str, Any] | None
    conditions: dict[str, str]

    @property
    def place(self) -> str:
        """The FHIRPath of this entry."""
        return f"Bundle.entry[{self.index}]"

    @property
    def base(self) -> str:
        """What relative references of the resource are relative to, with a slash at its end; empty if nothing."""
        found = _RESTFUL.fullmatch(self.full_url or "")
        return found[1] if found else ""


def entries_of(bundle: dict[str, Any]) -> list[Entry | Refusal]:
    """Return the entries of a batch or transaction in order; in place of one that cannot be read, its refusal.

    Raises: ``Malformed`` where there is no list of entries, ``Invalid`` for an element that a Bundle does not have.
    """
    _object({name: value for name, value in bundle.items() if name != "resourceType"}, "Bundle", "Bundle")
    listed = bundle.get("entry", [])
    if type(listed) is not list:
        raise Malformed("the entries of a Bundle are a list", at="Bundle.entry")
    return [_read(index, item) for index, item in enumerate(listed)]


def _read(index: int, item: Any) -> Entry | Refusal:
    try:
        return _entry(index, item)
    except Refusal as refusal:
        return refusal


def _entry(index: int, item: Any) -> Entry:
    place = f"Bundle.entry[{index}]"
    item = _object(item, place, "Bundle.entry")
    request = _object(item.get("request"), f"{place}.request", "Bundle.entry.request")
    method = _text(request, "method", f"{place}.request")
    if method not in VERBS:
        raise Invalid(f"the method {method[:20]!r} is none of {', '.join(VERBS)}", at=f"{place}.request.method")
    resource = _object(item["resource"], f"{place}.resource") if "resource" in item else None
    if resource is not None:
        _text(resource, "resourceType", f"{place}.resource")
    if method in ("POST", "PUT", "PATCH") and resource is None and not _NEEDS_NO_BODY.search(str(request.get("url"))):
        raise Invalid(f"a {method} needs a resource", at=f"{place}.resource")
    return Entry(
        index,
        method,
        _text(request, "url", f"{place}.request"),
        _text(item, "fullUrl", place) if "fullUrl" in item else None,
        resource,
        {header: _text(request, name, f"{place}.request") for name, header in _CONDITIONS.items() if name in request},
    )


def _object(value: Any, place: str, structure: str | None = None) -> dict[str, Any]:
    """Return ``value``, an object with elements of ``structure`` only: a misspelt condition must not be lost."""
    if type(value) is not dict:
        raise Malformed(f"{place} has to be an object", at=place)
    if structure is not None and not value.keys() <= _names(structure):
        unknown = min(value.keys() - _names(structure))
        raise Invalid(f"{structure} has no element {unknown[:64]!r}", at=place)
    return value


@cache
def _names(structure: str) -> frozenset[str]:
    names = definitions.properties(structure).keys()
    return frozenset(names) | {f"_{name}" for name in names}


def _text(holder: dict[str, Any], name: str, place: str) -> str:
    value = holder.get(name)
    if type(value) is not str or not value or "\n" in value or "\r" in value or "\0" in value:
        raise Malformed(f"{place}.{name} has to be a text of one line", at=f"{place}.{name}")
    return value


def placed(issues: Iterable[Issue], place: str) -> list[Issue]:
    """Return ``issues`` about a resource as issues about a Bundle that has it at ``place``.

    The place of an issue begins with the type of the resource: ``Patient.name`` is ``Bundle.entry[0].resource.name``.
    """
    return [replace(issue, expression=_placed(issue.expression, place)) for issue in issues]


def _placed(expression: str | None, place: str) -> str:
    if expression is None:
        return place
    _, dot, rest = expression.partition(".")
    return f"{place}{dot}{rest}"


class _Typed(msgspec.Struct):
    resource_type: str = msgspec.field(default="", name="resourceType")


class _Request(msgspec.Struct):
    method: str = ""
    url: str = ""


class _Outline(msgspec.Struct):
    request: _Request | None = None
    resource: _Typed | None = None


class Outline(msgspec.Struct):
    """What a Bundle asks for, seen without reading its resources."""

    resource_type: str = msgspec.field(default="", name="resourceType")
    type: str = ""
    entry: list[_Outline] = []

    def paths(self, base: str) -> list[str]:
        """Return for each entry the address that it asks, below the base and without a query.

        ``base`` is the FHIR base with a slash at its end, for requests with an absolute URL.
        """
        return [_path(entry, base) for entry in self.entry]


_outline = msgspec.json.Decoder(Outline)


def outline(body: bytes) -> Outline:
    """Return the outline of the Bundle in ``body``; several times quicker than decoding it.

    Raises: ``Malformed``.
    """
    try:
        return _outline.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"the body is not the JSON of a Bundle: {error}") from error


def _path(entry: _Outline, base: str) -> str:
    url = entry.request.url.removeprefix(base) if entry.request else ""
    return url.partition("?")[0].strip("/")
