"""Parameters that say how to answer, not what to find: ``_count``, ``_sort``, ``_summary`` and their like.

Source: https://hl7.org/fhir/R4/search.html#return
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, get_args

from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search.clauses import Clause
from polyclinic.fhir.search.includes import Beyond, Include
from polyclinic.fhir.search.meaning.asked import Unknown
from polyclinic.fhir.search.vocabulary import Vocabulary

Summary = Literal["true", "text", "data", "count", "false"]
Total = Literal["none", "estimate", "accurate"]
Contained = Literal["false", "true", "both"]
ContainedType = Literal["container", "contained"]

LARGEST_PAGE = 1000
MOST_SORTS = 8
SORTED = frozenset({"string", "date", "number", "quantity", "token", "reference", "uri"})
"""Types of parameters that answers can be sorted by."""
_AS_WRITTEN = frozenset({"token", "reference", "uri"})
"""Those of them that are sorted by the element itself, not by what the index keeps of it."""


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order: a parameter, or ``_id`` or ``_lastUpdated``."""

    code: str
    descending: bool = False


@dataclass(slots=True)
class Reading:
    """A query half read: ``options`` are the fields of ``Query`` that control parameters set.

    ``types`` are those that are searched, none where only control parameters are understood.
    """

    types: tuple[str, ...]
    vocabulary: Vocabulary
    now: datetime | None
    options: dict[str, Any] = field(default_factory=dict)
    clauses: list[Clause] = field(default_factory=list)
    includes: list[Include] = field(default_factory=list)
    beyond: list[Beyond] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def _count(reading: Reading, value: str) -> None:
    if not (value.isascii() and value.isdigit()):
        raise Unacceptable(f"_count is a whole number, not {value[:64]!r}", at="_count")
    reading.options["count"] = min(int(value[:9]), LARGEST_PAGE)
    if reading.options["count"] == 0:
        reading.options["summary"] = "count"


def _sort(reading: Reading, value: str) -> None:
    parts = value.split(",")
    if len(parts) > MOST_SORTS:
        raise Unacceptable(f"_sort names {len(parts)} keys; {MOST_SORTS} are the most", at="_sort")
    reading.options["sort"] = tuple(_sort_key(reading, part) for part in parts)


def _sort_key(reading: Reading, part: str) -> Sort:
    code = part.removeprefix("-")
    for type in reading.types if code not in ("_id", "_lastUpdated") else ():
        parameter = reading.vocabulary.of(type).get(code)
        if parameter is None:
            raise Unknown("_sort", f"_sort names {code[:64]!r}, which {type} has no search parameter for")
        if parameter.type not in SORTED:
            raise NotSupported(f"_sort by {code}, a {parameter.type}, is not supported", at="_sort")
        if parameter.custom and parameter.type in _AS_WRITTEN and any(b.expression for b in parameter.branches):
            raise NotSupported(f"_sort by {code} is not supported: its values are computed", at="_sort")
    return Sort(code, descending=part != code)


def _summary(reading: Reading, value: str) -> None:
    reading.options["summary"] = _one_of(get_args(Summary), "_summary", value)


def _total(reading: Reading, value: str) -> None:
    reading.options["total"] = _one_of(get_args(Total), "_total", value)


def _contained(reading: Reading, value: str) -> None:
    reading.options["contained"] = _one_of(get_args(Contained), "_contained", value)


def _contained_type(reading: Reading, value: str) -> None:
    reading.options["contained_type"] = _one_of(get_args(ContainedType), "_containedType", value)


def _explain(reading: Reading, value: str) -> None:
    reading.options["explain"] = _one_of(("true", "false"), "_explain", value) == "true"


def _one_of(known: tuple[str, ...], name: str, value: str) -> str:
    if value not in known:
        raise Unacceptable(f"{name} is one of {', '.join(known)}, not {value[:64]!r}", at=name)
    return value


def _elements(reading: Reading, value: str) -> None:
    reading.options["elements"] = tuple(filter(None, value.split(",")))


CONTROLS: Mapping[str, Callable[[Reading, str], None]] = MappingProxyType(
    {
        "_count": _count,
        "_sort": _sort,
        "_summary": _summary,
        "_total": _total,
        "_elements": _elements,
        "_contained": _contained,
        "_containedType": _contained_type,
        "_explain": _explain,
    }
)
