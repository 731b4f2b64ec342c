"""Orders and positions: how answers are sorted, and how the next page knows where the last one ended.

A position holds the sort values of the last answer and its key; no offset, so that the thousandth page costs what
the first did. Beside them is what the first page saw, to know what changed since: see ``pages``.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from math import inf
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.controls import Sort
from polyclinic.fhir.search.parameters import Branch
from polyclinic.fhir.search.query import Query
from polyclinic.fhir.search.steps import Field, Place
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository.keys import key_of
from polyclinic.repository.plan import FEW, ByColumn, ByKeys, ByValue, Lacks, Plan
from polyclinic.repository.rows import NO_DATE

Add = Callable[[Any], int]
"""Takes an argument of a statement and returns its number."""

VALUES = {"text": ("text_value", "value"), "span": ("span", "low")}
"""Where values to be sorted by are: table and column."""
NEVER = 2**63 - 1
"""The clinical date of a resource without one, where the earliest come first."""
_LAST = "\U0010ffff"
_WRITTEN_AS = {"CodeableConcept": ".coding.code", "Coding": ".code", "Identifier": ".value", "ContactPoint": ".value",
               "Reference": ".reference"}  # fmt: skip
"""What of a value that is no primitive it is sorted by."""


class SortKey(Struct, frozen=True):
    """One key of an order, as an SQL expression over a candidate ``c(at, resource)``.

    ``of`` are the keys of the elements, or for ``json`` the JSON paths. A missing value comes last. With ``led`` the
    candidate has the value itself, as its column of the same name or as ``sorted``; with ``absent`` it has none.
    ``base``, for references, is our own address: one below it is sorted as a relative one, without its version.
    """

    column: Literal["at", "updated", "id", "text", "span", "json"]
    descending: bool
    of: tuple[Any, ...] = ()
    led: bool = False
    absent: bool = False
    base: str | None = None

    def sql(self, add: Add) -> str:
        """Return the expression; ``add`` takes its arguments."""
        match self.column:
            case "at" if self.descending:
                return "c.at"
            case "at":
                return f"case c.at when {NO_DATE} then {NEVER} else c.at end"
            case "updated" | "id":
                return f"c.{self.column}" if self.led else self._of_resource()
        missing = missing_value(self.column, descending=self.descending)
        if self.led or self.absent:
            return missing if self.absent else "c.sorted"
        return f"coalesce(({self._found(add)}), {missing})"

    def _of_resource(self) -> str:
        return f"(select f.{self.column} from resource f where f.key = c.resource)"

    def _found(self, add: Add) -> str:
        if self.column == "json":
            return f"select {self.in_body(add, 'f.body')} from resource f where f.key = c.resource"
        best, of = "max" if self.descending else "min", add(list(self.of))
        table, value = VALUES[self.column]
        return f"select {best}(f.{value}) from {table} f where f.resource = c.resource and f.key = any(${of}::bigint[])"

    def in_body(self, add: Add, body: str) -> str:
        """Return the expression of a ``json`` key over the expression ``body``; null where it is missing."""
        best, of = "max" if self.descending else "min", add(list(self.of))
        values = f"jsonb_path_query(convert_from({body}, 'UTF8')::jsonb, p.path::jsonpath)"
        value = "(v.value #>> '{}')"
        return (
            f'(select {best}({value if self.base is None else self._target(value, add)} collate "C") '
            f"from unnest(${of}::text[]) as p(path) cross join lateral {values} as v(value))"
        )

    def _target(self, literal: str, add: Add) -> str:
        """Return what ``literal`` leads to, as ``terms.reference_target`` says it; null for what is contained."""
        base = add(self.base)
        begin = f"1 + case when starts_with({literal}, ${base}::text) then length(${base}::text) else 0 end"
        whole = f"split_part(substr({literal}, {begin}), '/_history/', 1)"
        return f"(case when not starts_with({literal}, '#') then {whole} end)"

    @property
    def cast(self) -> str:
        """The PostgreSQL type of the expression."""
        return _CASTS[self.column]


_CASTS = {"at": "bigint", "updated": "timestamptz", "id": "text", "text": "text", "span": "float8", "json": "text"}
NEWEST_FIRST = (SortKey("at", descending=True),)


def order_of(query: Query) -> tuple[SortKey, ...]:
    """Return the keys that ``query`` sorts by: the clinical date, newest first, where it names none."""
    return tuple(_sort_key(query.types, sort, query.vocabulary) for sort in query.sort) or NEWEST_FIRST


def _sort_key(types: Sequence[str], sort: Sort, vocabulary: Vocabulary) -> SortKey:
    if sort.code == "_id":
        return SortKey("id", sort.descending)
    if sort.code == "_lastUpdated":
        return SortKey("updated", sort.descending)
    if all(sort.code == CLINICAL_DATE.get(type) for type in types):
        return SortKey("at", sort.descending)
    found = [vocabulary.of(type)[sort.code] for type in types]
    branches = [branch for parameter in found for branch in parameter.branches]
    kind = found[0].type
    if kind in ("date", "number", "quantity", "string"):
        keys = tuple(dict.fromkeys(key_of(branch.path) for branch in branches))
        return SortKey("text" if kind == "string" else "span", sort.descending, keys)
    paths = [
        path
        for type, parameter in zip(types, found, strict=True)
        for b in parameter.branches
        for path in _json(type, b)
    ]
    base = vocabulary.base if kind == "reference" else None
    return SortKey("json", sort.descending, tuple(dict.fromkeys(paths)), base=base)


def _json(type: str, branch: Branch) -> list[str]:
    """Return the JSON paths (PostgreSQL's) of what ``branch`` looks at in a resource of ``type``."""
    return [_json_path(type, place) for place in branch.places if place.steps]


def _json_path(type: str, place: Place) -> str:
    path = f"$ ? (@.resourceType == {json.dumps(type)})"
    for step in place.steps:
        path += (
            f".{json.dumps(step.name)}"
            if isinstance(step, Field)
            else f" ? (@.{step.name} == {json.dumps(step.value)})"
        )
    return path + _WRITTEN_AS.get(place.type, "")


def is_index_order(order: Sequence[SortKey]) -> bool:
    """Whether postings already lie in this order."""
    return len(order) == 1 and order[0].column == "at"


def in_column_order(chosen: Plan, order: tuple[SortKey, ...]) -> tuple[Plan, tuple[SortKey, ...]]:
    """Return ``chosen`` led by the column that ``order`` sorts by, where gathering all first would cost more."""
    question, lead, key = chosen.question, chosen.lead, order[0]
    if len(order) != 1 or len(question.types) != 1 or not isinstance(lead, ByKeys):
        return chosen, order
    if chosen.estimate <= FEW and lead.keys != (key_of(question.types[0]),):
        return chosen, order
    led: ByColumn | ByValue
    if key.column in ("updated", "id"):
        led = ByColumn("updated" if key.column == "updated" else "id")
    elif key.column in ("text", "span") and len(key.of) == 1:
        led = ByValue("text" if key.column == "text" else "span", key.of[0], key.descending)
    else:
        return chosen, order
    return replace(chosen, lead=led, checks=question.checks), (replace(key, led=True),)


def without_value(chosen: Plan, order: tuple[SortKey, ...]) -> tuple[Plan, tuple[SortKey, ...]]:
    """Return the plan for what follows where a ``ByValue`` has been read to its end: resources without a value."""
    question, lead = chosen.question, chosen.lead
    assert isinstance(lead, ByValue)
    everything = ByKeys((key_of(question.types[0]),))
    checks = (*question.checks, Lacks(lead.table, lead.key, lead.descending))
    return replace(chosen, lead=everything, checks=checks), (replace(order[0], led=False, absent=True),)


def last_value(column: str, *, descending: bool) -> float | str:
    """Return what stands in for the value that a resource lacks: it comes last."""
    if column == "span":
        return -inf if descending else inf
    return "" if descending else _LAST


def missing_value(column: str, *, descending: bool) -> str:
    """Return ``last_value`` as SQL."""
    return f"'{last_value(column, descending=descending)}'::{_CASTS[column]}"


def is_missing(values: Sequence[Any], order: Sequence[SortKey]) -> bool:
    """Whether the answer with these sort ``values`` had none to be sorted by."""
    return bool(values[0] == last_value(order[0].column, descending=order[0].descending))


class Position(Struct, frozen=True):
    """Behind an answer with these sort values and key (``values``), in a search whose first page saw ``seen``.

    ``seen`` is a PostgreSQL snapshot, as text; None where that does not matter.
    """

    seen: str | None
    values: tuple[Any, ...]

    def written(self) -> bytes:
        """Return this position as bytes, for ``position_in``."""
        return encode([self.seen, *plain(self.values)])


_READ: dict[str, Callable[[str], Any]] = {
    "bigint": int,
    "timestamptz": datetime.fromisoformat,
    "text": str,
    "float8": float,
}


def position_in(text: bytes, order: Sequence[SortKey]) -> Position:
    """Return the position in ``text``, which was written for this order."""
    seen, *values = decode(text)
    return Position(seen, values_of(values, order))


def plain(values: Sequence[Any]) -> list[str]:
    """Return sort values and a key as texts, for ``values_of``."""
    return [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]


def values_of(texts: Sequence[str], order: Sequence[SortKey]) -> tuple[Any, ...]:
    """Return the sort values and key in ``texts``, which ``plain`` made for this order."""
    casts = [*(key.cast for key in order), "bigint"]
    return tuple(_READ[cast](value) for cast, value in zip(casts, texts, strict=True))
