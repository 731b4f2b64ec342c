"""Clauses: what a search asks, in the words of the index. ``meaning`` makes them, a store answers them.

All clauses of a query must hold; a clause holds where any of its alternatives holds.
A search makes dozens of such values: they are Structs, which are made in a fifth of a frozen dataclass's time.
"""

from typing import Literal

from msgspec import Struct

Comparison = Literal["<", "<=", ">", ">="]


class Bound(Struct, frozen=True):
    """One comparison with the lower or upper end of an indexed span."""

    end: Literal["low", "high"]
    comparison: Comparison
    value: float


class SpanMatch(Struct, frozen=True):
    """Spans of ``path`` for which all bounds of any group hold, in the unit that ``unit`` names, if any.

    With ``measured`` the amounts are of that UCUM unit, and spans in comparable units match by what they amount to.
    Where a span ``crosses`` from one number to another of which it need not be the smaller, low may be above high.
    """

    path: str
    groups: tuple[tuple[Bound, ...], ...]
    unit: str | None = None
    measured: str | None = None
    crosses: bool = False


class TextMatch(Struct, frozen=True):
    """Texts of ``path`` that begin with, contain or are exactly ``text``; folded unless exact."""

    path: str
    text: str
    how: Literal["begins", "contains", "is"]


class Terms(Struct, frozen=True):
    """Resources that have any of ``terms``; with ``negated`` those that have none."""

    code: str
    terms: tuple[str, ...]
    negated: bool = False


class Spelled(Struct, frozen=True):
    """Resources with a term of any of ``paths`` that is spelled as any of ``texts`` says.

    A ``display`` (a text beside a code or reference, folded) begins with it, a ``uri`` is it or lies below it.
    """

    code: str
    what: Literal["display", "uri"]
    paths: tuple[str, ...]
    texts: tuple[str, ...]


class Spans(Struct, frozen=True):
    """Resources of which some span matches any of ``matches``."""

    code: str
    matches: tuple[SpanMatch, ...]


class Texts(Struct, frozen=True):
    """Resources of which some text matches any of ``matches``."""

    code: str
    matches: tuple[TextMatch, ...]


class Ids(Struct, frozen=True):
    """Resources with any of these ids; with ``negated`` all others."""

    ids: tuple[str, ...]
    negated: bool = False


class Updated(Struct, frozen=True):
    """Resources whose ``meta.lastUpdated`` fits any group of bounds."""

    groups: tuple[tuple[Bound, ...], ...]


class Missing(Struct, frozen=True):
    """Resources with nothing at any of ``paths``; with ``missing`` False those with something at one of them."""

    code: str
    paths: tuple[str, ...]
    missing: bool


class Near(Struct, frozen=True):
    """Resources whose position lies within any of ``circles``: latitude and longitude in degrees, radius in metres."""

    code: str
    path: str
    circles: tuple[tuple[float, float, float], ...]


class Words(Struct, frozen=True):
    """Resources in whose narrative, or anywhere in whose texts, all words of any of ``groups`` begin a word."""

    where: Literal["narrative", "content"]
    groups: tuple[tuple[str, ...], ...]


class Linked(Struct, frozen=True):
    """Resources that refer by any of ``paths`` to a resource of ``types`` for which all ``clauses`` hold."""

    code: str
    paths: tuple[str, ...]
    types: tuple[str, ...]
    clauses: tuple["Clause", ...]


class LinkedFrom(Struct, frozen=True):
    """Resources to which a resource of ``type`` refers by any of ``paths``, for which all ``clauses`` hold."""

    code: str
    paths: tuple[str, ...]
    type: str
    clauses: tuple["Clause", ...]


class AnyOf(Struct, frozen=True):
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
