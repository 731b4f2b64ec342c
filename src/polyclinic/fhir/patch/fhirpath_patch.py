"""FHIRPath Patch: operations on the elements of a resource.

Source: https://hl7.org/fhir/R4/fhirpatch.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import Property
from polyclinic.fhir.outcome import Invalid, Refusal
from polyclinic.fhir.patch.copying import Copier
from polyclinic.fhir.patch.elements import Content, content, length, put, set_single
from polyclinic.fhir.patch.parameters import Operation, read_operations
from polyclinic.fhir.patch.places import Place, root_of, way_of
from polyclinic.fhir.patch.refusals import Unpatchable
from polyclinic.fhir.path import PathError


@dataclass(frozen=True, slots=True)
class FhirPathPatch:
    """A FHIRPath Patch that has been read."""

    operations: tuple[Operation, ...]

    def apply(self, document: dict[str, Any]) -> dict[str, Any]:
        """Return what the resource ``document`` becomes, as ``Patch`` says."""
        copier = Copier()
        resource: dict[str, Any] = copier.copy(document)
        for operation in self.operations:
            _do(root_of(resource), operation, copier)
        return resource


def fhirpath_patch(parameters: dict[str, Any]) -> FhirPathPatch:
    """Return the patch that a Parameters resource says. Refuses: ``Invalid`` naming each fault, ``TooCostly``."""
    return FhirPathPatch(read_operations(parameters))


def _do(root: Place, operation: Operation, copier: Copier) -> None:
    try:
        _DOES[operation.type](root, operation, copier)
    except PathError as error:
        kind = Unpatchable if error.fault == "execution" else Invalid
        raise kind(str(error), at=operation.at) from error
    except RecursionError as error:
        raise Unpatchable("the resource is nested too deeply", at=operation.at) from error


def _add(root: Place, operation: Operation, copier: Copier) -> None:
    place = _one(root, operation)
    made = content(place.type, operation.texts["name"], operation.value, copier)
    put(place.holder(), made, at=operation.at)


def _insert(root: Place, operation: Operation, copier: Copier) -> None:
    above, name = _collection(root, operation)
    made = content(above.type, name, operation.value, copier)
    holder = above.holder()
    _within(operation, "index", _listed(made.property, holder, operation) + 1)
    put(holder, made, at=operation.at, index=operation.numbers["index"])


def _delete(root: Place, operation: Operation, _copier: Copier) -> None:
    found = _places(root, operation)
    if len(found) > 1:
        raise _several(operation, len(found))
    if found:
        _remove(found[0], operation)


def _replace(root: Place, operation: Operation, copier: Copier) -> None:
    place = _one(root, operation)
    if place.above is None:
        raise Unpatchable("a patch cannot replace the whole resource", at=operation.at)
    element = definitions.properties(place.above.type)[place.key].element
    made = content(place.above.type, element.name if element.choice else place.key, operation.value, copier)
    holder = place.above.holder()
    if place.index is None:
        set_single(holder, made)
    else:
        _set_in_list(holder, made, place.index)


def _move(root: Place, operation: Operation, _copier: Copier) -> None:
    above, name = _collection(root, operation)
    found = definitions.properties(above.type)[name]
    holder = above.holder()
    size = _listed(found, holder, operation)
    source, destination = _within(operation, "source", size), _within(operation, "destination", size)
    for key in (name, "_" + name):
        if key in holder:
            listed = holder[key]
            listed += [None] * (size - len(listed))
            listed.insert(destination, listed.pop(source))


_DOES: Mapping[str, Callable[[Place, Operation, Copier], None]] = {
    "add": _add,
    "insert": _insert,
    "delete": _delete,
    "replace": _replace,
    "move": _move,
}


def _places(root: Place, operation: Operation) -> list[Place]:
    return way_of(operation.path, root.type).places(root)


def _one(root: Place, operation: Operation) -> Place:
    """Return the one place that the path of ``operation`` leads to. Refuses: ``Unpatchable``."""
    found = _places(root, operation)
    if not found:
        raise Unpatchable(f"nothing is at {operation.path[:200]}", at=operation.at)
    if len(found) > 1:
        raise _several(operation, len(found))
    return found[0]


def _several(operation: Operation, number: int) -> Refusal:
    return Unpatchable(f"{operation.path[:200]} leads to {number} elements; one is needed", at=operation.at)


def _collection(root: Place, operation: Operation) -> tuple[Place, str]:
    """Return which list the path of ``operation`` names, even an empty one: where it is, and its JSON name."""
    way = way_of(operation.path, root.type)
    if way.below is None or way.narrowed is not None:
        raise Unpatchable(f"{operation.path[:200]} does not name a list", at=operation.at)
    above = way.below.places(root)
    if len(above) != 1:
        raise Unpatchable(f"{operation.path[:200]} is in {len(above)} elements; one is needed", at=operation.at)
    if way.name not in definitions.properties(above[0].type):
        raise Unpatchable(f"{above[0].type} has no list {way.name[:64]!r}", at=operation.at)
    return above[0], way.name


def _listed(found: Property, holder: dict[str, Any], operation: Operation) -> int:
    """Return the length of a list. Refuses: ``Unpatchable`` for an element that does not repeat."""
    if not found.element.is_list:
        raise Unpatchable(f"{found.name} is no list", at=operation.at)
    return length(holder, found.name)


def _within(operation: Operation, name: str, size: int) -> int:
    number = operation.numbers[name]
    if number >= size:
        raise Unpatchable(f"the {name} {number} is beyond the end of the list", at=operation.at)
    return number


def _set_in_list(holder: dict[str, Any], made: Content, index: int) -> None:
    for key, value in ((made.property.name, made.json), ("_" + made.property.name, made.extra)):
        if key in holder or value is not None:
            listed = holder.setdefault(key, [])
            listed += [None] * (index + 1 - len(listed))
            listed[index] = value
    _tidy(holder, made.property.name)


def _remove(place: Place, operation: Operation) -> None:
    """Take away what is at ``place``, and every element above it that has nothing left."""
    above = place.above
    if above is None:
        raise Unpatchable("a patch cannot delete the whole resource", at=operation.at)
    holder = above.holder()
    for key in (place.key, "_" + place.key):
        if place.index is None:
            holder.pop(key, None)
        elif place.index < len(holder.get(key, ())):
            holder[key].pop(place.index)
    _tidy(holder, place.key)
    _prune(above, operation)


def _prune(place: Place, operation: Operation) -> None:
    """Take ``place`` away if its elements were all it had."""
    if place.holder() or place.above is None:
        return
    if not place.node.shape.is_primitive or place.node.value is None:
        _remove(place, operation)
        return
    holder, key = place.above.holder(), "_" + place.key
    if place.index is None:
        del holder[key]
    else:
        holder[key][place.index] = None
        _tidy(holder, place.key)


def _tidy(holder: dict[str, Any], name: str) -> None:
    """Take away a list, or the ``_`` sibling of one, that holds nothing any more."""
    for key in (name, "_" + name):
        if type(holder.get(key)) is list and not any(each is not None for each in holder[key]):
            del holder[key]
