"""What the edge says itself, where no service is asked or none answers: an OperationOutcome too."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Own:
    """What the edge says in place of its plain ``status``: an issue, under ``instead`` if that is another status."""

    status: int
    code: str
    sentence: str
    instead: int | None = None


_ANSWERS = (
    _Own(400, "structure", "This is no HTTP request that the server can read; look at its line, host and headers."),
    _Own(403, "not-supported", "A connection cannot be turned to another protocol here."),
    _Own(404, "not-found", "Nothing is at this address; the FHIR API begins at /fhir."),
    _Own(408, "timeout", "The request did not come to its end in time."),
    _Own(413, "too-costly", "The request is larger than this server takes; send it in parts."),
    _Own(426, "not-supported", "The server speaks HTTP/1.1 and HTTP/2."),
    _Own(431, "too-costly", "The address or the headers are longer than 60 KiB, or the headers more than 100."),
    _Own(501, "not-supported", "The body is transferred in a coding that is not read here; use chunked.", instead=415),
)
_NO_ANSWER = _Own(500, "transient", "The service that owns this does not answer (%RESPONSE_CODE%); try again later.")


def local_replies() -> dict[str, Any]:
    """Return Envoy's LocalReplyConfig: the first mapper that fits the status decides."""
    return {"mappers": [*(_mapper(own, "EQ") for own in _ANSWERS), _mapper(_NO_ANSWER, "GE")]}


def _mapper(own: _Own, comparison: str) -> dict[str, Any]:
    status = {"default_value": own.status, "runtime_key": f"polyclinic.own_answer_{own.status}"}
    issue = {"severity": "error", "code": own.code, "diagnostics": own.sentence}
    outcome = json.dumps({"resourceType": "OperationOutcome", "issue": [issue]})
    mapper: dict[str, Any] = {
        "filter": {"status_code_filter": {"comparison": {"op": comparison, "value": status}}},
        "body_format_override": {
            "text_format_source": {"inline_string": outcome},
            "content_type": "application/fhir+json",
        },
    }
    return mapper | ({"status_code": own.instead} if own.instead else {})
