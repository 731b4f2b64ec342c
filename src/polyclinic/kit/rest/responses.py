"""Entries of a batch-response or transaction-response, joined from stored bodies.

Source: https://hl7.org/fhir/R4/http.html#transaction-response
"""

from typing import Any

from polyclinic.fhir.json import encode
from polyclinic.kit.http.message import Answer
from polyclinic.kit.http.statuses import status_line
from polyclinic.kit.rest.endpoint import etag
from polyclinic.repository.model import Kept
from polyclinic.repository.rows import instant


def response_entry(answer: Answer, *, shows_resource: bool) -> bytes:
    """Return the entry that says ``answer``; its body is the resource asked for, or else tells what happened."""
    told: dict[str, Any] = {"status": status_line(answer.status)}
    if answer.kept is not None:
        told |= _version(answer.kept, location="location" in answer.headers)
    response = encode(told)
    if not answer.body:
        return b'{"response":%b}' % response
    if answer.status < 300 and shows_resource:
        return b'{"resource":%b,"response":%b}' % (answer.body, response)
    return b'{"response":%b,"outcome":%b}}' % (response[:-1], answer.body)


def response_bundle(type: str, entries: list[bytes]) -> bytes:
    """Return the Bundle of ``entries``, a batch-response or transaction-response."""
    head = b'{"resourceType":"Bundle","type":"%b"' % type.encode()
    return b'%b,"entry":[%b]}' % (head, b",".join(entries)) if entries else head + b"}"


def _version(kept: Kept, *, location: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"location": f"{kept.type}/{kept.id}/_history/{kept.version}"} if location else {}
    return told | {"etag": etag(kept.version), "lastModified": instant(kept.updated)}
