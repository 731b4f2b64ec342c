"""Clauses: what one search parameter asks, said in the words of the index.

A clause holds where any of its alternatives holds. Which comparison a prefix means is decided here, so that a
store only has to compare columns. Source: https://hl7.org/fhir/R4/search.html#ptypes
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search import terms
from polyclinic.fhir.search.parameters import Branch, Parameter
from polyclinic.fhir.search.values import Span, about, about_date, date_span, fold, number, precision

Comparison = Literal["<", "<=", ">", ">="]
Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")
_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[-+.\d])")
_PIECE = re.compile(r"\\.|.", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\,|$])")


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison with the lower or upper end of an indexed span."""

    end: Literal["low", "high"]
    comparison: Comparison
    value: float


@dataclass(frozen=True, slots=True)
class SpanMatch:
    """Spans of ``path`` for which all bounds of any group hold, in the unit that ``unit`` names, if any."""

    path: str
    groups: tuple[tuple[Bound, ...], ...]
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class TextMatch:
    """Texts of ``path`` that begin with, contain or are exactly ``text``; folded unless exact."""

    path: str
    text: str
    how: Literal["begins", "contains", "is"]


@dataclass(frozen=True, slots=True)
class Terms:
    """Resources that have any of ``terms``; with ``negated`` those that have none."""

    code: str
    terms: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Spans:
    """Resources of which some span matches any of ``matches``."""

    code: str
    matches: tuple[SpanMatch, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """Resources of which some text matches any of ``matches``."""

    code: str
    matches: tuple[TextMatch, ...]


@dataclass(frozen=True, slots=True)
class Ids:
    """Resources with any of these ids."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Updated:
    """Resources whose ``meta.lastUpdated`` fits any group of bounds."""

    groups: tuple[tuple[Bound, ...], ...]


Clause = Terms | Spans | Texts | Ids | Updated


def clause(parameter: Parameter, modifier: str, value: str, *, now: datetime | None) -> Clause:
    """Return what ``parameter:modifier=value`` asks.

    Raises: ``Unacceptable`` for a value of the wrong form, ``NotSupported`` for a modifier, each naming the parameter.
    """
    name = f"{parameter.code}:{modifier}" if modifier else parameter.code
    values = _split(value, ",")
    if not any(values):
        raise Unacceptable(f"{name} has no value", at=name)
    return _MAKERS[parameter.type](_Asked(parameter, modifier, name, tuple(v for v in values if v), now))


@dataclass(frozen=True, slots=True)
class _Asked:
    parameter: Parameter
    modifier: str
    name: str
    values: tuple[str, ...]
    now: datetime | None

    def only(self, *modifiers: str) -> None:
        if self.modifier and self.modifier not in modifiers:
            raise NotSupported(f"the modifier :{self.modifier} is not supported on {self.parameter.code}", at=self.name)

    def wrong(self, value: str, form: str) -> Unacceptable:
        return Unacceptable(f"{self.name} takes {form}, not {value!r}", at=self.name)


def _split(value: str, separator: str) -> list[str]:
    """Return the parts of ``value`` between separators that no backslash escapes; the parts stay escaped."""
    if "\\" not in value:
        return value.split(separator)
    parts = [""]
    for piece in _PIECE.findall(value):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _token(asked: _Asked) -> Terms:
    asked.only("not")
    found = tuple(
        term for v in asked.values for branch in asked.parameter.branches for term in _token_terms(branch, v, asked)
    )
    return Terms(asked.parameter.code, found, negated=asked.modifier == "not")


def _token_terms(branch: Branch, value: str, asked: _Asked) -> Iterator[str]:
    parts = [_plain(part) for part in _split(value, "|")]
    if len(parts) > 2:
        raise asked.wrong(value, "[system]|[code]")
    if len(parts) == 1:
        yield terms.code_term(branch.path, parts[0])
        return
    system, code = parts
    if branch.systems is not None:
        if code and (not system or system in branch.systems):
            yield terms.code_term(branch.path, code)
        elif system and not code and system in branch.systems:
            raise NotSupported(f"{asked.name} has codes of one system only: name a code", at=asked.name)
    elif code:
        yield terms.coding_term(branch.path, system, code)
    elif system:
        yield terms.system_term(branch.path, system)
    else:
        raise asked.wrong(value, "[system]|[code]")


def _reference(asked: _Asked) -> Terms:
    kind = asked.modifier
    if kind and kind not in asked.parameter.targets:
        if kind == "identifier":
            return _identified(asked)
        asked.only(*asked.parameter.targets, "identifier")
    found = tuple(
        dict.fromkeys(
            term
            for value in asked.values
            for branch in asked.parameter.branches
            for term in _reference_terms(branch, _plain(value), kind, asked)
        )
    )
    return Terms(asked.parameter.code, found)


def _reference_terms(branch: Branch, value: str, kind: str, asked: _Asked) -> Iterator[str]:
    if "canonical" in branch.types or "uri" in branch.types:
        yield terms.uri_term(branch.path, value)
    if "Reference" not in branch.types:
        return
    targets = (branch.target,) if branch.target else asked.parameter.targets
    if _ID.match(value):
        for target in (kind,) if kind else targets:
            yield terms.reference_term(branch.path, f"{target}/{value}")
        return
    named = terms.reference_type(value)
    if named is None and ":" not in value:
        raise asked.wrong(value, "an id, Type/id or an address")
    if named is None or ((not kind or named == kind) and named in targets):
        yield terms.reference_term(branch.path, terms.reference_target(value))


def _identified(asked: _Asked) -> Terms:
    found = []
    for value in asked.values:
        parts = [_plain(part) for part in _split(value, "|")]
        if len(parts) != 2 or not parts[1]:
            raise asked.wrong(value, "[system]|[value]")
        found += [terms.identified_term(b.path, parts[0], parts[1]) for b in asked.parameter.branches]
    return Terms(asked.parameter.code, tuple(found))


def _uri(asked: _Asked) -> Terms:
    asked.only()
    found = tuple(terms.uri_term(b.path, _plain(v)) for v in asked.values for b in asked.parameter.branches)
    return Terms(asked.parameter.code, found)


def _string(asked: _Asked) -> Texts:
    asked.only("exact", "contains")
    how: Literal["begins", "contains", "is"] = {"exact": "is", "contains": "contains"}.get(asked.modifier, "begins")  # type: ignore[assignment]
    found = []
    for value in asked.values:
        text = _plain(value) if how == "is" else fold(_plain(value))
        if not text:
            raise asked.wrong(value, "a text")
        found += [TextMatch(branch.path, text, how) for branch in asked.parameter.branches]
    return Texts(asked.parameter.code, tuple(found))


def _date(asked: _Asked) -> Spans:
    asked.only()
    return Spans(
        asked.parameter.code,
        tuple(SpanMatch(b.path, _date_groups(asked, v)) for v in asked.values for b in asked.parameter.branches),
    )


def _date_groups(asked: _Asked, value: str) -> tuple[tuple[Bound, ...], ...]:
    prefix, text = _prefixed(value)
    span = date_span(text.replace(" ", "+"))
    if span is None:
        raise asked.wrong(value, "a date such as 2024, 2024-05, 2024-05-31 or 2024-05-31T14:30:00+02:00")
    if prefix == "ap":
        if asked.now is None:
            raise NotSupported(f"{asked.name}: ap needs to know the time", at=asked.name)
        return overlapping(about_date(span, asked.now))
    return _DATES[prefix](span)


def _number(asked: _Asked) -> Spans:
    asked.only()
    found = []
    for value in asked.values:
        prefix, text = _prefixed(value)
        amount = number(text)
        if amount is None:
            raise asked.wrong(value, "a number")
        found += [SpanMatch(b.path, amounts(prefix, amount)) for b in asked.parameter.branches]
    return Spans(asked.parameter.code, tuple(found))


def _quantity(asked: _Asked) -> Spans:
    asked.only()
    found = []
    for value in asked.values:
        parts = [_plain(part) for part in _split(value, "|")]
        prefix, text = _prefixed(parts[0])
        amount = number(text)
        if amount is None or len(parts) not in (1, 3) or (len(parts) == 3 and parts[1] and not parts[2]):
            raise asked.wrong(value, "[number], [number]|[system]|[code] or [number]||[code]")
        unit = terms.unit_term(parts[1], parts[2]) if len(parts) == 3 and parts[2] else None
        found += [SpanMatch(b.path, amounts(prefix, amount), unit) for b in asked.parameter.branches]
    return Spans(asked.parameter.code, tuple(found))


def _special(asked: _Asked) -> Clause:
    asked.only()
    if asked.parameter.code == "_id":
        return Ids(tuple(v for v in asked.values))
    return Updated(tuple(group for v in asked.values for group in _date_groups(asked, v)))


_MAKERS: dict[str, Callable[[_Asked], Clause]] = {
    "token": _token,
    "reference": _reference,
    "uri": _uri,
    "string": _string,
    "date": _date,
    "number": _number,
    "quantity": _quantity,
    "special": _special,
}


def _prefixed(value: str) -> tuple[Prefix, str]:
    found = _PREFIX.match(value)
    return (found[1], value[2:]) if found else ("eq", value)  # type: ignore[return-value]


def overlapping(span: Span) -> tuple[tuple[Bound, ...], ...]:
    """Return the bounds of the dates that share a moment with ``span``."""
    return ((Bound("low", "<", span.high), Bound("high", ">", span.low)),)


_DATES: dict[Prefix, Callable[[Span], tuple[tuple[Bound, ...], ...]]] = {
    "eq": lambda s: ((Bound("low", ">=", s.low), Bound("high", "<=", s.high)),),
    "ne": lambda s: ((Bound("low", "<", s.low),), (Bound("high", ">", s.high),)),
    "gt": lambda s: ((Bound("high", ">", s.high),),),
    "lt": lambda s: ((Bound("low", "<", s.low),),),
    "ge": lambda s: ((Bound("low", ">=", s.low),), (Bound("high", ">", s.high),)),
    "le": lambda s: ((Bound("high", "<=", s.high),), (Bound("low", "<", s.low),)),
    "sa": lambda s: ((Bound("low", ">=", s.high),),),
    "eb": lambda s: ((Bound("high", "<=", s.low),),),
}


def amounts(prefix: Prefix, amount: Decimal) -> tuple[tuple[Bound, ...], ...]:
    """Return the bounds that ``prefix`` and ``amount`` put on a number; only eq and ne look at its precision."""
    exact, near = float(amount), precision(amount)
    if prefix == "ap":
        near = about(amount)
        return ((Bound("low", "<=", near.high), Bound("high", ">=", near.low)),)
    return {
        "eq": ((Bound("low", ">=", near.low), Bound("high", "<", near.high)),),
        "ne": ((Bound("low", "<", near.low),), (Bound("high", ">=", near.high),)),
        "gt": ((Bound("high", ">", exact),),),
        "lt": ((Bound("low", "<", exact),),),
        "ge": ((Bound("high", ">=", exact),),),
        "le": ((Bound("low", "<=", exact),),),
        "sa": ((Bound("low", ">", exact),),),
        "eb": ((Bound("high", "<", exact),),),
    }[prefix]
