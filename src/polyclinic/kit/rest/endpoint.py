"""What an interaction needs to know: the types, the base URL, the repository."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.outcome import NotFound
from polyclinic.kit.clock import Clock
from polyclinic.kit.settings import ConditionalDelete
from polyclinic.repository import Repository
from polyclinic.repository.model import Kept

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One FHIR endpoint. ``base`` is the public URL without a trailing slash, ``keep`` returns the open repository.

    ``keep`` refuses with ``Unavailable`` while the database is away. ``conditional_delete`` says whether a condition
    that finds several resources deletes them all, ``explain`` whether ``_explain`` is answered.
    """

    service: str
    base: str
    types: frozenset[str]
    keep: Callable[[], Repository]
    now: Clock
    started: datetime
    conditional_delete: ConditionalDelete = "single"
    explain: bool = False

    @property
    def repository(self) -> Repository:
        """Return the open repository, or refuse with ``Unavailable``."""
        return self.keep()

    def own(self, type: str, at: str | None = None) -> str:
        """Return ``type`` if it is kept here. Refuses: ``NotFound`` naming what it is."""
        if type in self.types:
            return type
        if type in RESOURCE_TYPES:
            raise NotFound(f"{type} is not kept by the service {self.service}", at=at)
        raise NotFound(f"{type[:64]!r} is no resource type of FHIR R4", at=at)

    def url(self, kept: Kept) -> str:
        """Return the absolute URL of a resource, as ``Bundle.entry.fullUrl`` says it."""
        return f"{self.base}/{kept.type}/{kept.id}"


def etag(version: int) -> str:
    """Return the weak entity tag of a version: its number."""
    return f'W/"{version}"'


def etag_of(body: bytes) -> str:
    """Return the entity tag of an answer that has no version: a digest of its content."""
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def http_date(moment: datetime) -> str:
    """Return ``moment`` as an HTTP date (RFC 9110, section 5.6.7): whole seconds, GMT, English names."""
    at = moment.astimezone(UTC)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
        f" {at.hour:02}:{at.minute:02}:{at.second:02} GMT"
    )


def version_headers(kept: Kept) -> dict[str, str]:
    """Return the headers that tell which version an answer shows."""
    return {"etag": etag(kept.version), "last-modified": http_date(kept.updated)}
