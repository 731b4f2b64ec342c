"""Emitting: what the index keeps of one value, by parameter type and data type.

Source: https://hl7.org/fhir/R4/search.html#ptypes and the table "Cross-map" under each type.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from types import MappingProxyType
from typing import Any

from polyclinic.fhir.search import terms
from polyclinic.fhir.search.parameters import target_path
from polyclinic.fhir.search.values import Span, date_span, fold


@dataclass(slots=True)
class Entries:
    """What a resource is found by.

    ``terms`` are written by ``terms``; ``spans`` are (path, low, high, unit, unit by code alone); ``texts`` are
    (path, folded, written). ``links`` are (path, what ``terms.reference_target`` says), ``spellings`` are (path by
    ``terms.spelled_path``, text): what is in use, for questions that do not name a term in full.
    ``at`` is the clinical date in microseconds since 1970. References below ``base`` are taken as relative ones.
    """

    terms: set[str] = field(default_factory=set)
    spans: list[tuple[str, float, float, str | None, str | None]] = field(default_factory=list)
    texts: set[tuple[str, str, str]] = field(default_factory=set)
    links: set[tuple[str, str]] = field(default_factory=set)
    spellings: set[tuple[str, str]] = field(default_factory=set)
    at: float | None = None
    base: str = ""

    def present(self) -> set[str]:
        """Return the paths at which anything was found; references also by the type they lead to."""
        found = {path for term in self.terms for path, mark, _ in (term.partition("\0"),) if mark}
        found.update([span[0] for span in self.spans if "\0" not in span[0]])
        found.update([text[0] for text in self.texts if "\0" not in text[0]])
        for path, target in self.links:
            found.add(path)
            type = terms.reference_type(target)
            if type is not None:
                found.add(target_path(path, type))
        return found


LONGEST_URI = 600
"""Characters of a uri up to which ``:below`` finds it."""
UCUM = "http://unitsofmeasure.org"

Emit = Callable[[str, Any, Entries], None]
"""Take the path, one JSON value and the entries to add to."""

_folded = lru_cache(maxsize=16_384)(fold)


def _code(path: str, value: Any, out: Entries) -> None:
    text = value if type(value) is str else _literal(value)
    out.terms.add(terms.code_term(path, text))


def _literal(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    return str(value)


def _coding(path: str, value: Any, out: Entries) -> None:
    _coded(path, value.get("system", ""), value.get("code"), out)
    _display(path, value.get("display"), out)


def _coded(path: str, system: str, code: str | None, out: Entries) -> None:
    if code is not None:
        out.terms.add(terms.code_term(path, code))
        out.terms.add(terms.coding_term(path, system, code))
    if system:
        out.terms.add(terms.system_term(path, system))


def _display(path: str, text: str | None, out: Entries) -> None:
    if text is not None and (folded := _folded(text)):
        out.terms.add(terms.display_term(path, folded))
        out.spellings.add((terms.spelled_path(path, "display"), folded))


def _concept(path: str, value: Any, out: Entries) -> None:
    for coding in value.get("coding", ()):
        _coding(path, coding, out)
    _display(path, value.get("text"), out)


def _identifier(path: str, value: Any, out: Entries) -> None:
    system, text = value.get("system", ""), value.get("value")
    _coded(path, system, text, out)
    kind = value.get("type")
    if kind is None:
        return
    _display(path, kind.get("text"), out)
    for coding in kind.get("coding", ()):
        if text is not None and "system" in coding and "code" in coding:
            out.terms.add(terms.typed_identifier_term(path, coding["system"], coding["code"], text))


def _contact_point(path: str, value: Any, out: Entries) -> None:
    if "value" in value:
        _coded(path, "", value["value"], out)


def _reference(path: str, value: Any, out: Entries) -> None:
    literal = value.get("reference")
    if literal is not None:
        target = terms.reference_target(literal, out.base)
        out.links.add((path, target))
        if target[:1] != "#":  # what is contained is there, but it is no resource that others could ask for
            out.terms.add(terms.reference_term(path, target))
    if "identifier" in value:
        _identified(path, value["identifier"], out)
    _display(path, value.get("display"), out)


def _identified(path: str, identifier: Any, out: Entries) -> None:
    system, text = identifier.get("system", ""), identifier.get("value")
    if text is not None:
        out.terms.add(terms.identified_term(path, system, text))
        out.terms.add(terms.identified_anywhere_term(path, text))
    if system:
        out.terms.add(terms.identified_somehow_term(path, system))


def _uri(path: str, value: Any, out: Entries) -> None:
    out.terms.add(terms.uri_term(path, value))
    if len(value) <= LONGEST_URI:
        out.spellings.add((terms.spelled_path(path, "uri"), value))


def _canonical(path: str, value: Any, out: Entries) -> None:
    _uri(path, value, out)
    if "|" in value:
        _uri(path, value.partition("|")[0], out)


def _string(path: str, value: Any, out: Entries) -> None:
    folded = _folded(value)
    if folded:
        out.texts.add((path, folded, value))


_NAME_PARTS = ("family", "given", "prefix", "suffix", "text")
_ADDRESS_PARTS = ("line", "city", "district", "state", "postalCode", "country", "text")


def _parts(names: tuple[str, ...]) -> Emit:
    def emit(path: str, value: Any, out: Entries) -> None:
        for name in names:
            part = value.get(name)
            for text in part if type(part) is list else (part,):
                if text is not None:
                    _string(path, text, out)

    return emit


def _date(path: str, value: Any, out: Entries) -> None:
    span = date_span(value)
    if span is not None:
        out.spans.append((path, span.low, span.high, None, None))


def _period(path: str, value: Any, out: Entries) -> None:
    span = _limits(value)
    if span is not None:
        out.spans.append((path, span.low, span.high, None, None))


def _limits(period: Mapping[str, Any]) -> Span | None:
    begin, end = period.get("start"), period.get("end")
    first, last = date_span(begin) if begin else None, date_span(end) if end else None
    if first is None and last is None:
        return None
    return Span(first.low if first else -inf, last.high if last else inf)


def _timing(path: str, value: Any, out: Entries) -> None:
    """Keep only the outer limits of a schedule, as R4 has it (https://hl7.org/fhir/R4/search.html#date)."""
    spans = [span for event in value.get("event", ()) if event and (span := date_span(event))]
    bounds = value.get("repeat", {}).get("boundsPeriod")
    if bounds and (span := _limits(bounds)):
        spans.append(span)
    if spans:
        out.spans.append((path, min(s.low for s in spans), max(s.high for s in spans), None, None))


def _number(path: str, value: Any, out: Entries) -> None:
    exact = _real(value)
    out.spans.append((path, exact, exact, None, None))


def _real(value: Any) -> float:
    """Return a JSON number as the index compares it; beyond all floats it is infinite."""
    try:
        return float(value)
    except OverflowError:  # an integer of more than 308 digits
        return inf if value > 0 else -inf


def _quantity(path: str, value: Any, out: Entries) -> None:
    if "value" in value:
        span = _compared(_real(value["value"]), value.get("comparator"))
        for unit, code in _units(path, value, out):
            out.spans.append((path, span.low, span.high, unit, code))


def _compared(value: float, comparator: str | None) -> Span:
    if comparator is None:
        return Span(value, value)
    return Span(-inf, value) if comparator[0] == "<" else Span(value, inf)


def _units(path: str, value: Mapping[str, Any], out: Entries) -> Iterator[tuple[str | None, str | None]]:
    """Yield the terms of a quantity's unit by system and code, and by code or name alone; keep how it is spelled."""
    code, unit = value.get("code"), value.get("unit")
    if code is not None and value.get("system") == UCUM:
        out.spellings.add((terms.spelled_path(path, "unit"), code))
    if code is not None:
        yield terms.unit_term(value["system"], code) if "system" in value else None, terms.unit_term("", code)
    if unit is not None and unit != code:
        yield None, terms.unit_term("", unit)
    if code is None and unit is None:
        yield None, None


def _money(path: str, value: Any, out: Entries) -> None:
    if "value" in value:
        exact, currency = _real(value["value"]), value.get("currency")
        by_code = terms.unit_term("", currency) if currency else None
        out.spans.append((path, exact, exact, currency and terms.unit_term("urn:iso:std:iso:4217", currency), by_code))


def _position(path: str, value: Any, out: Entries) -> None:
    for name in ("latitude", "longitude"):
        if name in value:
            _number(f"{path}.{name}", value[name], out)


def _range(path: str, value: Any, out: Entries) -> None:
    low, high = value.get("low", {}), value.get("high", {})
    if "value" in low or "value" in high:
        lower = _real(low["value"]) if "value" in low else -inf
        upper = _real(high["value"]) if "value" in high else inf
        for unit, code in _units(path, low or high, out):
            out.spans.append((path, lower, upper, unit, code))


SYSTEM_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "System.String": "string",
        "System.Boolean": "boolean",
        "System.Integer": "integer",
        "System.Decimal": "decimal",
        "System.Date": "date",
        "System.DateTime": "dateTime",
        "System.Quantity": "Quantity",
    }
)
"""What FHIRPath computes, as the data type that it is kept as."""

