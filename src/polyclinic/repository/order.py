"""Orders and positions: how answers are sorted, and how the next page knows where the last one ended.

A position holds the sort values of the last answer and its key; no offset, so that the thousandth page costs what
the first did.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Malformed, Unacceptable
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.parameters import parameters
from polyclinic.fhir.search.query import Query, Sort
from polyclinic.repository.keys import key_of
from polyclinic.repository.model import Cursor

CURSOR = "_cursor"
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of an order, as an SQL expression over a candidate ``c(at, resource)``.

    A missing value comes last, but a missing clinical date counts as the oldest of all.
    """

    column: Literal["at", "updated", "id", "text", "span"]
    descending: bool
    keys: tuple[int, ...] = ()

    def sql(self, number: int) -> str:
        """Return the expression; ``number`` is that of the argument which holds ``keys``."""
        best = "max" if self.descending else "min"
        match self.column:
            case "at":
                return "c.at"
            case "updated" | "id":
                return f"(select f.{self.column} from resource f where f.key = c.resource)"
            case "text":
                missing = "''" if self.descending else f"'{_LAST}'"
                found = f"select {best}(f.value) from text_value f"
            case "span":
                missing = "'-infinity'::float8" if self.descending else "'infinity'::float8"
                found = f"select {best}(f.low) from span f"
        return f"coalesce(({found} where f.resource = c.resource and f.key = any(${number}::bigint[])), {missing})"

    @property
    def cast(self) -> str:
        """The PostgreSQL type of the expression."""
        return {"at": "bigint", "updated": "timestamptz", "id": "text", "text": "text", "span": "float8"}[self.column]


NEWEST_FIRST = (SortKey("at", descending=True),)


def order_of(query: Query) -> tuple[SortKey, ...]:
    """Return the keys that ``query`` sorts by: the clinical date, newest first, where it names none."""
    return tuple(_sort_key(query.type or "", sort) for sort in query.sort) or NEWEST_FIRST


def _sort_key(type: str, sort: Sort) -> SortKey:
    if sort.code == "_id":
        return SortKey("id", sort.descending)
    if sort.code == "_lastUpdated":
        return SortKey("updated", sort.descending)
    if sort.code == CLINICAL_DATE.get(type):
        return SortKey("at", sort.descending)
    parameter = parameters(type)[sort.code]
    keys = tuple(key_of(branch.path) for branch in parameter.branches)
    return SortKey("text" if parameter.type == "string" else "span", sort.descending, keys)


def is_index_order(order: tuple[SortKey, ...]) -> bool:
    """Whether postings already lie in this order."""
    return len(order) == 1 and order[0].column == "at"


_READ: dict[str, Callable[[str], Any]] = {
    "bigint": int,
    "timestamptz": datetime.fromisoformat,
    "text": str,
    "float8": float,
}


def cursor_at(values: list[Any]) -> Cursor:
    """Return the position behind an answer with these sort values and key."""
    written = [value.isoformat() if isinstance(value, datetime) else str(value) for value in values]
    return Cursor(urlsafe_b64encode(encode(written)).decode().rstrip("="))


def values_of(cursor: Cursor, order: tuple[SortKey, ...]) -> list[Any]:
    """Return the sort values and key in ``cursor``. Raises: ``Unacceptable`` if it is none of this order."""
    casts = [*(key.cast for key in order), "bigint"]
    try:
        written = decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        values = [_READ[cast](value) for cast, value in zip(casts, written, strict=True)]
    except (ValueError, TypeError, Malformed) as error:
        raise Unacceptable(f"{CURSOR} is not one that this search gave out", at=CURSOR) from error
    if any(isinstance(value, int) and not -(2**63) <= value < 2**63 for value in values):
        raise Unacceptable(f"{CURSOR} is not one that this search gave out", at=CURSOR)
    return values
