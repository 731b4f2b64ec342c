"""Type specifiers: which items ``is``, ``as`` and ``ofType`` mean by ``Quantity``, ``FHIR.string``, ``System.Date``.

A name without namespace may be of either; R4's names come first, and since case differs, both never clash
but for Quantity, which then means both.
"""

from collections.abc import Callable

from polyclinic.fhir import definitions
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.nodes import Item, Node
from polyclinic.fhir.path.tree import TypeOperation
from polyclinic.fhir.path.values import SYSTEM_TYPES, system_type


def matcher(operation: TypeOperation, *, strict: bool) -> Callable[[Item], bool]:
    """Return whether an item is of the type of ``operation``.

    ``is`` accepts subtypes; ``as`` and ``ofType`` want primitives to be exactly of the type (HL7's
    testFHIRPathAsFunction11). Where not ``strict``, ``is Boolean`` is true of FHIR's boolean too: R4's que-7 needs it.
    Raises: ``PathError`` where ``as`` or ``ofType`` name no type; ``is`` with such a name is never true.
    """
    namespace, _, name = operation.type.rpartition(".")
    in_system = name in SYSTEM_TYPES and namespace in ("", "System")
    in_fhir = name in definitions.EVERY_TYPE and namespace in ("", "FHIR")
    if not in_system and not in_fhir and operation.operator != "is":
        sentence = f"there is no type {operation.type}"
        raise PathError(sentence, position=operation.at, fault="semantic")
    exact = operation.operator != "is"
    loosely = not strict and not namespace and in_system

    def matches(item: Item) -> bool:
        if type(item) is not Node:
            return in_system and system_type(item) == name  # type: ignore[arg-type]
        found = item.shape
        if in_fhir and (found.name == name if exact and found.is_primitive else name in found.ancestors):
            return True
        return loosely and found.is_primitive and found.system == name

    return matches
