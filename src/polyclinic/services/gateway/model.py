"""The words of the gateway: who owns what, how a Bundle is shared out, and lists that several services answer."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from polyclinic.fhir.outcome import Refusal

Types = Mapping[str, tuple[str, ...]]
"""Resource types by the service that keeps them, in order."""


@dataclass(frozen=True, slots=True)
class House:
    """What the gateway knows of its house: the public base, and which service owns which resource type.

    ``operations`` says which service answers an operation at the base, by its name with a dollar sign.
    """

    base: str
    owners: Mapping[str, str]
    operations: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def told(cls, base: str, owned: Mapping[str, str]) -> "House":
        """Return the house that settings tell of, where what begins with a dollar sign is an operation."""
        types = {name: service for name, service in owned.items() if not name.startswith("$")}
        return cls(base, types, {name: service for name, service in owned.items() if name not in types})

    @property
    def services(self) -> tuple[str, ...]:
        """The services that own anything, in order."""
        return tuple(sorted(set(self.owners.values())))


@dataclass(slots=True)
class Shares:
    """The entries of a Bundle by the service that answers them, and those that none can, with the reason.

    ``several`` are those that concern several services.
    """

    by_service: dict[str, list[int]] = field(default_factory=dict)
    several: list[int] = field(default_factory=list)
    refused: dict[int, Refusal] = field(default_factory=dict)


class Entries(msgspec.Struct):
    """A Bundle of which only the list is read: its entries stay the bytes they are."""

    entry: list[msgspec.Raw] = []


class Link(msgspec.Struct):
    """One Bundle.link."""

    relation: str
    url: str


class Search(msgspec.Struct):
    """Bundle.entry.search."""

    mode: str = ""


class Response(msgspec.Struct):
    """Bundle.entry.response of a history or of a batch."""

    status: str = ""
    etag: str = ""
    moment: str = msgspec.field(default="", name="lastModified")
    outcome: msgspec.Raw = msgspec.Raw(b"")


class Item(msgspec.Struct):
    """One Bundle.entry of a searchset or history, its resource as the bytes it is."""

    url: str = msgspec.field(default="", name="fullUrl")
    resource: msgspec.Raw = msgspec.Raw(b"")
    search: Search | None = None
    response: Response | None = None

    @property
    def mark(self) -> tuple[str, str]:
        """What tells it from all others in its list."""
        return self.url, self.response.etag if self.response else ""


class Listed(msgspec.Struct):
    """A searchset or history, its entries as the bytes they are."""

    total: int | None = None
    link: list[Link] = []
    entry: list[msgspec.Raw] = []


class Answer(msgspec.Struct):
    """One Bundle.entry of a batch-response, its resources as the bytes they are."""

    response: Response
    resource: msgspec.Raw = msgspec.Raw(b"")


class Answered(msgspec.Struct):
    """A batch-response."""

    entry: list[Answer] = []
