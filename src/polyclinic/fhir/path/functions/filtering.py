"""Filtering, projection, subsetting, iif, aggregate and sort: http://hl7.org/fhirpath/N1/#filtering-and-projection."""

from functools import cmp_to_key

from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions.registry import looking, on_items, one
from polyclinic.fhir.path.nodes import Item
from polyclinic.fhir.path.operators import key, order
from polyclinic.fhir.path.scope import FALSE, TRUE, Collection, Evaluator, Scope, single, truth


@looking("where", 1)
def where(items: Collection, scope: Scope, criterion: Evaluator) -> Collection:
    """Return the items that meet the criterion."""
    scope.spend(len(items))
    outer = scope.index
    found = []
    for scope.index, item in enumerate(items):
        met = criterion([item], scope)
        if met is TRUE or (met is not FALSE and truth(met)):
            found.append(item)
    scope.index = outer
    return found


@looking("select", 1)
def select(items: Collection, scope: Scope, projection: Evaluator) -> Collection:
    """Return what the projection makes of each item, in one collection."""
    scope.spend(len(items))
    outer = scope.index
    found: Collection = []
    for scope.index, item in enumerate(items):
        found += projection([item], scope)
    scope.index = outer
    return found


@looking("repeat", 1)
def repeat(items: Collection, scope: Scope, projection: Evaluator) -> Collection:
    """Return what the projection makes of the items, and of that, and so on, without equal ones."""
    found: dict[object, Item] = {}
    while items:
        fresh: Collection = []
        for item in select(items, scope, projection):
            mark = key(item)
            if mark not in found:
                found[mark] = item
                fresh.append(item)
        items = fresh
    return list(found.values())


@looking("iif", 2, 3)
def iif(
    items: Collection, scope: Scope, criterion: Evaluator, then: Evaluator, otherwise: Evaluator | None = None
) -> Collection:
    """Return one of two results; only the chosen one is evaluated."""
    if len(items) > 1:
        raise PathError("iif() is asked of one item, not several")
    met = single(criterion(items, scope))
    if met is not None and type(met) is not bool:
        raise PathError("iif() needs a boolean to decide by")
    if met:
        return then(items, scope)
    return [] if otherwise is None else otherwise(items, scope)


@looking("aggregate", 1, 2)
def aggregate(items: Collection, scope: Scope, step: Evaluator, start: Evaluator | None = None) -> Collection:
    """Return $total after the step was taken for each item."""
    outer_index, outer_total = scope.index, scope.total
    total = [] if start is None else start(scope.context, scope)
    scope.spend(len(items))
    for scope.index, item in enumerate(items):
        scope.total = total
        total = step([item], scope)
    scope.index, scope.total = outer_index, outer_total
    return total


def sort(items: Collection, scope: Scope, keys: list[tuple[Evaluator, bool]]) -> Collection:
    """Return the items in the order of ``keys`` (an expression, and whether it descends); {} comes first."""
    scope.spend(len(items))
    marked = [([single(expression([item], scope)) for expression, _ in keys], item) for item in items]
    signs = [-1 if descends else 1 for _, descends in keys]

    def compare(left: tuple[list[Item | None], Item], right: tuple[list[Item | None], Item]) -> int:
        for one_key, other_key, sign in zip(left[0], right[0], signs, strict=True):
            if one_key is None or other_key is None:
                place = (one_key is not None) - (other_key is not None)
            else:
                place = (order(one_key, other_key) or 0) * sign
            if place:
                return place
        return 0

    return [item for _, item in sorted(marked, key=cmp_to_key(compare))]


@on_items("single")
def only(items: Collection, _scope: Scope) -> Collection:
    """Return the only item. Raises: ``PathError`` where there are several."""
    if len(items) > 1:
        raise PathError("single() met several items")
    return items


@on_items("first")
def first(items: Collection, _scope: Scope) -> Collection:
    """Return the first item."""
    return items[:1]


@on_items("last")
def last(items: Collection, _scope: Scope) -> Collection:
    """Return the last item."""
    return items[-1:]


@on_items("tail")
def tail(items: Collection, _scope: Scope) -> Collection:
    """Return all but the first item."""
    return items[1:]


@on_items("skip", 1)
def skip(items: Collection, _scope: Scope, number: Collection) -> Collection:
    """Return all but the first ``number`` items."""
    return items[max(0, one(number, int, "skip")) :]


@on_items("take", 1)
def take(items: Collection, _scope: Scope, number: Collection) -> Collection:
    """Return the first ``number`` items."""
    return items[: max(0, one(number, int, "take"))]
