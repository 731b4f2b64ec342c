"""The functions that FHIR adds: https://hl7.org/fhir/R4/fhirpath.html#functions."""

from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.narrative import check_narrative
from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions.registry import on_items, one
from polyclinic.fhir.path.nodes import Item, Node, node_of, plain
from polyclinic.fhir.path.scope import Collection, Scope

_BASE = "http://hl7.org/fhir/StructureDefinition/"


@on_items("extension", 1)
def extension(items: Collection, _scope: Scope, url: Collection) -> Collection:
    """Return the extensions of that URL on all items."""
    if not url:
        return []
    wanted = one(url, str, "extension")
    found: Collection = []
    for item in items:
        if type(item) is Node:
            reader = item.shape.readers.get("extension")
            if reader is not None:
                reader(item, found)
    return [item for item in found if type(item) is Node and item.value.get("url") == wanted]


@on_items("hasValue")
def has_value(items: Collection, _scope: Scope) -> Collection:
    """Whether the input is one primitive with a value, not only extensions."""
    return [len(items) == 1 and _is_value(items[0])]


def _is_value(item: Item) -> bool:
    return type(item) is not Node or (item.shape.is_primitive and item.value is not None)


@on_items("getValue")
def get_value(items: Collection, _scope: Scope) -> Collection:
    """Return the System value of the one primitive of the input, if it has one."""
    return [plain(items[0])] if len(items) == 1 and _is_value(items[0]) else []


@on_items("resolve")
def resolve(items: Collection, scope: Scope) -> Collection:
    """Return the resources that references (or their strings) lead to, without those that cannot be found."""
    found = (_resolve(item, scope) for item in items)
    return [node_of(resource) for resource in found if resource is not None]


def _resolve(item: Item, scope: Scope) -> Any:
    value = item.value if isinstance(item, Node) else item
    reference = value.get("reference") if type(value) is dict else value
    if type(reference) is not str:
        return None
    root = scope.root_resource.value if isinstance(scope.root_resource, Node) else None
    inside = _inside(reference, root) if type(root) is dict else None
    if inside is not None or scope.resolve is None:
        return inside
    return scope.resolve(reference)


def _inside(reference: str, root: dict[str, Any]) -> Any:
    """Return a contained resource, the root itself, or the entry of a Bundle."""
    if reference == "#":
        return root
    if reference[:1] == "#":
        contained = _objects(root.get("contained"))
        return next((one for one in contained if one.get("id") == reference[1:]), None)
    if root.get("resourceType") == "Bundle":
        entries = _objects(root.get("entry"))
        return next((entry.get("resource") for entry in entries if entry.get("fullUrl") == reference), None)
    return None


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list; what is no list has none, and is told by validation."""
    return [one for one in value if type(one) is dict] if type(value) is list else []


@on_items("conformsTo", 1)
def conforms_to(items: Collection, _scope: Scope, profile: Collection) -> Collection:
    """Whether the item is of the base type whose definition is named. Raises: ``PathError`` for other profiles."""
    name = one(profile, str, "conformsTo").removeprefix(_BASE)
    if name not in definitions.EVERY_TYPE:
        raise PathError("conformsTo() knows the base types of R4 only")
    return [type(item) is Node and name in item.shape.ancestors for item in items[:1]]


@on_items("htmlChecks")
def html_checks(items: Collection, _scope: Scope) -> Collection:
    """Whether narratives keep the rules of txt-1 and txt-2."""
    texts = [item.value if isinstance(item, Node) else item for item in items]
    return [all(type(text) is str and not check_narrative(text) for text in texts)]


def _not_supported(name: str, arguments: int, reason: str) -> None:
    @on_items(name, arguments)
    def refuse(_items: Collection, _scope: Scope, *_arguments: Collection) -> Collection:
        raise NotSupported(f"FHIRPath's {name}() is not supported: {reason}")


_not_supported("memberOf", 1, "it needs a terminology service")
_not_supported("subsumes", 1, "it needs a terminology service")
_not_supported("subsumedBy", 1, "it needs a terminology service")
_not_supported("elementDefinition", 0, "it needs profiles")
_not_supported("slice", 2, "it needs profiles")
_not_supported("checkModifiers", 1, "it needs profiles")
