"""Composite parameters: all parts on one element. https://hl7.org/fhir/R4/search.html#combining"""

from collections.abc import Callable

from oracle.definitions import Parameter
from oracle.grammar import Malformed, split
from oracle.paths import Node, evaluate
from oracle.store import Store

Matches = Callable[[Store, Node, Parameter, str, str], bool]


def matches(store: Store, node: Node, composite: Parameter, value: str, one: Matches) -> bool:
    """Whether each part of ``a$b`` matches its component of this element; ``one`` compares a single element."""
    parts = split(value, "$")
    if len(parts) != len(composite.components) or not all(parts):
        raise Malformed(value)
    return all(
        any(one(store, found, component(store, node, code), "", part) for found in evaluate(expression, node))
        for (code, expression), part in zip(composite.components, parts, strict=True)
    )


def component(store: Store, node: Node, code: str) -> Parameter:
    """Return the parameter that says how a component is compared."""
    found = store.definitions.find(node.type.partition(".")[0], code) or _shared(store, code)
    if found is None:
        raise ValueError(f"{node.type} has no component {code}")
    return found


def _shared(store: Store, code: str) -> Parameter | None:
    """Return the parameter of an element that many types have: those of UsageContext are alike everywhere."""
    return store.definitions.find("ValueSet", code)
