"""Places: where in an order a version of a resource stands, reckoned from its body as the index would have it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from polyclinic.fhir.json import decode
from polyclinic.fhir.search.extract import Entries, extract
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.repository.keys import key_of
from polyclinic.repository.order import NEVER, SortKey, last_value
from polyclinic.repository.rows import NO_DATE

Place = tuple[Any, ...]
"""Sort values and the key, as a position holds them."""
Placed = tuple[Place, asyncpg.Record]
"""An answer and its place."""


def place_of(row: asyncpg.Record, order: Sequence[SortKey], vocabulary: Vocabulary) -> Place:
    """Return where the resource in ``row``, one of ``changed.moved``, stood."""
    extracted = {"at", "text", "span"}.intersection(key.column for key in order)
    entries = extract(decode(row["stood"]), vocabulary) if extracted else Entries()
    return (*(_value(row, number, key, entries) for number, key in enumerate(order)), row["key"])


def _value(row: asyncpg.Record, number: int, key: SortKey, entries: Entries) -> int | float | str | datetime:
    match key.column:
        case "at":
            return _clinical_date(entries, descending=key.descending)
        case "updated":
            return row["stood_updated"]  # type: ignore[no-any-return]
        case "id":
            return row["id"]  # type: ignore[no-any-return]
        case "json":
            found = [row[f"j{number}"]] if row[f"j{number}"] is not None else []
        case "text":
            found = [value for path, value, _ in entries.texts if key_of(path) in key.of]
        case "span":
            found = [low for path, low, _, _, _ in entries.spans if key_of(path) in key.of]
    best = max if key.descending else min
    return best(found, default=last_value(key.column, descending=key.descending))


def _clinical_date(entries: Entries, *, descending: bool) -> int:
    if entries.at is None:
        return NO_DATE if descending else NEVER
    return int(entries.at)


def is_behind(place: Place, after: Place, order: Sequence[SortKey]) -> bool:
    """Whether ``place`` comes later in ``order`` than ``after``."""
    for mine, theirs, descending in zip(place, after, _directions(order), strict=True):
        if mine != theirs:
            return bool(mine < theirs) == descending
    return False


def in_order(placed: Sequence[Placed], order: Sequence[SortKey]) -> list[Placed]:
    """Return what is ``placed`` in ``order``."""
    found = list(placed)
    for part, descending in reversed(list(enumerate(_directions(order)))):
        found.sort(key=lambda each: each[0][part], reverse=descending)
    return found


def _directions(order: Sequence[SortKey]) -> list[bool]:
    """Return which parts of a place descend: ties are told apart by the key in the direction of the last."""
    return [*(key.descending for key in order), order[-1].descending]
