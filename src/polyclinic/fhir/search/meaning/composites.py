"""What must hold of one element at once: composite parameters.

Source: https://hl7.org/fhir/R4/search.html#composite
"""

from typing import Literal

from msgspec.structs import replace

from polyclinic.fhir.outcome import Refusal
from polyclinic.fhir.search.clauses import AnyOf, Bound, Clause, SpanMatch, Spans, Terms, Texts
from polyclinic.fhir.search.composites import within
from polyclinic.fhir.search.meaning.asked import Asked, naming, split
from polyclinic.fhir.search.meaning.single import meaning_of
from polyclinic.fhir.search.pairs import pair
from polyclinic.fhir.search.parameters import Focus, Parameter


def composite(asked: Asked) -> Clause:
    """Return what a composite parameter asks: for each value all parts at once, in any of its places."""
    asked.only()
    groups = [
        group for value in asked.values for focus in asked.parameter.foci for group in _group(asked, focus, value)
    ]
    return AnyOf(asked.code, tuple(groups))


def _group(asked: Asked, focus: Focus, value: str) -> list[tuple[Clause, ...]]:
    values = split(value, "$")
    if len(values) != len(focus.parts) or not all(values):
        form = "$".join(f"[{part.code}]" for part in focus.parts)
        raise asked.wrong(value, form)
    parts = tuple(_part(asked, part, one) for part, one in zip(focus.parts, values, strict=True))
    return [(*parts[: focus.outer], _together(parts[focus.outer :]))] if focus.repeats else [parts]


def _part(asked: Asked, part: Parameter, value: str) -> Clause:
    try:
        return meaning_of(replace(asked, parameter=part, values=(value,)))
    except Refusal as refusal:
        raise naming(refusal, asked.name) from refusal


def _together(parts: tuple[Clause, ...]) -> Clause:
    """Return what both parts ask of one and the same element, as ``extract`` has kept it."""
    first, second = parts
    if isinstance(first, Spans) and isinstance(second, Spans):
        return Spans(second.code, tuple(_from_to(a, b) for a in first.matches for b in second.matches))
    assert isinstance(first, Terms)  # a focus that repeats begins with a token, a reference or a number
    match second:
        case Terms(code, terms):
            return Terms(code, tuple(pair(a, b) for a in first.terms for b in terms))
        case Spans(code, matches):
            return Spans(code, tuple(replace(m, path=within(m.path, a)) for a in first.terms for m in matches))
        case Texts(code, matches):
            return Texts(code, tuple(replace(m, path=within(m.path, a)) for a in first.terms for m in matches))
    raise AssertionError(second)


def _from_to(first: SpanMatch, second: SpanMatch) -> SpanMatch:
    """Return what two numbers of one element match as the one span that they are kept as."""
    groups = tuple(_at("low", a) + _at("high", b) for a in first.groups for b in second.groups)
    return SpanMatch(within(second.path, first.path), groups, crosses=True)


def _at(end: Literal["low", "high"], group: tuple[Bound, ...]) -> tuple[Bound, ...]:
    return tuple(Bound(end, bound.comparison, bound.value) for bound in group)
