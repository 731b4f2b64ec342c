"""The grammar of a search: from the pairs of a URL's query to clauses over the index. It judges, it finds nothing.

Nothing is ignored in silence: an unknown parameter is refused, or with ``lenient`` listed in ``Query.ignored``.
Source: https://hl7.org/fhir/R4/search.html
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from polyclinic.fhir.outcome import Refusal, Unacceptable
from polyclinic.fhir.search.clauses import AnyOf, Clause, Ids, Missing, Spans, Spelled, Terms, Texts, types_asked
from polyclinic.fhir.search.contained import refuse_beyond_contained
from polyclinic.fhir.search.controls import CONTROLS, Contained, ContainedType, Reading, Sort, Summary, Total
from polyclinic.fhir.search.includes import Beyond, Include, include
from polyclinic.fhir.search.meaning import Asked, clause, values_of
from polyclinic.fhir.search.meaning.asked import Elsewhere, Unknown, naming
from polyclinic.fhir.search.meaning.linked import chain, has, listed
from polyclinic.fhir.search.parameters import Parameter
from polyclinic.fhir.search.vocabulary import R4, Noting, Vocabulary

__all__ = ["Query", "Sort", "parse"]

PAGE = 20
FOR_THE_DOOR = frozenset({"_format", "_pretty"})
"""Parameters that say how to answer over HTTP, not what: they concern only the door."""


class Query(Struct, frozen=True):
    """One search among resources of ``types``. ``clauses`` must all hold; ``used`` are the pairs as understood.

    Without ``sort`` the newest come first, by clinical date. ``includes`` say what else is to come along, ``beyond``
    what of it cannot because it is kept elsewhere.
    ``contained`` says whether resources inside others are meant, too or alone, ``contained_type`` what stands for one.
    With ``explain`` it is asked how this is answered, not what the answer is; ``patience`` are the seconds that it may
    take, None for what is usual.
    ``vocabulary`` is what it was understood by; ``custom`` are those of its parameters that are not R4's, each with
    the resource type that it was asked of.
    """

    types: tuple[str, ...] = ()
    clauses: tuple[Clause, ...] = ()
    sort: tuple[Sort, ...] = ()
    count: int = PAGE
    summary: Summary | None = None
    elements: tuple[str, ...] = ()
    total: Total | None = None
    includes: tuple[Include, ...] = ()
    beyond: tuple[Beyond, ...] = ()
    contained: Contained = "false"
    contained_type: ContainedType = "container"
    explain: bool = False
    patience: float | None = None
    used: tuple[tuple[str, str], ...] = ()
    ignored: tuple[str, ...] = ()
    vocabulary: Vocabulary = R4
    custom: tuple[tuple[str, Parameter], ...] = ()

    @property
    def type(self) -> str | None:
        """The one type that is searched, None where there are several or none."""
        return self.types[0] if len(self.types) == 1 else None


def parse(
    type: str | Sequence[str] | None,
    pairs: Sequence[tuple[str, str]],
    *,
    lenient: bool = False,
    now: datetime | None = None,
    vocabulary: Vocabulary = R4,
) -> Query:
    """Return the search that ``pairs`` ask for among resources of ``type``, which may be several.

    ``now`` is what "approximately" is measured from. With ``lenient`` unknown parameters, and those that look into
    what is kept elsewhere, are left out and listed.
    Raises: ``Unacceptable`` or ``NotSupported``, naming the parameter.
    """
    types = (type,) if isinstance(type, str) else tuple(type or ())
    noting = Noting(vocabulary)
    reading = Reading(types, noting, now)
    for name, value in pairs:
        if name in FOR_THE_DOOR:
            continue
        try:
            _read(reading, name, value)
        except Unknown as unknown:
            if not lenient:
                raise
            reading.ignored.append(unknown.name)
        else:
            reading.used.append((name, value))
    refuse_beyond_contained(reading)
    return Query(
        types,
        tuple(reading.clauses),
        includes=tuple(reading.includes),
        beyond=tuple(reading.beyond),
        used=tuple(reading.used),
        ignored=tuple(reading.ignored),
        vocabulary=vocabulary,
        custom=tuple((type, parameter) for (type, _), parameter in noting.noted.items()),
        **reading.options,
    )


def _read(reading: Reading, name: str, value: str) -> None:
    code, _, modifier = name.partition(":")
    control = CONTROLS.get(code)
    if control is not None:
        if modifier:
            raise Unacceptable(f"{code} takes no modifier, not :{modifier[:64]}", at=name)
        control(reading, value)
    elif not reading.types:
        raise Unknown(name, f"the parameter {name[:64]} means nothing to this interaction")
    elif code in ("_include", "_revinclude"):
        included, beyond = include(reading.vocabulary, reading.types, name, value)
        reading.includes += included
        reading.beyond += [beyond] if beyond else []
    elif name == "_list":
        reading.clauses += _here(reading, name, (listed(values_of(name, value)),))
    else:
        clauses = _flat(_merged([_clause(reading, type, name, value) for type in reading.types]))
        reading.clauses += _here(reading, name, clauses)


def _here(reading: Reading, name: str, clauses: tuple[Clause, ...]) -> tuple[Clause, ...]:
    """Return ``clauses``, which ``name`` asks. Refuses: ``Elsewhere`` where they look into what is kept elsewhere."""
    away = reading.vocabulary.away
    if away and (beyond := away & types_asked(clauses)):
        raise Elsewhere(name, name, beyond)
    return clauses


def _clause(reading: Reading, type: str, name: str, value: str) -> Clause:
    """Return what ``name=value`` asks of a ``type``; ``name`` may be a chain or a ``_has``."""

    def inner(other: str, rest: str, value: str) -> Clause:
        try:
            return _clause(reading, other, rest, value)
        except Refusal as refusal:
            raise naming(refusal, name) from refusal

    if name.startswith("_has:"):
        return has(reading.vocabulary, (type,), name, value, inner)
    if "." in name:
        return chain(reading.vocabulary, type, name, value, inner)
    code, _, modifier = name.partition(":")
    known = reading.vocabulary.of(type)
    parameter = known.get(code)
    if parameter is None:
        raise Unknown(name, f"{type} has no search parameter {code[:64]}")
    return clause(Asked(type, parameter, modifier, values_of(name, value), known, reading.now, reading.vocabulary.base))


def _merged(clauses: list[Clause]) -> Clause:
    """Return what the same parameter asks of several types as one clause: paths tell the types apart."""
    first = clauses[0]
    if len(clauses) == 1:
        return first
    distinct = list(dict.fromkeys(clauses))
    if len(distinct) == 1:
        return first
    if len({type(each) for each in distinct}) > 1 or isinstance(first, Ids):
        return AnyOf(getattr(first, "code", "_id"), tuple((each,) for each in distinct))
    match first:
        case Terms(code, _, negated):
            return Terms(code, _union(each.terms for each in distinct), negated)  # type: ignore[union-attr]
        case Spans(code):
            return Spans(code, _union(each.matches for each in distinct))  # type: ignore[union-attr]
        case Texts(code):
            return Texts(code, _union(each.matches for each in distinct))  # type: ignore[union-attr]
        case Spelled(code, what, _, texts):
            return Spelled(code, what, _union(each.paths for each in distinct), texts)  # type: ignore[union-attr]
        case Missing(code, _, missing):
            return Missing(code, _union(each.paths for each in distinct), missing)  # type: ignore[union-attr]
    return AnyOf(getattr(first, "code", ""), tuple((each,) for each in distinct))


def _union(parts: Iterable[tuple[Any, ...]]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for part in parts for item in part))


def _flat(found: Clause) -> tuple[Clause, ...]:
    """Return the clauses of a single group as they are: each of them may then lead a search."""
    return found.groups[0] if isinstance(found, AnyOf) and len(found.groups) == 1 else (found,)
