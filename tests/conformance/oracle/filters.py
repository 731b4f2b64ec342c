"""Whether one resource satisfies one parameter: modifiers, alternatives, chains and reverse chains.

Source: https://hl7.org/fhir/R4/search.html#modifiers, #chaining and #has
"""

from oracle import amounts, composites, dates, near, references, strings, tokens
from oracle.definitions import Parameter
from oracle.grammar import Malformed, plain, split
from oracle.paths import Node
from oracle.store import Key, Resource, Store, key_of


class Refused(ValueError):
    """The question names a parameter or a modifier that R4 does not have there."""


def satisfies(store: Store, resource: Resource, name: str, value: str) -> bool:
    """Whether ``resource`` satisfies ``name=value``, name with its modifiers and chain."""
    if name.startswith("_has:"):
        return _reversed(store, resource, name, value)
    head, dot, rest = name.partition(".")
    code, _, modifier = head.partition(":")
    if code == "_list":
        return any(key_of(resource) in _listed(store, plain(id)) for id in split(value, ","))
    parameter = known(store, resource["resourceType"], code)
    if dot:
        return _chained(store, resource, parameter, modifier, rest, value)
    return satisfies_own(store, resource, parameter, modifier, value)


def known(store: Store, type: str, code: str) -> Parameter:
    """Return a parameter of a type. Raises: ``Refused``."""
    parameter = store.definitions.find(type, code)
    if parameter is None:
        raise Refused(f"{type} has no search parameter {code}")
    return parameter


def satisfies_own(store: Store, resource: Resource, parameter: Parameter, modifier: str, value: str) -> bool:
    """Whether an element of ``resource`` itself satisfies any alternative of ``value``."""
    nodes = store.nodes(resource, parameter)
    if modifier == "missing":
        if value not in ("true", "false"):
            raise Malformed(value)
        return (not nodes) == (value == "true")
    alternatives = [alternative for alternative in split(value, ",") if alternative]
    if modifier == "not":
        return not any(matches(store, node, parameter, "", one) for one in alternatives for node in nodes)
    return any(matches(store, node, parameter, modifier, one) for one in alternatives for node in nodes)


def matches(store: Store, node: Node, parameter: Parameter, modifier: str, value: str) -> bool:
    """Whether one element matches one alternative, by the type of the parameter."""
    match parameter.type:
        case "string":
            return strings.matches(node, modifier, value)
        case "token":
            return tokens.matches(node, modifier, value)
        case "reference":
            return references.matches(node, modifier, value, references.Place(store.base, parameter.targets))
        case "uri":
            return references.uri_matches(node, modifier, value)
        case "date":
            return dates.matches(node, value, store.now)
        case "number":
            return amounts.number_matches(node, value)
        case "quantity":
            return amounts.quantity_matches(node, value)
        case "special" if parameter.code == "near":
            return near.matches(node, value)
        case "composite":
            return composites.matches(store, node, parameter, value, matches)
    raise Refused(f"{parameter.code} is of type {parameter.type}")


def _chained(store: Store, resource: Resource, parameter: Parameter, type: str, rest: str, value: str) -> bool:
    """Whether any kept resource that the reference names satisfies the rest of the chain.

    Without a type the reference may lead to all of its types; those without such a parameter cannot match.
    """
    for key in store.targets(resource, parameter):
        target = store.resources.get(key)
        if target is None or (type and key[0] != type) or not _leads(parameter, key):
            continue
        if _knows(store, key[0], rest) and satisfies(store, target, rest, value):
            return True
    return False


def _leads(parameter: Parameter, key: Key) -> bool:
    return not parameter.targets or key[0] in parameter.targets


def _knows(store: Store, type: str, name: str) -> bool:
    code = name.partition(".")[0].partition(":")[0]
    return code in ("_has", "_list") or store.definitions.find(type, code) is not None


def _reversed(store: Store, resource: Resource, name: str, value: str) -> bool:
    """Whether any resource of a type refers to this one and satisfies the rest: ``_has:Type:reference:rest``."""
    _, type, code, rest = name.split(":", 3)
    parameter = known(store, type, code)
    return any(
        key_of(resource) in store.targets(other, parameter) and satisfies(store, other, rest, value)
        for other in store.of(type)
    )


def _listed(store: Store, id: str) -> set[Key]:
    """Return the members of a List."""
    held = store.resources.get(("List", id))
    return store.targets(held, known(store, "List", "item")) if held else set()
