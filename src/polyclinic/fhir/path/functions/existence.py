"""Existence: http://hl7.org/fhirpath/N1/#existence and #boolean-logic (not)."""

from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions.registry import looking, on_items
from polyclinic.fhir.path.nodes import plain
from polyclinic.fhir.path.operators import distinct, key
from polyclinic.fhir.path.scope import FALSE, TRUE, Collection, Evaluator, Scope, truth, type_of


@on_items("empty")
def empty(items: Collection, _scope: Scope) -> Collection:
    """Whether there is nothing."""
    return [not items]


@looking("exists", 0, 1)
def exists(items: Collection, scope: Scope, criterion: Evaluator | None = None) -> Collection:
    """Whether there is an item, or one that meets the criterion."""
    if criterion is None or not items:
        return [bool(items)]
    scope.spend(len(items))
    outer = scope.index
    found = False
    for scope.index, item in enumerate(items):
        met = criterion([item], scope)
        if met is TRUE or (met is not FALSE and truth(met)):
            found = True
            break
    scope.index = outer
    return [found]


@looking("all", 1)
def all_meet(items: Collection, scope: Scope, criterion: Evaluator) -> Collection:
    """Whether every item meets the criterion; true where there is none."""
    scope.spend(len(items))
    outer = scope.index
    meets = True
    for scope.index, item in enumerate(items):
        if not truth(criterion([item], scope)):
            meets = False
            break
    scope.index = outer
    return [meets]


def _booleans(items: Collection, name: str) -> list[bool]:
    values = [plain(item) for item in items]
    for value in values:
        if type(value) is not bool:
            raise PathError(f"{name}() does not take {type_of(value)}")
    return values  # type: ignore[return-value]


@on_items("allTrue")
def all_true(items: Collection, _scope: Scope) -> Collection:
    """Whether every item is true."""
    return [all(_booleans(items, "allTrue"))]


@on_items("anyTrue")
def any_true(items: Collection, _scope: Scope) -> Collection:
    """Whether an item is true."""
    return [any(_booleans(items, "anyTrue"))]


@on_items("allFalse")
def all_false(items: Collection, _scope: Scope) -> Collection:
    """Whether every item is false."""
    return [not any(_booleans(items, "allFalse"))]


@on_items("anyFalse")
def any_false(items: Collection, _scope: Scope) -> Collection:
    """Whether an item is false."""
    return [not all(_booleans(items, "anyFalse"))]


@on_items("subsetOf", 1)
def subset_of(items: Collection, _scope: Scope, other: Collection) -> Collection:
    """Whether all items are in the other collection."""
    return [set(map(key, items)) <= set(map(key, other))]


@on_items("supersetOf", 1)
def superset_of(items: Collection, _scope: Scope, other: Collection) -> Collection:
    """Whether all items of the other collection are here."""
    return [set(map(key, items)) >= set(map(key, other))]


@on_items("count")
def count(items: Collection, _scope: Scope) -> Collection:
    """Return the number of items."""
    return [len(items)]


@on_items("distinct")
def without_repetition(items: Collection, _scope: Scope) -> Collection:
    """Return the items without those equal to an earlier one."""
    return distinct(items)


@on_items("isDistinct")
def is_distinct(items: Collection, _scope: Scope) -> Collection:
    """Whether no two items are equal."""
    return [len(distinct(items)) == len(items)]


@on_items("not")
def negate(items: Collection, _scope: Scope) -> Collection:
    """Return the opposite of a boolean; any other single item counts as true."""
    value = truth(items)
    return [] if value is None else [not value]
