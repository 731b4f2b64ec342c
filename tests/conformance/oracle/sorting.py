"""The order that _sort asks for: https://hl7.org/fhir/R4/search.html#sort

Ascending takes the smallest of several values, descending the greatest; what has no value comes last in both.
Ties may stand in any order. A date sorts by its beginning, a reference by type and id, a token by its code.
"""

from functools import cmp_to_key
from typing import Any

from oracle import amounts, dates, references, strings, tokens
from oracle.filters import known
from oracle.paths import Node
from oracle.store import Key, Resource, Store


def rank(store: Store, key: Key, sort: str) -> tuple[Any, ...]:
    """Return what ``_sort`` compares of one resource: a value for each key, None where there is none.

    A contained resource has the rank of what contains it.
    """
    container = store.resources[key[0], key[1].partition("#")[0]]
    return tuple(_value(store, container, code) for code in sort.split(","))


def ordered(store: Store, keys: list[Key], sort: str) -> list[Key]:
    """Return ``keys`` in the order of ``sort``."""
    signs = [-1 if code.startswith("-") else 1 for code in sort.split(",")]
    ranks = {key: rank(store, key, sort) for key in keys}

    def compare(one: Key, other: Key) -> int:
        for mine, theirs, sign in zip(ranks[one], ranks[other], signs, strict=True):
            if mine != theirs:
                return _compared(mine, theirs, sign)
        return 0

    return sorted(keys, key=cmp_to_key(compare))


def _compared(mine: Any, theirs: Any, sign: int) -> int:
    if mine is None or theirs is None:
        return 1 if mine is None else -1
    return sign if mine > theirs else -sign


def _value(store: Store, resource: Resource, code: str) -> Any:
    parameter = known(store, resource["resourceType"], code.removeprefix("-"))
    found = [value for node in store.nodes(resource, parameter) for value in _values(store, node, parameter.type)]
    if not found:
        return None
    return max(found) if code.startswith("-") else min(found)


def _values(store: Store, node: Node, type: str) -> list[Any]:
    match type:
        case "string":
            return [folded for text in strings.texts(node) if (folded := strings.fold(text))]
        case "date":
            return [span.low for span in dates.spans(node)]
        case "number" | "quantity":
            return [amount.low for amount in amounts.amounts(node)]
        case "token":
            return [token.code for token in tokens.tokens(node) if token.code is not None]
        case "uri":
            return [node.value]
    literal = node.value.get("reference", "#") if isinstance(node.value, dict) else node.value
    found = references.local(literal, store.base)
    return [] if literal.startswith("#") else ["/".join(found) if found else literal]
