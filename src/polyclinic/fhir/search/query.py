"""The grammar of a search: from the pairs of a URL's query to clauses over the index. It judges, it finds nothing.

Nothing is ignored in silence: an unknown parameter is refused, or with ``lenient`` listed in ``Query.ignored``.
Source: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, get_args

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
    """A query half read."""

    query: Query
    known: dict[str, Parameter] = field(default_factory=dict)
    now: datetime | None = None


def parse(
    type: str | None, pairs: Sequence[tuple[str, str]], *, lenient: bool = False, now: datetime | None = None
) -> Query:
    """Return the search that ``pairs`` ask for among resources of ``type``.

    ``now`` is what "approximately" is measured from. With ``lenient`` unknown parameters are left out and listed.
    Raises: ``Unacceptable`` or ``NotSupported``, naming the parameter.
    """
    reading = _Reading(Query(type), dict(parameters(type)) if type else {}, now)
    for name, value in pairs:
        if name in FOR_THE_DOOR:
            continue
        try:
            _read(reading, name, value)
        except _Unknown as unknown:
            if not lenient:
                raise
            reading.query = replace(reading.query, ignored=(*reading.query.ignored, unknown.name))
        else:
            reading.query = replace(reading.query, used=(*reading.query.used, (name, value)))
    return reading.query


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
        reading.query = control(reading, value)
        return
    if code in NOT_YET or "." in code:
        raise _Unknown(name, f"the search parameter {name} is not supported")
    parameter = reading.known.get(code)
    if parameter is None:
        where = reading.query.type or "searches over all types"
        raise _Unknown(name, f"{where} has no search parameter {code}")
    made = clause(parameter, modifier, value, now=reading.now)
    reading.query = replace(reading.query, clauses=(*reading.query.clauses, made))


def _count(reading: _Reading, value: str) -> Query:
    if not (value.isascii() and value.isdigit()):
        raise Unacceptable(f"_count is a whole number, not {value!r}", at="_count")
    count = min(int(value[:9]), LARGEST_PAGE)
    if count == 0:
        return replace(reading.query, count=0, summary="count")
    return replace(reading.query, count=count)


def _sort(reading: _Reading, value: str) -> Query:
    keys = []
    for part in value.split(","):
        code = part.removeprefix("-")
        keys.append(Sort(code, descending=part.startswith("-")))
        if code in ("_id", "_lastUpdated"):
            continue
        parameter = reading.known.get(code)
        if parameter is None:
            raise _Unknown("_sort", f"_sort names {code!r}, which {reading.query.type} has no search parameter for")
        if parameter.type not in ("string", "date", "number", "quantity"):
            raise NotSupported(f"_sort by {code}, a {parameter.type}, is not supported", at="_sort")
    return replace(reading.query, sort=tuple(keys))


def _summary(reading: _Reading, value: str) -> Query:
    for known in get_args(Summary):
        if value == known:
            return replace(reading.query, summary=known)
    raise Unacceptable(f"_summary is one of {', '.join(get_args(Summary))}, not {value!r}", at="_summary")


def _total(reading: _Reading, value: str) -> Query:
    for known in get_args(Total):
        if value == known:
            return replace(reading.query, total=known)
    raise Unacceptable(f"_total is one of {', '.join(get_args(Total))}, not {value!r}", at="_total")


def _elements(reading: _Reading, value: str) -> Query:
    return replace(reading.query, elements=tuple(filter(None, value.split(","))))


CONTROLS: dict[str, Callable[[_Reading, str], Query]] = {
    "_count": _count,
    "_sort": _sort,
    "_summary": _summary,
    "_total": _total,
    "_elements": _elements,
}
