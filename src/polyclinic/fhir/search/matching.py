"""Matching: whether one resource by itself is what a search asks for, judged as a store judges its index.

What lies at the other end of a reference cannot be judged here: ``distant`` tells which clauses ask about it.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import asin, cos, radians, sin, sqrt
from operator import ge, gt, le, lt
from typing import Any

from polyclinic.fhir.search import terms
from polyclinic.fhir.search.clauses import (
    AnyOf,
    Bound,
    Clause,
    Ids,
    Linked,
    LinkedFrom,
    Missing,
    Near,
    SpanMatch,
    Spans,
    Spelled,
    Terms,
    TextMatch,
    Texts,
    Updated,
    Words,
)
from polyclinic.fhir.search.emit import UCUM, Entries
from polyclinic.fhir.search.extract import extract
from polyclinic.fhir.search.meaning.amounts import comparable
from polyclinic.fhir.search.meaning.positions import EARTH_METRES
from polyclinic.fhir.search.values import Span, date_span
from polyclinic.fhir.search.vocabulary import R4, Vocabulary


@dataclass(frozen=True, slots=True)
class Candidate:
    """A resource (valid R4, decimals as Decimal), and what it is found by."""

    resource: Mapping[str, Any]
    entries: Entries


def candidate(resource: dict[str, Any], vocabulary: Vocabulary = R4) -> Candidate:
    """Return ``resource`` with what it is found by under ``vocabulary``."""
    return Candidate(resource, extract(resource, vocabulary))


def inside(resource: dict[str, Any], vocabulary: Vocabulary = R4) -> Candidate:
    """Return a contained ``resource`` with what it is found by; its id is no address, so no compartment is its own."""
    anonymous = {name: value for name, value in resource.items() if name != "id"}
    return Candidate(resource, extract(anonymous, vocabulary))


def holds(clauses: Sequence[Clause], candidate: Candidate) -> bool:
    """Whether all ``clauses`` hold for ``candidate``; none of them may be ``distant``."""
    return all(_holds(clause, candidate) for clause in clauses)


def distant(clauses: Sequence[Clause]) -> tuple[Linked | LinkedFrom, ...]:
    """Return those of ``clauses`` that ask about other resources than the one that is searched for."""
    found: list[Linked | LinkedFrom] = []
    for clause in clauses:
        match clause:
            case Linked() | LinkedFrom():
                found.append(clause)
            case AnyOf(groups=groups):
                found += [each for group in groups for each in distant(group)]
    return tuple(found)


def _holds(clause: Clause, candidate: Candidate) -> bool:
    entries = candidate.entries
    match clause:
        case Terms(terms=asked, negated=negated):
            return entries.terms.isdisjoint(asked) == negated
        case Spelled():
            return any(_is_spelled(clause, path, text) for path, text in entries.spellings)
        case Spans(matches=matches):
            return any(_is_spanned(match, entries) for match in matches)
        case Texts(matches=matches):
            return any(_is_written(match, entries) for match in matches)
        case Missing(paths=paths, missing=missing):
            return entries.present().isdisjoint(paths) == missing
        case Near(path=path, circles=circles):
            return any(_is_inside(circle, path, entries) for circle in circles)
        case AnyOf(groups=groups):
            return any(holds(group, candidate) for group in groups)
    return _holds_for(clause, candidate.resource)


def _holds_for(clause: Clause, resource: Mapping[str, Any]) -> bool:
    """Whether ``clause`` holds, which looks at the resource itself and not at what it is found by."""
    match clause:
        case Ids(ids=ids, negated=negated):
            return (resource.get("id") in ids) != negated
        case Updated(groups=groups):
            written = date_span(resource.get("meta", {}).get("lastUpdated", ""))
            return written is not None and _fits(groups, written)
        case Words(where=where, groups=groups):
            text = _narrative(resource) if where == "narrative" else " ".join(_strings(resource))
            return any(all(_begins_word(word).search(text) for word in group) for group in groups)
    raise AssertionError(clause)  # whoever asks has seen to it that none is distant


def _is_spelled(clause: Spelled, path: str, text: str) -> bool:
    if all(path != terms.spelled_path(each, clause.what) for each in clause.paths):
        return False
    ends = ("", "/") if clause.what == "uri" else None
    return any(
        text.startswith(asked) and (ends is None or text[len(asked) : len(asked) + 1] in ends) for asked in clause.texts
    )


def _is_spanned(match: SpanMatch, entries: Entries) -> bool:
    for path, low, high, unit, code in entries.spans:
        if path == match.path and any(_fits(groups, Span(low, high)) for groups in _groups(match, unit, code)):
            return True
    return False


_IN_UCUM = terms.unit_term(UCUM, "")


def _groups(match: SpanMatch, unit: str | None, code: str | None) -> Iterator[tuple[tuple[Bound, ...], ...]]:
    """Yield what ``match`` asks of an amount in ``unit``, or of one with its ``code`` alone."""
    by_code = match.unit is not None and match.unit.startswith(terms.unit_term("", ""))
    if match.unit is None or match.unit == (code if by_code else unit):
        yield match.groups
    elif match.measured and unit is not None and unit.startswith(_IN_UCUM):
        converted = comparable(match, unit.removeprefix(_IN_UCUM))
        if converted is not None:
            yield converted.groups


_COMPARE: Mapping[str, Callable[[float, float], bool]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def _fits(groups: Sequence[Sequence[Bound]], span: Span) -> bool:
    return any(
        all(_COMPARE[bound.comparison](span.low if bound.end == "low" else span.high, bound.value) for bound in group)
        for group in groups
    )


def _is_written(match: TextMatch, entries: Entries) -> bool:
    return any(path == match.path and _reads(match, folded, written) for path, folded, written in entries.texts)


def _reads(match: TextMatch, folded: str, written: str) -> bool:
    if match.how == "is":
        return written == match.text
    return match.text in folded if match.how == "contains" else folded.startswith(match.text)


def _is_inside(circle: tuple[float, float, float], path: str, entries: Entries) -> bool:
    latitude, longitude, metres = circle
    latitudes = [low for at, low, *_ in entries.spans if at == f"{path}.latitude"]
    longitudes = [low for at, low, *_ in entries.spans if at == f"{path}.longitude"]
    return any(
        _metres_between((latitude, longitude), (north, east)) <= metres for north in latitudes for east in longitudes
    )


def _metres_between(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the distance of two positions in degrees, on a sphere."""
    north, east = radians(other[0]) - radians(one[0]), radians(other[1]) - radians(one[1])
    root = sin(north / 2) ** 2 + cos(radians(other[0])) * cos(radians(one[0])) * sin(east / 2) ** 2
    return 2 * EARTH_METRES * asin(min(1.0, sqrt(root)))


_TAG = re.compile(r"<[^>]*>")


def _narrative(resource: Mapping[str, Any]) -> str:
    return _TAG.sub(" ", resource.get("text", {}).get("div", ""))


def _strings(value: Any) -> Iterator[str]:
    """Yield every string inside a JSON value."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _strings(inner)


@lru_cache(maxsize=1024)
def _begins_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}", re.IGNORECASE)