_CODES = (
    "code",
    "id",
    "string",
    "uri",
    "url",
    "canonical",
    "oid",
    "uuid",
    "boolean",
    "integer",
    "positiveInt",
    "unsignedInt",
)

EMITTED: Mapping[str, Mapping[str, Emit]] = MappingProxyType(
    {
        "token": {
            **dict.fromkeys(_CODES, _code),
            "Coding": _coding,
            "CodeableConcept": _concept,
            "Identifier": _identifier,
            "ContactPoint": _contact_point,
        },
        "reference": {"Reference": _reference, "canonical": _canonical, "uri": _uri, "url": _uri},
        "string": {
            "string": _string,
            "markdown": _string,
            "HumanName": _parts(_NAME_PARTS),
            "Address": _parts(_ADDRESS_PARTS),
        },
        "date": {"date": _date, "dateTime": _date, "instant": _date, "Period": _period, "Timing": _timing},
        "number": {
            **dict.fromkeys(("integer", "positiveInt", "unsignedInt", "decimal"), _number),
            "Range": _range,
        },
        "quantity": {
            **dict.fromkeys(
                ("Quantity", "SimpleQuantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity"),
                _quantity,
            ),
            "Money": _money,
            "Range": _range,
        },
        "special": {"Location.position": _position},
        "uri": {"canonical": _canonical, **dict.fromkeys(("uri", "url", "oid", "uuid"), _uri)},
    }
)
"""Parameter type -> data type -> what to keep."""
