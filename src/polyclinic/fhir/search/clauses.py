"""Clauses: what a search asks, in the words of the index. ``meaning`` makes them, a store answers them.

All clauses of a query must hold; a clause holds where any of its alternatives holds.
"""

from dataclasses import dataclass
from typing import Literal

Comparison = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison with the lower or upper end of an indexed span."""

    end: Literal["low", "high"]
    comparison: Comparison
    value: float


@dataclass(frozen=True, slots=True)
class SpanMatch:
    """Spans of ``path`` for which all bounds of any group hold, in the unit that ``unit`` names, if any.

    With ``measured`` the amounts are of that UCUM unit, and spans in comparable units match by what they amount to.
    Where a span ``crosses`` from one number to another of which it need not be the smaller, low may be above high.
    """

    path: str
    groups: tuple[tuple[Bound, ...], ...]
    unit: str | None = None
    measured: str | None = None
    crosses: bool = False


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
class Spelled:
    """Resources with a term of any of ``paths`` that is spelled as any of ``texts`` says.

    A ``display`` (a text beside a code or reference, folded) begins with it, a ``uri`` is it or lies below it.
    """

    code: str
    what: Literal["display", "uri"]
    paths: tuple[str, ...]
    texts: tuple[str, ...]


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
    """Resources with any of these ids; with ``negated`` all others."""

    ids: tuple[str, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Updated:
    """Resources whose ``meta.lastUpdated`` fits any group of bounds."""

    groups: tuple[tuple[Bound, ...], ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """Resources with nothing at any of ``paths``; with ``missing`` False those with something at one of them."""

    code: str
    paths: tuple[str, ...]
    missing: bool


@dataclass(frozen=True, slots=True)
class Near:
    """Resources whose position lies within any of ``circles``: latitude and longitude in degrees, radius in metres."""

    code: str
    path: str
    circles: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True)
class Words:
    """Resources in whose narrative, or anywhere in whose texts, all words of any of ``groups`` begin a word."""

    where: Literal["narrative", "content"]
    groups: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Linked:
    """Resources that refer by any of ``paths`` to a resource of ``types`` for which all ``clauses`` hold."""

    code: str
    paths: tuple[str, ...]
    types: tuple[str, ...]
    clauses: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class LinkedFrom:
    """Resources to which a resource of ``type`` refers by any of ``paths``, for which all ``clauses`` hold."""

    code: str
    paths: tuple[str, ...]
    type: str
    clauses: tuple["Clause", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Resources for which all clauses of any group hold."""

    code: str
    groups: tuple[tuple["Clause", ...], ...]


Clause = Terms | Spelled | Spans | Texts | Ids | Updated | Missing | Near | Words | Linked | LinkedFrom | AnyOf


def types_asked(clauses: tuple[Clause, ...]) -> frozenset[str]:
    """Return the resource types that ``clauses`` look into besides those that are searched."""
    found: set[str] = set()
    for clause in clauses:
        match clause:
            case Linked(types=types, clauses=inner):
                found |= {*types} | types_asked(inner)
            case LinkedFrom(type=type, clauses=inner):
                found |= {type} | types_asked(inner)
            case AnyOf(groups=groups):
                found = found.union(*map(types_asked, groups))
    return frozenset(found)
