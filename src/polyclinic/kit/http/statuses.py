"""The one table from issue codes to HTTP statuses, and refusals that only HTTP knows.

Source: https://hl7.org/fhir/R4/http.html (400 is for what is no FHIR, 422 for what breaks rules beyond FHIR).
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar

from polyclinic.fhir.outcome import Refusal

STATUS: Mapping[str, int] = {
    "structure": 400,
    "invalid": 400,
    "required": 400,
    "value": 400,
    "invariant": 400,
    "code-invalid": 400,
    "extension": 400,
    "not-supported": 400,
    "login": 401,
    "expired": 401,
    "forbidden": 403,
    "not-found": 404,
    "conflict": 409,
    "duplicate": 409,
    "lock-error": 409,
    "incomplete": 409,
    "deleted": 410,
    "conditional": 412,
    "multiple-matches": 412,
    "too-costly": 413,
    "business-rule": 422,
    "processing": 422,
    "throttled": 429,
    "exception": 500,
    "transient": 503,
    "timeout": 503,
}
"""HTTP status by issue-type; a code that is not here is a 422."""

REASON: Mapping[int, str] = {status.value: status.phrase for status in HTTPStatus}


class HttpRefusal(Refusal):
    """A refusal of the HTTP around a request, with a status of its own."""

    status: ClassVar[int]


class MethodNotAllowed(HttpRefusal):
    """This address does not take this method; ``allow`` names those it takes."""

    code = "not-supported"
    status = 405

    def __init__(self, sentence: str, *, allow: tuple[str, ...]) -> None:
        super().__init__(f"{sentence}; allowed here: {', '.join(allow)}")
        self.allow = allow


class NotAcceptable(HttpRefusal):
    """None of the formats that the client accepts is one that this server speaks."""

    code = "not-supported"
    status = 406


class UnsupportedMediaType(HttpRefusal):
    """The body is in a format that this server does not read."""

    code = "not-supported"
    status = 415


class UnsupportedPatch(UnsupportedMediaType):
    """The body of a PATCH is none of the kinds of patches that this server reads, ``accepted``."""

    def __init__(self, sentence: str, *, accepted: tuple[str, ...]) -> None:
        super().__init__(f"{sentence}; send {' or '.join(accepted)}")
        self.accepted = accepted


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status of ``refusal``: that of its kind, or what its issues agree on, or 400."""
    if isinstance(refusal, HttpRefusal):
        return refusal.status
    codes = [issue.code for issue in refusal.issues] if type(refusal) is Refusal else [refusal.code]
    statuses = {STATUS.get(code, 422) for code in codes}
    return statuses.pop() if len(statuses) == 1 else 400


def status_line(status: int) -> str:
    """Return ``status`` as Bundle.entry.response.status says it, such as ``201 Created``."""
    return f"{status} {REASON[status]}"
