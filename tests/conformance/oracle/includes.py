"""What _include and _revinclude add to the matches: https://hl7.org/fhir/R4/search.html#include"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from oracle.definitions import Parameter
from oracle.filters import known
from oracle.store import Key, Resource, Store, key_of


@dataclass(frozen=True)
class Directive:
    """One ``_include`` or ``_revinclude``: references of ``source`` by ``code``, only to ``target`` if it is named."""

    backwards: bool
    iterates: bool
    source: str
    code: str
    target: str


def directive(name: str, value: str) -> Directive:
    code, _, modifier = name.partition(":")
    source, parameter, target = (*value.split(":"), "", "")[:3] if value != "*" else ("*", "*", "")
    return Directive(code == "_revinclude", modifier == "iterate", source, parameter, target)


def included(store: Store, matches: Sequence[Key], directives: Sequence[Directive]) -> set[Key]:
    """Return what is added to ``matches``: once for each directive, and with ``:iterate`` until nothing is new."""
    found = _once(store, matches, directives)
    repeated = [one for one in directives if one.iterates]
    while True:
        new = _once(store, [*matches, *found], repeated) - found
        if not new:
            return found - set(matches)
        found |= new


def _once(store: Store, keys: Iterable[Key], directives: Sequence[Directive]) -> set[Key]:
    held = [store.resources[key] for key in keys]
    found: set[Key] = set()
    for one in directives:
        found |= _backwards(store, held, one) if one.backwards else _forwards(store, held, one)
    return found & store.resources.keys()


def _forwards(store: Store, held: Iterable[Resource], asked: Directive) -> set[Key]:
    return {key for resource in held for key in _named(store, resource, asked)}


def _backwards(store: Store, held: Iterable[Resource], asked: Directive) -> set[Key]:
    keys = {key_of(resource) for resource in held}
    return {key_of(other) for other in store.of(None) if _named(store, other, asked) & keys}


def _named(store: Store, resource: Resource, asked: Directive) -> set[Key]:
    """Return what ``resource`` refers to in the way that is asked for."""
    if asked.source not in ("*", resource["resourceType"]):
        return set()
    keys = {key for parameter in _parameters(store, resource, asked) for key in store.targets(resource, parameter)}
    return {key for key in keys if asked.target in ("", key[0])}


def _parameters(store: Store, resource: Resource, asked: Directive) -> list[Parameter]:
    if asked.code == "*":
        return [one for one in store.definitions.all(resource["resourceType"]) if one.type == "reference"]
    return [known(store, resource["resourceType"], asked.code)]
