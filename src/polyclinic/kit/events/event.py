"""An event: which resource changed how, in the attributes of CloudEvents 1.0. It holds no patient data.

Who hears it asks the owner for the resource (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md,
JSON event format; the extension ``traceparent`` is W3C Trace Context).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.repository.model import Change

_REFERENCE = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})/_history/([1-9][0-9]{0,9})")
_NAME = re.compile(r"[A-Z][A-Za-z]+\.[a-z][a-z-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One change of one resource; ``id`` is the same whenever the event is told again.

    ``name`` is such as ``Appointment.booked``, ``time`` when the version came to be.
    """

    id: str
    name: str
    source: str
    type: str
    resource: str
    version: int
    time: datetime
    traceparent: str | None = None

    @property
    def reference(self) -> str:
        """The resource, as a FHIR reference within its owner."""
        return f"{self.type}/{self.resource}"


class _Written(msgspec.Struct):
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: dict[str, Any]
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: str = "application/json"
    traceparent: str | msgspec.UnsetType = msgspec.UNSET


def name_of(change: Change) -> str:
    """Return what ``change`` is called as an event: as its service named it, else created, updated or deleted.

    What comes back after a deletion is ``updated``.
    """
    if change.event is not None:
        return f"{change.type}.{change.event}"
    if change.method == "DELETE":
        return f"{change.type}.deleted"
    return f"{change.type}.{'created' if change.version == 1 else 'updated'}"


def event_of(change: Change, *, service: str) -> Event:
    """Return ``change``, which ``service`` has kept, as an event."""
    return Event(
        id=f"{service}/{change.type}/{change.id}/{change.version}",
        name=name_of(change),
        source=service,
        type=change.type,
        resource=change.id,
        version=change.version,
        time=change.updated,
        traceparent=change.trace,
    )


def written(event: Event) -> bytes:
    """Return ``event`` as UTF-8 JSON."""
    return msgspec.json.encode(
        _Written(
            id=event.id,
            source=f"/{event.source}",
            type=event.name,
            subject=event.reference,
            time=event.time.astimezone(UTC),
            data={"reference": f"{event.reference}/_history/{event.version}"},
            traceparent=event.traceparent or msgspec.UNSET,
        )
    )


def read(text: bytes | str) -> Event:
    """Return the event that ``text`` is. Refuses: ``Unacceptable`` where it is none, with the place."""
    try:
        found = msgspec.json.decode(text, type=_Written)
    except msgspec.ValidationError as error:
        raise Unacceptable(f"this is no event: {error}") from None
    except msgspec.DecodeError:
        raise Unacceptable("this is no event: it is no JSON") from None
    reference = _REFERENCE.fullmatch(str(found.data.get("reference", "")))
    if reference is None:
        raise Unacceptable("an event refers to a version, such as Patient/7/_history/2", at="data.reference")
    if not _NAME.fullmatch(found.type) or found.type.partition(".")[0] != reference[1]:
        raise Unacceptable("an event is named by what happened to its resource, such as Patient.updated", at="type")
    if found.time.tzinfo is None:
        raise Unacceptable("the time of an event has an offset", at="time")
    if not 0 < len(found.id) <= 256:
        raise Unacceptable("the id of an event has 1 to 256 characters", at="id")
    return Event(
        id=found.id,
        name=found.type,
        source=found.source.removeprefix("/"),
        type=reference[1],
        resource=reference[2],
        version=int(reference[3]),
        time=found.time,
        traceparent=found.traceparent or None,
    )
