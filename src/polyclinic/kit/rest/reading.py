"""Read and vread: a stored body is served as it is, unless only a part of it is asked for.

Source: https://hl7.org/fhir/R4/http.html#read, #vread, #cread
"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from polyclinic.fhir.outcome import Gone, NotFound
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint, version_headers
from polyclinic.kit.rest.prefer import has_version
from polyclinic.kit.rest.subset import Part, asked_part, part_of
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Kept


async def read(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Return the present version of a resource."""
    part = asked_part(call)
    kept = await endpoint.repository.read(target.type, target.id)
    if kept is None:
        raise NotFound(f"there is no such {target.type}")
    return shown(call, kept, part)


async def read_version(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Return one version of a resource."""
    part = asked_part(call)
    kept = await endpoint.repository.read_version(target.type, target.id, target.version)
    if kept is None:
        raise NotFound(f"there is no such version of a {target.type}")
    return shown(call, kept, part)


def shown(call: Call, kept: Kept, part: Part) -> Answer:
    """Return ``part`` of ``kept``, or 304 where the client has it already. Refuses: ``Gone`` for a deletion."""
    if kept.body is None:
        raise Gone(f"this {kept.type} was deleted; its history tells its versions")
    headers = version_headers(kept)
    if _is_known(call, kept):
        return Answer(304, headers=headers, kept=kept)
    return Answer(200, part_of(kept.body, part) if part else kept.body, headers, kept)


def _is_known(call: Call, kept: Kept) -> bool:
    """Whether the client's copy is current; an entity tag outranks a date (RFC 9110, section 13.2.2)."""
    tags = call.headers.get("if-none-match")
    if tags is not None:
        return has_version(tags, kept.version)
    date = call.headers.get("if-modified-since")
    since = _moment(date) if date else None
    return since is not None and kept.updated.replace(microsecond=0) <= since


def _moment(http_date: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(http_date)
    except (ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
