"""The search values that a resource itself has, derived by the oracle's extraction and none of the product's."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice, product

from oracle import Parameter, amounts, composites, dates, strings, tokens
from oracle.filters import satisfies_own
from oracle.grammar import escape
from oracle.paths import Node, evaluate, named_type
from oracle.store import Resource, Store

LONGEST = 200
"""Characters of a text that are asked for."""
Own = tuple[str, str]
"""A modifier, empty where there is none, and a value, escaped."""


def own_values(store: Store, resource: Resource, parameter: Parameter, limit: int) -> list[Own]:
    """Return at most ``limit`` different values that find the resource, spread over all of its elements.

    Raises: ``AssertionError`` for a value by which the oracle itself would not find the resource.
    """
    nodes = store.nodes(resource, parameter)
    found = list(islice(dict.fromkeys(_in_turn([_of(store, node, parameter) for node in nodes])), limit))
    for modifier, value in found:
        assert satisfies_own(store, resource, parameter, modifier, value), (parameter.code, modifier, value)
    return found


def _in_turn(several: Iterable[Iterator[Own]]) -> Iterator[Own]:
    """Yield the first of each, then the second of each."""
    waiting = list(several)
    while waiting:
        heads = [(each, next(each, None)) for each in waiting]
        yield from (head for _, head in heads if head is not None)
        waiting = [each for each, head in heads if head is not None]


def _of(store: Store, node: Node, parameter: Parameter) -> Iterator[Own]:
    match parameter.type:
        case "string":
            return _strings(node)
        case "token":
            return _tokens(node)
        case "reference":
            return _references(node, parameter)
        case "uri":
            return _uris(node)
        case "date":
            return _dates(node, store.now)
        case "number":
            return _amounts(node, amounts.number_matches)
        case "quantity":
            return _amounts(node, amounts.quantity_matches)
        case "composite":
            return _composites(store, node, parameter)
        case "special" if parameter.code == "near":
            return iter([("", f"{node.value['latitude']}|{node.value['longitude']}|1|km")])
    raise ValueError(f"{parameter.code} is of type {parameter.type}")


def _strings(node: Node) -> Iterator[Own]:
    for text in strings.texts(node):
        if strings.fold(text[:LONGEST]):
            yield "", escape(text[:LONGEST])
            if len(text) <= LONGEST and text == text.strip():
                yield "exact", escape(text)


def _tokens(node: Node) -> Iterator[Own]:
    for token in tokens.tokens(node):
        code = escape(token.code or "")
        systems = sorted(token.implied) if token.implied else [token.system]
        yield from (("", f"{escape(system)}|{code}") for system in systems if system or code)
        if code:
            yield "", code
    for text in tokens.shown(node):
        if strings.fold(text[:LONGEST]):
            yield "text", escape(text[:LONGEST])


def _references(node: Node, parameter: Parameter) -> Iterator[Own]:
    """Yield a reference as it is written and by its id, and its identifier; of a whole resource nothing."""
    if isinstance(node.value, str):
        yield from _uris(node)
    if node.type != "Reference":
        return
    literal = node.value.get("reference", "#")
    if not literal.startswith("#"):
        yield "", escape(literal)
        type = named_type(literal)
        if type and ":" not in literal and (not parameter.targets or type in parameter.targets):
            yield type, literal.split("/")[1]
            yield "", literal.split("/")[1]
    for modifier, value in _tokens(Node("Identifier", node.value.get("identifier", {}))):
        if not modifier and not value.endswith("|"):  # a system alone is refused by the service
            yield "identifier", value


def _uris(node: Node) -> Iterator[Own]:
    yield "", escape(node.value)
    if node.type == "canonical" and "|" in node.value:
        yield "", escape(node.value.partition("|")[0])


def _dates(node: Node, now: datetime) -> Iterator[Own]:
    """Yield the limits of a date, Period or Timing with the prefixes by which they find it."""
    held = node.value if isinstance(node.value, dict) else {"event": [node.value]}
    period = held.get("repeat", {}).get("boundsPeriod", held)
    limits = [*held.get("event", ()), period.get("start"), period.get("end")]
    for prefix, text in product(("", "ge", "le", "ap"), filter(None, limits if dates.spans(node) else ())):
        if dates.matches(node, prefix + text, now):
            yield "", prefix + text


def _amounts(node: Node, matches: Callable[[Node, str], bool]) -> Iterator[Own]:
    """Yield the numbers of a quantity or its limits, with the prefixes and by the units by which they find it."""
    held = node.value if isinstance(node.value, dict) else {"value": node.value}
    for one in (held, held.get("low", {}), held.get("high", {})):
        system = escape(amounts.CURRENCIES if "currency" in one else one.get("system", ""))
        names = [f"|{system}|{escape(one.get('code', one.get('currency', '')))}", f"||{escape(one.get('unit', ''))}"]
        units = [*(name for name in names if not name.endswith("|")), ""]
        for prefix, unit in product(("", "ge", "le"), units if matches is amounts.quantity_matches else [""]):
            value = f"{prefix}{one.get('value')}{unit}"
            if "value" in one and matches(node, value):
                yield "", value


def _composites(store: Store, node: Node, composite: Parameter) -> Iterator[Own]:
    parts = []
    for code, expression in composite.components:
        of = composites.component(store, node, code)
        values = [_of(store, found, of) for found in evaluate(expression, node)]
        parts.append([value for modifier, value in _in_turn(values) if not modifier])
    yield from (("", "$".join(each)) for each in product(*parts))
