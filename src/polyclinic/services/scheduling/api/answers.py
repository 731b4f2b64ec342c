"""Answers of operations: Bundles of what was done, with what could not be done beside it."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Issue, operation_outcome
from polyclinic.kit.http.message import Answer
from polyclinic.kit.rest.endpoint import Endpoint, version_headers
from polyclinic.repository.model import Kept


class Entry(NamedTuple):
    """One entry of an answer: a match, or an OperationOutcome about one."""

    resource: dict[str, Any]
    mode: Literal["match", "outcome"] = "match"


def outcome(issues: Sequence[Issue], proposals: Sequence[dict[str, Any]] = ()) -> Entry:
    """Return the entry that tells ``issues``, and what could be asked for instead."""
    return Entry(operation_outcome(issues, proposals), "outcome")


def searchset(endpoint: Endpoint, entries: Sequence[Entry], *, total: int | None = None) -> Answer:
    """Return a Bundle of ``entries``; its ``total`` counts matches (https://hl7.org/fhir/R4/bundle.html#searchset)."""
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
    bundle["total"] = sum(entry.mode == "match" for entry in entries) if total is None else total
    if entries:
        bundle["entry"] = [_entry(endpoint, entry) for entry in entries]
    return Answer(200, encode(bundle))


def deed(endpoint: Endpoint, kept: Kept) -> Answer:
    """Return a Bundle with one Appointment as it is kept (ITI-116, ITI-117)."""
    url = encode(f"{endpoint.base}/{kept.type}/{kept.id}")
    entry = b'{"fullUrl":%b,"resource":%b,"search":{"mode":"match"}}' % (url, kept.body or b"")
    body = b'{"resourceType":"Bundle","type":"searchset","total":1,"entry":[%b]}' % entry
    return Answer(200, body, version_headers(kept))


def _entry(endpoint: Endpoint, entry: Entry) -> dict[str, Any]:
    resource = entry.resource
    told: dict[str, Any] = {"resource": resource, "search": {"mode": entry.mode}}
    if "id" in resource:
        return {"fullUrl": f"{endpoint.base}/{resource['resourceType']}/{resource['id']}", **told}
    return told
