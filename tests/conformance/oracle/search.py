"""A whole search: which resources match, in which order, and what comes with them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from oracle.definitions import Definitions
from oracle.filters import Refused, known, satisfies
from oracle.includes import directive, included
from oracle.sorting import ordered, rank
from oracle.store import Key, Resource, Store, key_of

__all__ = ["Answer", "Oracle", "Refused"]

SHAPING = ("_count", "_total", "_summary", "_elements", "_format", "_contained", "_containedType")
"""Parameters that say how to answer, not what."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Answer:
    """The matches as type and id, in order where one was asked for, and what is included with them."""

    matches: list[Key]
    included: set[Key]


class Oracle:
    """Answers searches over a list of resources. ``base`` is the address of the server whose answers are compared."""

    def __init__(
        self, resources: Iterable[Resource], base: str, *, now: datetime, definitions: Definitions | None = None
    ) -> None:
        self.store = Store(resources, base, now, definitions or Definitions())

    def search(self, type: str | None, pairs: Pairs, *, compartment: Key | None = None) -> Answer:
        """Answer a search over ``type``, or over all types, within a compartment if one is given.

        Raises: ``Refused`` and ``Malformed`` for what R4 does not allow.
        """
        types = {name for code, value in pairs if code == "_type" for name in value.split(",")}
        asked = [(name, value) for name, value in pairs if not _controls(name)]

        def matches(resource: Resource) -> bool:
            return (
                (type is None or resource["resourceType"] == type)
                and (not types or resource["resourceType"] in types)
                and (compartment is None or self._lies_in(resource, compartment))
                and all(satisfies(self.store, resource, name, value) for name, value in asked)
            )

        alone = [key_of(resource) for resource in self.store.of(type) if matches(resource)]
        found = with_contained(alone, [(key, one) for key, one in self.store.inside() if matches(one)], dict(pairs))
        for code, value in pairs:
            if code == "_sort":
                found = ordered(self.store, found, value)
        directives = [directive(name, value) for name, value in pairs if _includes(name)]
        return Answer(found, included(self.store, found, directives) if directives else set())

    def rank(self, key: Key, sort: str) -> tuple[object, ...]:
        """Return what ``_sort`` compares: two orders of the same matches are equal where their ranks are."""
        return rank(self.store, key, sort)

    def _lies_in(self, resource: Resource, compartment: Key) -> bool:
        codes = self.store.definitions.compartment(compartment[0]).get(resource["resourceType"], ())
        return key_of(resource) == compartment or any(
            compartment in self.store.targets(resource, known(self.store, resource["resourceType"], code))
            for code in codes
            if code != "{def}"
        )


def with_contained(alone: list[Key], inside: list[tuple[Key, Resource]], asked: Mapping[str, str]) -> list[Key]:
    """Return what is answered where ``inside`` are the contained matches: https://hl7.org/fhir/R4/search.html#contained

    A contained resource stands behind a # after the id of what contains it, if it is not to be told by that alone.
    """
    if asked.get("_containedType") == "contained":
        told = [(type, f"{id}#{one['id']}") for (type, id), one in inside]
    else:
        told = [key for key, _ in inside]
    found = {"true": told, "both": alone + told}.get(asked.get("_contained", "false"), alone)
    return list(dict.fromkeys(found))


def _includes(name: str) -> bool:
    return name.partition(":")[0] in ("_include", "_revinclude")


def _controls(name: str) -> bool:
    return name in SHAPING or name in ("_sort", "_type") or _includes(name)
