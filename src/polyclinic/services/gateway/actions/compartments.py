"""What belongs to one patient or encounter, by the service that keeps it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from polyclinic.fhir.json import decode
from polyclinic.fhir.search.care import reaches_into
from polyclinic.fhir.search.compartments import members
from polyclinic.fhir.search.emit import Entries
from polyclinic.fhir.search.extract import extract
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.kit.http.message import Pairs
from polyclinic.repository.everything import EVER, Belonging
from polyclinic.repository.rows import instant
from polyclinic.services.gateway.actions.handing import Part
from polyclinic.services.gateway.model import House, Item
from polyclinic.services.gateway.rules import owner_of


@dataclass(frozen=True, slots=True)
class Compartment:
    """What is ``asked`` of a house, and ``pairs``: how the client asked it, but for types and place."""

    house: House
    asked: Belonging
    pairs: Pairs

    @property
    def address(self) -> str:
        """The resource that all belongs to, such as ``Patient/1``."""
        return f"{self.asked.type}/{self.asked.id}"

    @property
    def owner(self) -> str:
        """The service that keeps that resource."""
        return owner_of(self.asked.type, self.house)

    @property
    def others(self) -> list[str]:
        """The other services that keep types which can be in the compartment, in order."""
        inside = {self.house.owners.get(type) for type in members(self.asked.type)}
        return [service for service in self.house.services if service in inside - {self.owner}]

    def own_part(self, types: Iterable[str]) -> Part:
        """Return what the owner is asked, of ``types`` only unless that is empty."""
        return Part(self.owner, f"{self.address}/$everything", [*self.pairs, *_of_types(types)])

    def inside(self, service: str, *narrowed: tuple[str, str]) -> Part:
        """Return what another service is asked for what it has in the compartment."""
        return Part(service, f"{self.address}/*", list(narrowed))

    def told_by(self, service: str) -> Part | None:
        """Return what ``service`` is asked to tell of what belongs; None where none of its types is wanted."""
        wanted = [type for type in self.asked.types if self.house.owners[type] == service]
        if service == self.owner:
            return self.own_part(wanted) if wanted or not self.asked.types else None
        wanted = [type for type in wanted if type in members(self.asked.type)]
        if self.asked.types and not wanted:
            return None
        return self.inside(service, *_of_types(wanted), *self.since)

    @property
    def since(self) -> Pairs:
        """What narrows a search to what was updated since the time asked for."""
        return [("_lastUpdated", f"ge{instant(self.asked.since)}")] if self.asked.since else []

    def entries(self, item: Item) -> Entries | None:
        """Return what a resource of the compartment is found by; None where its care is out of the period asked for."""
        resource: dict[str, Any] = decode(bytes(item.resource))
        found = extract(resource, Vocabulary(base=f"{self.house.base}/"))
        itself = f"{resource['resourceType']}/{resource['id']}" == self.address
        return found if itself or self.asked.period == EVER or reaches_into(self.asked.period, found) else None


def _of_types(types: Iterable[str]) -> Pairs:
    listed = ",".join(types)
    return [("_type", listed)] if listed else []
