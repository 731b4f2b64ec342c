"""Combining collections: http://hl7.org/fhirpath/N1/#combining and the set functions of #subsetting."""

from polyclinic.fhir.path.functions.registry import on_items
from polyclinic.fhir.path.operators import distinct, key
from polyclinic.fhir.path.scope import Collection, Scope


@on_items("union", 1)
def union(items: Collection, _scope: Scope, other: Collection) -> Collection:
    """Return the items of both without repetition."""
    return distinct(items + other)


@on_items("combine", 1)
def combine(items: Collection, _scope: Scope, other: Collection) -> Collection:
    """Return the items of both."""
    return items + other


@on_items("intersect", 1)
def intersect(items: Collection, _scope: Scope, other: Collection) -> Collection:
    """Return the items that are in both, without repetition."""
    marks = set(map(key, other))
    return distinct([item for item in items if key(item) in marks])


@on_items("exclude", 1)
def exclude(items: Collection, _scope: Scope, other: Collection) -> Collection:
    """Return the items that are not in the other collection."""
    marks = set(map(key, other))
    return [item for item in items if key(item) not in marks]
