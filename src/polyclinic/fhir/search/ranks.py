"""Ranks: where a resource stands in the order of a search, told from its JSON.

By them answers that several stores have sorted, each its own, are merged as one store would have sorted them.
"""

from collections.abc import Callable, Sequence
from functools import total_ordering
from math import inf
from typing import Any

from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.controls import Sort
from polyclinic.fhir.search.extract import Entries, extract
from polyclinic.fhir.search.parameters import Parameter
from polyclinic.fhir.search.vocabulary import R4

NEWEST_FIRST = (Sort("", descending=True),)
"""By the clinical date, where no order is asked for."""
_MEASURED = frozenset({"date", "number", "quantity"})

Rank = tuple[Any, ...]
"""Sorts before the rank of whatever comes later."""
_Key = Callable[[dict[str, Any], Entries], Any]


def ranking(types: Sequence[str], sort: Sequence[Sort]) -> Callable[[dict[str, Any]], Rank]:
    """Return what tells the rank of a resource of one of ``types`` in the order ``sort``; without one newest first.

    Refuses: ``NotSupported`` naming what can only be sorted by where all of it is kept.
    """
    by_type = {type: [_key(type, each) for each in sort or NEWEST_FIRST] for type in types}

    def rank(resource: dict[str, Any]) -> Rank:
        entries = extract(resource)
        return tuple(key(resource, entries) for key in by_type[resource["resourceType"]])

    return rank


def _key(type: str, sort: Sort) -> _Key:
    if sort.code == "_id":
        return lambda resource, _: _text(resource["id"], sort)
    if sort.code == "_lastUpdated":
        return lambda resource, _: _text(resource["meta"]["lastUpdated"], sort)
    if sort.code in ("", CLINICAL_DATE.get(type)):
        return lambda _, entries: _number([] if entries.at is None else [entries.at], sort)
    parameter = R4.of(type).get(sort.code)
    if parameter is not None and parameter.type in _MEASURED:
        return _measured(parameter, sort)
    if parameter is not None and parameter.type == "string":
        return _spelled(parameter, sort)
    raise NotSupported(f"_sort by {sort.code[:64]} over several services is not supported", at="_sort")


def _measured(parameter: Parameter, sort: Sort) -> _Key:
    paths = {branch.path for branch in parameter.branches}
    return lambda _, entries: _number([low for path, low, *_ in entries.spans if path in paths], sort)


def _spelled(parameter: Parameter, sort: Sort) -> _Key:
    paths = {branch.path for branch in parameter.branches}

    def key(resource: dict[str, Any], entries: Entries) -> tuple[bool, Any]:
        found = [folded for path, folded, _ in entries.texts if path in paths]
        if not found:
            return True, ""
        return False, _text(max(found) if sort.descending else min(found), sort)

    return key


def _number(values: list[float], sort: Sort) -> float:
    """Return the place of the largest or smallest of ``values``; without any it is the last."""
    if not values:
        return inf
    return -max(values) if sort.descending else min(values)


def _text(value: str, sort: Sort) -> Any:
    return Descending(value) if sort.descending else value


@total_ordering
class Descending:
    """A text that comes before what is smaller."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Descending) and self.value == other.value

    def __lt__(self, other: "Descending") -> bool:
        return other.value < self.value

    def __hash__(self) -> int:
        return hash(self.value)
