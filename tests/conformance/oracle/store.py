"""The resources that are searched, and what each parameter sees of them."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from oracle import fhirpath, references
from oracle.definitions import Definitions, Parameter
from oracle.paths import Node, evaluate, resource_node

Resource = dict[str, Any]
Key = tuple[str, str]


def key_of(resource: Resource) -> Key:
    return resource["resourceType"], resource["id"]


class Store:
    """Resources by type and id. ``base`` is the server's address, ``now`` what "approximately" is measured from."""

    def __init__(self, resources: Iterable[Resource], base: str, now: datetime, definitions: Definitions) -> None:
        self.resources = {key_of(resource): resource for resource in resources}
        self.base = base
        self.now = now
        self.definitions = definitions
        self._seen: dict[tuple[int, str], list[Node]] = {}

    def of(self, type: str | None) -> Iterator[Resource]:
        return (found for (own, _), found in self.resources.items() if type in (None, own))

    def inside(self) -> Iterator[tuple[Key, Resource]]:
        """Return each contained resource after the key of what contains it."""
        return ((key, one) for key, found in self.resources.items() for one in found.get("contained", ()))

    def nodes(self, resource: Resource, parameter: Parameter) -> list[Node]:
        """Return the elements that the parameter looks at."""
        asked = (id(resource), parameter.expression)
        if asked not in self._seen:
            self._seen[asked] = (
                fhirpath.evaluate(parameter.expression, resource)
                if parameter.own
                else evaluate(parameter.expression, resource_node(resource))
            )
        return self._seen[asked]

    def targets(self, resource: Resource, parameter: Parameter) -> set[Key]:
        """Return which resources of this server the parameter's references name, kept or not."""
        literals = [n.value.get("reference", "") for n in self.nodes(resource, parameter) if n.type == "Reference"]
        return {found for literal in literals if (found := references.local(literal, self.base)) is not None}
