"""The grammar of a search: from the pairs of a URL's query to clauses over the index. It judges, it finds nothing.

Nothing is ignored in silence: an unknown parameter is refused, or with ``lenient`` listed in ``Query.ignored``.
Source: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, get_args

from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search.clauses import Clause, clause
from polyclinic.fhir.search.parameters import Parameter, parameters

Summary = Literal["true", "text", "data", "count", "false"]
Total = Literal["none", "estimate", "accurate"]

PAGE = 20
LARGEST_PAGE = 1000
FOR_THE_DOOR = frozenset({"_format", "_pretty"})
"""Parameters that say how to answer over HTTP, not what: they concern only the door."""
NOT_YET = frozenset(
    {
        "_include",
        "_revinclude",
        "_has",
        "_contained",
        "_containedType",
        "_text",
        "_content",
        "_list",
        "_filter",
        "_query",
    }
    | {"_type"}
)


@dataclass(frozen=True, slots=True)
class Sort:
    """One key of an order: a parameter, or ``_id`` or ``_lastUpdated``."""

    code: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """One search. ``clauses`` must all hold; ``used`` are the pairs as understood, for the self link.

    ``type`` is None for a search over all types. Without ``sort`` the newest come first, by clinical date.
    """

    type: str | None
    clauses: tuple[Clause, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int = PAGE
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    total: Total | None = None
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reading:
    """A query half read: ``options`` are the fields of ``Query`` that control parameters set."""

    type: str | None
    known: Mapping[str, Parameter]
    now: datetime | None
    options: dict[str, Any] = field(default_factory=dict)
    clauses: list[Clause] = field(default_factory=list)
    used: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)


def parse(
    type: str | None, pairs: Sequence[tuple[str, str]], *, lenient: bool = False, now: datetime | None = None
) -> Query:
    """Return the search that ``pairs`` ask for among resources of ``type``.

    ``now`` is what "approximately" is measured from. With ``lenient`` unknown parameters are left out and listed.
    Raises: ``Unacceptable`` or ``NotSupported``, naming the parameter.
    """
    reading = _Reading(type, parameters(type) if type else {}, now)
    for name, value in pairs:
        if name in FOR_THE_DOOR:
            continue
        try:
            _read(reading, name, value)
        except _Unknown as unknown:
            if not lenient:
                raise
            reading.ignored.append(unknown.name)
        else:
            reading.used.append((name, value))
    return Query(
        type,
        tuple(reading.clauses),
        used=tuple(reading.used),
        ignored=tuple(reading.ignored),
        **reading.options,
    )


class _Unknown(NotSupported):
    """A parameter this type does not have."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence, at=name)
        self.name = name


def _read(reading: _Reading, name: str, value: str) -> None:
    code, _, modifier = name.partition(":")
    control = CONTROLS.get(code)
    if control is not None:
        if modifier:
            raise Unacceptable(f"{code} takes no modifier, not :{modifier}", at=name)
        control(reading, value)
        return
    parameter = reading.known.get(code)
    if parameter is None:
        raise _unknown(reading, name, code)
    reading.clauses.append(clause(parameter, modifier, value, now=reading.now))


def _unknown(reading: _Reading, name: str, code: str) -> _Unknown:
    if code in NOT_YET or "." in code:
        return _Unknown(name, f"the search parameter {name} is not supported")
    return _Unknown(name, f"{reading.type or 'a search over all types'} has no search parameter {code}")


def _count(reading: _Reading, value: str) -> None:
    if not (value.isascii() and value.isdigit()):
        raise Unacceptable(f"_count is a whole number, not {value!r}", at="_count")
    reading.options["count"] = min(int(value[:9]), LARGEST_PAGE)
    if reading.options["count"] == 0:
        reading.options["summary"] = "count"


def _sort(reading: _Reading, value: str) -> None:
    reading.options["sort"] = tuple(_sort_key(reading, part) for part in value.split(","))


def _sort_key(reading: _Reading, part: str) -> Sort:
    code = part.removeprefix("-")
    if code not in ("_id", "_lastUpdated"):
        parameter = reading.known.get(code)
        if parameter is None:
            raise _Unknown("_sort", f"_sort names {code!r}, which {reading.type} has no search parameter for")
        if parameter.type not in ("string", "date", "number", "quantity"):
            raise NotSupported(f"_sort by {code}, a {parameter.type}, is not supported", at="_sort")
    return Sort(code, descending=part != code)


def _summary(reading: _Reading, value: str) -> None:
    reading.options["summary"] = _one_of(get_args(Summary), "_summary", value)


def _total(reading: _Reading, value: str) -> None:
    reading.options["total"] = _one_of(get_args(Total), "_total", value)


def _one_of(known: tuple[str, ...], name: str, value: str) -> str:
    if value not in known:
        raise Unacceptable(f"{name} is one of {', '.join(known)}, not {value!r}", at=name)
    return value


def _elements(reading: _Reading, value: str) -> None:
    reading.options["elements"] = tuple(filter(None, value.split(",")))


CONTROLS: dict[str, Callable[[_Reading, str], None]] = {
    "_count": _count,
    "_sort": _sort,
    "_summary": _summary,
    "_total": _total,
    "_elements": _elements,
}
