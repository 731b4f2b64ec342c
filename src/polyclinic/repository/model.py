"""The words of the repository: what is kept, what is written, what is answered."""

from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, NewType

from msgspec import Struct

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.outcome import Issue
from polyclinic.fhir.search.query import Query

Resource = dict[str, Any]
"""A resource as decoded JSON, decimals as ``Decimal``."""

Method = Literal["POST", "PUT", "DELETE"]
"""How a version came to be, as Bundle.entry.request.method of a history says it."""

Cursor = NewType("Cursor", str)
"""A position in a list of answers, to be handed back unchanged; it holds no offset."""

FeedPosition = NewType("FeedPosition", str)
"""A position in the change feed: the PostgreSQL snapshot up to which changes were read."""


trace: ContextVar[str | None] = ContextVar("trace", default=None)
"""The trace (W3C Trace Context, traceparent) that what is written now belongs to."""

REINDEX_RATE = 1000
"""Resources a second that are indexed anew in the background, at most, where nothing else is said."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What is kept: the resource types, at which public address, and how fast it is indexed anew.

    ``reindex_rate`` is in resources a second, at most. ``base`` has a slash at its end; what is below it is ours.
    """

    types: frozenset[str] = RESOURCE_TYPES
    reindex_rate: int = REINDEX_RATE
    base: str = ""


KEEPING = Keeping()


class Kept(NamedTuple):
    """One version of one resource, its body as it is served (UTF-8 JSON); a deleted one has no body.

    Of a contained resource the type and id are those of its container, with a # and its own id behind them.
    """

    type: str
    id: str
    version: int
    updated: datetime
    method: Method
    body: bytes | None

    @property
    def deleted(self) -> bool:
        """Whether this version says that the resource was deleted."""
        return self.body is None


@dataclass(frozen=True, slots=True)
class Create:
    """Keep a new resource; ``id`` None lets the repository choose one.

    With ``unless`` nothing is written if the query already matches (If-None-Exist).
    """

    resource: Resource
    id: str | None = None
    unless: Query | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """Keep a new version of ``resource['id']``, or its first.

    ``if_match`` is the version it must replace. With ``where`` the query names the resource instead of its id
    (conditional update): no match creates, one match updates, several are refused.
    """

    resource: Resource
    if_match: int | None = None
    where: Query | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a resource; it stays readable as a version. Deleting what is not there changes nothing."""

    type: str
    id: str
    if_match: int | None = None


Write = Create | Update | Delete


@dataclass(frozen=True, slots=True)
class Written:
    """What one write did. ``changed`` is False where nothing had to be written; then ``kept`` is what stands.

    ``kept`` is None only for the deletion of what was never there.
    """

    kept: Kept | None
    created: bool
    changed: bool


class Page(Struct, frozen=True):
    """Answers in order; ``next`` is set if there are more; ``total`` counts all pages, where it is known.

    ``included`` are the resources that come along with them, ``issues`` what has to be said of them.
    """

    items: tuple[Kept, ...]
    next: Cursor | None = None
    total: int | None = None
    included: tuple[Kept, ...] = ()
    issues: tuple[Issue, ...] = ()


class Stretch(NamedTuple):
    """A stretch of time, half-open: from ``begin`` until before ``end``."""

    begin: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the change feed: which version came to be, without its content.

    ``event`` is what the service calls it, such as ``booked``; None where it was created, updated or deleted.
    ``trace`` is of the request that brought it about.
    """

    type: str
    id: str
    version: int
    method: Method
    updated: datetime
    event: str | None = None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Changes:
    """A stretch of the change feed, each resource's versions in their order, and where to go on."""

    items: tuple[Change, ...]
    position: FeedPosition
