"""The engine's door: an expression compiled once, evaluated on any node of FHIR's JSON."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from polyclinic.fhir.path.compile import Compiler
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.grammar import parse
from polyclinic.fhir.path.nodes import Item, Node, node_of, resource_shape
from polyclinic.fhir.path.quantity import CALENDAR_WORDS, UCUM, Quantity
from polyclinic.fhir.path.scope import Collection, Evaluator, Resolve, Scope, truth
from polyclinic.fhir.path.temporal import Temporal


class Path:
    """A compiled FHIRPath. It has no state: one may serve any number of threads and resources.

    ``node`` is a resource, or any other JSON of FHIR whose ``type`` is told (``HumanName``, ``Patient.contact``,
    ``date``), or a list of such, or a ``Node``. ``resource`` becomes %resource and ``root_resource``
    %rootResource; without them the node itself does. ``now`` (with an offset) is needed by now() and today() only.
    ``resolve`` is asked for references that lead outside the root resource.
    """

    __slots__ = ("_evaluate", "expression")

    def __init__(self, expression: str, evaluate: Evaluator) -> None:
        self.expression = expression
        self._evaluate = evaluate

    def __repr__(self) -> str:
        """Return the expression."""
        return f"Path({self.expression!r})"

    def select(  # noqa: PLR0913 - each is a part of the environment that FHIRPath defines
        self,
        node: Any,
        *,
        type: str | None = None,
        resource: Any = None,
        root_resource: Any = None,
        variables: Mapping[str, Any] | None = None,
        now: datetime | None = None,
        resolve: Resolve | None = None,
    ) -> list[Item]:
        """Return the items found: a typed ``Node`` for each element, a plain value for what was computed.

        Raises: ``PathError``; ``NotSupported`` for functions that need terminology or profiles; ``TooCostly``.
        """
        context: Collection = [node_of(one, type) for one in node] if isinstance(node, list) else [node_of(node, type)]
        around = node_of(resource) if resource is not None else context[0] if context else None
        root = node_of(root_resource) if root_resource is not None else around
        return self._run(context, Scope(context, around, root, variables, now, resolve))

    def _run(self, context: Collection, scope: Scope) -> Collection:
        try:
            return self._evaluate(context, scope)
        except RecursionError as error:
            raise PathError("the resource or the expression is nested too deeply") from error

    def evaluate(self, node: Any, **scope: Any) -> list[Any]:
        """Return what is found as JSON of FHIR (arguments as of ``select``): a new list.

        Elements are as they are in the resource (not copied), None for a primitive that has extensions only;
        computed dates and times are strings, computed quantities are Quantity objects.
        """
        if scope or type(node) is not dict:
            found = self.select(node, **scope)
        else:
            root = Node(node, resource_shape(node))
            found = self._run([root], Scope([root], root, root))
        return [item.value if type(item) is Node else json_of(item) for item in found]

    def test(self, node: Any, **scope: Any) -> bool:
        """Whether the path holds as an invariant (arguments as of ``select``): whether it is not false.

        Empty holds, since nothing was found wrong (R4's bdl-8 on an entry without fullUrl); one item that
        is no boolean holds. Raises: ``PathError`` for several items, and as ``select``.
        """
        return truth(self.select(node, **scope)) is not False


@lru_cache(maxsize=8192)
def compile_path(expression: str, *, strict: bool = False) -> Path:
    """Return the expression ready to be evaluated; the same object for the same expression.

    ``strict`` keeps to the letter of N1 where R4's own invariants and search parameters do not: ``as`` on
    several items is an error instead of a filter, ``is Boolean`` is not true of FHIR's boolean.
    Raises: ``PathError`` naming the position.
    """
    return Path(expression, Compiler(strict=strict).compile(parse(expression)))


def json_of(item: Item) -> Any:
    """Return an item as JSON of FHIR."""
    if type(item) is Node:
        return item.value
    if isinstance(item, Temporal):
        return str(item)
    if isinstance(item, Quantity):
        return _quantity(item)
    return item


def _quantity(item: Quantity) -> dict[str, str | Decimal]:
    if item.unit in CALENDAR_WORDS:
        return {"value": item.value, "unit": item.unit}
    return {"value": item.value, "unit": item.unit, "system": UCUM, "code": item.unit}
