"""What an expression is evaluated in: the node it began on, the variables, the time, and how far it got."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.nodes import Item, Node, lacks_value, plain
from polyclinic.fhir.path.values import system_type

LARGEST_EFFORT = 1_000_000
"""Items that one evaluation may look at."""

Collection = list[Item]
Evaluator: TypeAlias = Callable[[Collection, "Scope"], Collection]
"""A compiled expression: takes the collection of ``$this`` and the scope; must not change the collection."""

Resolve = Callable[[str], Any]
"""Returns the resource (JSON) that a reference leads to, or None."""


EMPTY: Collection = []
TRUE: Collection = [True]
FALSE: Collection = [False]


class Scope(msgspec.Struct, eq=False):
    """One evaluation. ``index`` and ``total`` are those of the innermost function that looks at items."""

    context: Collection
    resource: Item | None
    root_resource: Item | None
    variables: Mapping[str, Any] | None = None
    now: datetime | None = None
    resolve: Resolve | None = None
    index: int = 0
    total: Collection = []
    effort: int = LARGEST_EFFORT

    def spend(self, items: int) -> None:
        """Count ``items`` looked at. Raises: ``TooCostly`` where an evaluation goes on and on."""
        self.effort -= items
        if self.effort < 0:
            raise TooCostly(f"a FHIRPath looked at more than {LARGEST_EFFORT} items")


def truth(collection: Sequence[Item]) -> bool | None:
    """Return the collection as a criterion: None for empty, its boolean, and True for any other single item.

    Source: http://hl7.org/fhirpath/N1/#singleton-evaluation-of-collections. Raises: ``PathError`` for several.
    """
    if not collection:
        return None
    if len(collection) > 1:
        raise PathError("one boolean is needed, not several items")
    value = plain(collection[0])
    if type(value) is bool:
        return value
    return None if lacks_value(value) else True


def single(collection: Collection) -> Item | None:
    """Return the one item as a plain value where it has one; None for empty and for valueless primitives.

    Raises: ``PathError`` for several.
    """
    if not collection:
        return None
    if len(collection) > 1:
        raise PathError("one item is needed, not several")
    value = plain(collection[0])
    return None if lacks_value(value) else value


def type_of(item: Item) -> str:
    """Return the name of an item's type, for sentences."""
    return item.shape.type_name if isinstance(item, Node) else system_type(item)
