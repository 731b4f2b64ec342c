"""The engine's door: an expression compiled once, evaluated on any node of FHIR's JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypedDict, Unpack

from polyclinic.fhir.path.compile import Compiler
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.grammar import parse
from polyclinic.fhir.path.nodes import Item, Node, node_of, resource_shape
from polyclinic.fhir.path.quantity import CALENDAR_WORDS, UCUM, Quantity
from polyclinic.fhir.path.scope import Collection, Evaluator, Resolve, Scope, truth
from polyclinic.fhir.path.temporal import Temporal
from polyclinic.fhir.path.tree import Expression


class Surroundings(TypedDict, total=False):
    """What a path may be told beside its node.

    ``type`` of the node, where it is no resource (``HumanName``, ``Patient.contact``, ``date``); ``resource`` for
    %resource and ``root_resource`` for %rootResource, without which the node itself stands for both; ``variables``
    by name without the ``%``; ``now``, with an offset, for now() and today(); ``resolve``, which is asked for
    references that lead outside the root resource and returns a resource or None.
    """

    type: str | None
    resource: Any
    root_resource: Any
    variables: Mapping[str, Any] | None
    now: datetime | None
    resolve: Resolve | None


class Path:
    """A compiled FHIRPath. It has no state: one may serve any number of threads and resources.

    The node it is evaluated on is a resource, any other JSON of FHIR, a list of such, or a ``Node``.
    """

    __slots__ = ("_evaluate", "expression")

    def __init__(self, expression: str, evaluate: Evaluator) -> None:
        self.expression = expression
        self._evaluate = evaluate

    def __repr__(self) -> str:
        """Return the expression."""
        return f"Path({self.expression!r})"

    def select(self, node: Any, **around: Unpack[Surroundings]) -> Sequence[Item]:
        """Return the items found: a typed ``Node`` for each element, a plain value for what was computed.

        Raises: ``PathError``; ``NotSupported`` for functions that need terminology or profiles; ``TooCostly``;
        ``KeyError`` for a ``type`` that R4 does not have.
        """
        name, resource, root = around.get("type"), around.get("resource"), around.get("root_resource")
        context: Collection = [node_of(one, name) for one in node] if type(node) is list else [node_of(node, name)]
        here = node_of(resource) if resource is not None else context[0] if context else None
        outermost = node_of(root) if root is not None else here
        told = around.get("variables"), around.get("now"), around.get("resolve")
        return self._run(context, Scope(context, here, outermost, *told))

    def _run(self, context: Collection, scope: Scope) -> Collection:
        try:
            return self._evaluate(context, scope)
        except RecursionError as error:
            raise PathError("the resource or the expression is nested too deeply") from error

    def evaluate(self, node: Any, **around: Unpack[Surroundings]) -> list[Any]:
        """Return what is found as JSON of FHIR, and raise as ``select`` does.

        Elements are as they are in the resource (not copied), None for a primitive that has extensions only;
        computed dates and times are strings, computed quantities are FHIR's Quantities.
        """
        found: Sequence[Item]
        if around or type(node) is not dict:
            found = self.select(node, **around)
        else:
            root = Node(node, resource_shape(node))
            found = self._run([root], Scope([root], root, root))
        return [item.value if type(item) is Node else json_of(item) for item in found]

    def test(self, node: Any, **around: Unpack[Surroundings]) -> bool:
        """Whether the path holds as an invariant: whether it is not false.

        Empty holds, since nothing was found wrong (R4's bdl-8 on an entry without fullUrl); one item that
        is no boolean holds. Raises: ``PathError`` for several items, and as ``select``.
        """
        return truth(self.select(node, **around)) is not False


def compile_path(expression: str, *, strict: bool = False) -> Path:
    """Return the expression ready to be evaluated; kept for the next time.

    ``strict`` keeps to the letter of N1 where R4's own invariants and search parameters do not: ``as`` on
    several items is an error instead of a filter, ``is Boolean`` is not true of FHIR's boolean.
    Raises: ``PathError`` naming the position.
    """
    return (_kept if len(expression) <= _LONGEST_KEPT else _compiled)(expression, strict)


def compile_tree(expression: Expression) -> Path:
    """Return the expression that was parsed already ready to be evaluated."""
    return Path(repr(expression), Compiler(strict=False).compile(expression))


def _compiled(expression: str, strict: bool) -> Path:
    return Path(expression, Compiler(strict=strict).compile(parse(expression)))


_LONGEST_KEPT = 2_000  # longer ones come from strangers and would fill the memory
_kept = lru_cache(maxsize=1024)(_compiled)


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
