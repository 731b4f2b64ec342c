"""The words of the gateway: who owns what, and how a Bundle is shared out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from polyclinic.fhir.outcome import Refusal


@dataclass(frozen=True, slots=True)
class House:
    """What the gateway knows of its house: the public base, and which service owns which resource type.

    An operation at the base has its owner too, by its name with a dollar sign.
    """

    base: str
    owners: Mapping[str, str]

    @property
    def services(self) -> tuple[str, ...]:
        """The services that own anything, in order."""
        return tuple(sorted(set(self.owners.values())))


@dataclass(slots=True)
class Shares:
    """The entries of a Bundle by the service that answers them, and those that none can, with the reason."""

    by_service: dict[str, list[int]] = field(default_factory=dict)
    refused: dict[int, Refusal] = field(default_factory=dict)


class Entries(msgspec.Struct):
    """A Bundle of which only the list is read: its entries stay the bytes they are."""

    entry: list[msgspec.Raw] = []
