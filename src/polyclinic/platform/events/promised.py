"""What events there are, by the manifests: as rows, and as an AsyncAPI document."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from polyclinic import __version__
from polyclinic.kit.events.naming import MEDIA_TYPE, subject
from polyclinic.kit.manifest import Manifest

_TEXT = {"type": "string"}
_ENVELOPE = {
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "time", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _TEXT | {"description": "The same whenever the event is told again: service, type, id, version."},
        "source": _TEXT | {"description": "The service that tells it."},
        "type": _TEXT | {"description": "The name of the event."},
        "subject": _TEXT | {"description": "The resource, such as Patient/7."},
        "time": _TEXT | {"format": "date-time", "description": "When the version came to be."},
        "datacontenttype": {"const": "application/json"},
        "traceparent": _TEXT | {"description": "W3C Trace Context of the request that made the change."},
        "data": {
            "type": "object",
            "required": ["reference"],
            "properties": {"reference": _TEXT | {"description": "The version, such as Patient/7/_history/2."}},
        },
    },
}


@dataclass(frozen=True, slots=True)
class Promise:
    """One event: who tells it, and who hears it."""

    event: str
    teller: str
    hearers: tuple[str, ...]


def promises(manifests: Sequence[Manifest]) -> list[Promise]:
    """Return every event that a service tells, by service and name."""
    return [
        Promise(event, teller.name, tuple(sorted(each.name for each in manifests if event in each.hears)))
        for teller in manifests
        for event in teller.tells
    ]


def document(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of all events (https://www.asyncapi.com/docs/reference/specification/v3.0.0)."""
    found = promises(manifests)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Events of Polyclinic",
            "version": __version__,
            "description": "What services tell each other of their changes. An event says which version of which "
            "resource came to be and holds no data of a patient: who hears it asks the owner.",
        },
        "defaultContentType": MEDIA_TYPE,
        "servers": {
            "bus": {"host": "127.0.0.1:8170", "protocol": "nats", "description": "NATS JetStream, a stream per teller."}
        },
        "channels": {each.event: _channel(each.event) for each in found},
        "operations": dict(_operations(found)),
        "components": {
            "messages": {each.event: _message(each.event) for each in found},
            "schemas": {"Event": _ENVELOPE},
        },
    }


def _channel(event: str) -> dict[str, Any]:
    return {"address": subject(event), "messages": {event: {"$ref": f"#/components/messages/{event}"}}}


def _message(event: str) -> dict[str, Any]:
    return {"name": event, "contentType": MEDIA_TYPE, "payload": {"$ref": "#/components/schemas/Event"}}


def _operations(found: Sequence[Promise]) -> Iterable[tuple[str, Any]]:
    for each in found:
        yield f"{each.teller}.tells.{each.event}", _operation("send", each.teller, each.event)
        for hearer in each.hearers:
            yield f"{hearer}.hears.{each.event}", _operation("receive", hearer, each.event)


def _operation(action: str, service: str, event: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{event}"}, "tags": [{"name": service}]}
