"""Tree navigation, utility and reflection: http://hl7.org/fhirpath/N1/#tree-navigation, #utility-functions, #types."""

from polyclinic.fhir.path import temporal
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions.registry import looking, on_items
from polyclinic.fhir.path.nodes import ANY, Item, Node
from polyclinic.fhir.path.scope import Collection, Evaluator, Scope
from polyclinic.fhir.path.temporal import Temporal
from polyclinic.fhir.path.values import system_type


@on_items("children")
def children(items: Collection, scope: Scope) -> Collection:
    """Return the child nodes of all items."""
    scope.spend(len(items))
    return [child for item in items if type(item) is Node for child in item.shape.children(item)]


@on_items("descendants")
def descendants(items: Collection, scope: Scope) -> Collection:
    """Return all nodes below the items, level by level."""
    found: Collection = []
    while items := children(items, scope):
        found += items
    return found


@looking("trace", 1, 2)
def trace(items: Collection, _scope: Scope, _name: Evaluator, _projection: Evaluator | None = None) -> Collection:
    """Return the items as they are; nothing is logged, since values may be a patient's."""
    return items


def _now(scope: Scope, name: str) -> Temporal:
    if scope.now is None:
        raise PathError(f"{name}() needs the time that it is evaluated at")
    return temporal.from_datetime(scope.now)


@on_items("now")
def now(_items: Collection, scope: Scope) -> Collection:
    """Return the time of the evaluation as a DateTime."""
    return [_now(scope, "now")]


@on_items("today")
def today(_items: Collection, scope: Scope) -> Collection:
    """Return the day of the evaluation."""
    return [temporal.as_date(_now(scope, "today"))]


@on_items("timeOfDay")
def time_of_day(_items: Collection, scope: Scope) -> Collection:
    """Return the time of day of the evaluation."""
    moment = _now(scope, "timeOfDay")
    return [Temporal("Time", moment.parts[3:], moment.fraction)]


@on_items("type")
def type_info(items: Collection, _scope: Scope) -> Collection:
    """Return the ``namespace`` and ``name`` of the type of each item."""
    return [_type_info(item) for item in items]


def _type_info(item: Item) -> Item:
    if isinstance(item, Node):
        return Node({"namespace": "FHIR", "name": item.shape.type_name}, ANY)
    return Node({"namespace": "System", "name": system_type(item)}, ANY)
