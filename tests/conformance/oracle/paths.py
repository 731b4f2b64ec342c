"""The FHIRPath that search parameters are written in, walked naively over JSON.

Known are paths, ``%resource``, ``as``, ``ofType``, ``is``, ``where``, ``exists``, ``resolve`` by the reference's text,
``[0]``, unions, ``=``, ``!=`` and ``and``. Anything else raises ``ValueError``.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from oracle.definitions import is_a, properties

_TOKEN = re.compile(r"\s*('[^']*'|%?[A-Za-z_]\w*|\d+|!=|[|.()=\[\]])")
_REFERENCE = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]+(?:/_history/.+)?")


@dataclass(frozen=True)
class Node:
    """A JSON value of ``root`` and its FHIR type; ``binding`` is the value set that its code must come from."""

    type: str
    value: Any
    binding: str = ""
    root: Any = None


Nodes = list[Node]
Evaluate = Callable[[Nodes], Nodes]


def evaluate(expression: str, node: Node) -> Nodes:
    """Return what ``expression`` selects from ``node``."""
    return _compiled(expression)([node])


def resource_node(resource: dict[str, Any]) -> Node:
    return Node(resource["resourceType"], resource, root=resource)


def named_type(reference: str) -> str | None:
    """Return the resource type in ``Patient/1``, ``http://x/Patient/1`` or ``Patient/1/_history/2``."""
    found = _REFERENCE.fullmatch(reference)
    return found[1] if found else None


@cache
def _compiled(expression: str) -> Evaluate:
    parser = _Parser(_TOKEN.findall(expression))
    found = parser.conjunction()
    if parser.rest or re.sub(r"\s", "", expression) != "".join(parser.read).replace(" ", ""):
        raise ValueError(f"{expression}: {parser.rest} is not understood")
    return found


class _Parser:
    """Recursive descent; each method reads one level of precedence and returns what evaluates it."""

    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens
        self.read: list[str] = []

    def accept(self, *wanted: str) -> str | None:
        if self.rest and self.rest[0] in wanted:
            return self.take()
        return None

    def take(self) -> str:
        self.read.append(self.rest[0])
        return self.rest.pop(0)

    def expect(self, wanted: str) -> None:
        if not self.accept(wanted):
            raise ValueError(f"{wanted} is missing before {self.rest}")

    def conjunction(self) -> Evaluate:
        left = self.equality()
        while self.accept("and"):
            left = _both(left, self.equality())
        return left

    def equality(self) -> Evaluate:
        left = self.union()
        operator = self.accept("=", "!=")
        return _compared(left, self.union(), operator) if operator else left

    def union(self) -> Evaluate:
        branches = [self.typed()]
        while self.accept("|"):
            branches.append(self.typed())
        return branches[0] if len(branches) == 1 else lambda nodes: [n for branch in branches for n in branch(nodes)]

    def typed(self) -> Evaluate:
        source = self.path()
        operator = self.accept("as", "is")
        if not operator:
            return source
        return _function("ofType" if operator == "as" else "is", source, self.take(), None)

    def path(self) -> Evaluate:
        found = self.start()
        while True:
            if self.accept("."):
                found = self.step(found)
            elif self.accept("["):
                found = _at(found, int(self.take()))
                self.expect("]")
            else:
                return found

    def start(self) -> Evaluate:
        if self.accept("("):
            inside = self.conjunction()
            self.expect(")")
            return inside
        if self.rest and self.rest[0].startswith("'"):
            text = Node("string", self.take()[1:-1])
            return lambda nodes: [text]
        if self.rest and self.rest[0] in ("true", "false"):
            truth = Node("boolean", self.take() == "true")
            return lambda nodes: [truth]
        return self.step(None)

    def step(self, source: Evaluate | None) -> Evaluate:
        name = self.take()
        if name == "%resource":
            return lambda nodes: [resource_node(node.root) for node in nodes]
        origin = source or (lambda nodes: nodes)
        if not self.accept("("):
            if source is None and name[0].isupper():
                return lambda nodes: [node for node in nodes if is_a(node.type, name)]
            return lambda nodes: [child for node in origin(nodes) for child in children(node, name)]
        type, condition = "", None
        if name in ("as", "ofType", "is"):
            type = self.take()
        elif name == "where":
            condition = self.conjunction()
        self.expect(")")
        return _function(name, origin, type, condition)


def children(node: Node, name: str) -> Nodes:
    """Return the elements ``name`` of a node; a choice element is found by its plain name and by its JSON name."""
    if not isinstance(node.value, dict):
        return []
    found = []
    for key, element in properties(node.type).items():
        if name in (key, element.name) and key in node.value:
            held = node.value[key]
            for value in held if isinstance(held, list) else [held]:
                if value is not None:
                    type = value["resourceType"] if element.type == "Resource" else element.type
                    found.append(Node(type, value, element.binding, node.root))
    return found


def _function(name: str, source: Evaluate, type: str, condition: Evaluate | None) -> Evaluate:
    match name:
        case "as" | "ofType":
            return lambda nodes: [node for node in source(nodes) if is_a(node.type, type)]
        case "is":
            return lambda nodes: [Node("boolean", is_a(node.type, type)) for node in source(nodes)]
        case "where" if condition is not None:
            return lambda nodes: [node for node in source(nodes) if _true(condition([node]))]
        case "exists":
            return lambda nodes: [Node("boolean", bool(source(nodes)))]
        case "resolve":
            return lambda nodes: [found for node in source(nodes) if (found := _resolved(node)) is not None]
    raise ValueError(f"the function {name} is not known")


def _resolved(node: Node) -> Node | None:
    """Return a node of the type that a reference leads to, as far as its text tells."""
    literal = node.value.get("reference") if isinstance(node.value, dict) else node.value
    type = named_type(literal) if literal else node.value.get("type")
    return Node(type, {}) if type else None


def _at(source: Evaluate, place: int) -> Evaluate:
    return lambda nodes: source(nodes)[place : place + 1]


def _both(left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda nodes: [Node("boolean", _true(left(nodes)) and _true(right(nodes)))]


def _compared(left: Evaluate, right: Evaluate, operator: str) -> Evaluate:
    def compare(nodes: Nodes) -> Nodes:
        one, other = left(nodes), right(nodes)
        if not one or not other:
            return []
        equal = [node.value for node in one] == [node.value for node in other]
        return [Node("boolean", equal == (operator == "="))]

    return compare


def _true(nodes: Nodes) -> bool:
    return len(nodes) == 1 and nodes[0].value is True
