"""A request and its answer as plain values: what passes between the HTTP of a service and its interactions."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Issue, Refusal, Unacceptable, operation_outcome
from polyclinic.kit.http.statuses import MethodNotAllowed, UnsupportedPatch, status_of
from polyclinic.repository.model import Kept, Resource

Pairs = list[tuple[str, str]]
"""Names and values of a URL's query or a form, in their order, decoded."""

MOST_PAIRS = 1000
RETRY_AFTER_SECONDS = "2"


@dataclass(slots=True)
class Call:
    """One request to a FHIR base. ``path`` is what follows the base, without a leading slash, decoded.

    ``headers`` have names in lower case. ``resource`` is the body where it is decoded already, as in an entry of a
    batch. ``interaction`` and ``type`` are filled in by whoever answers, for the
    metrics; they come from a closed set, never from the client. ``patience`` are the seconds that the answer may take
    where nobody waits for it on the line.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    resource: Resource | None = None
    interaction: str = "unknown"
    type: str = ""
    patience: float | None = None

    def pairs(self) -> Pairs:
        """Return the parameters of the URL.

        Raises: ``Unacceptable`` where they are no UTF-8 or too many.
        """
        return read_pairs(self.query) if self.query else []


@dataclass(slots=True)
class Answer:
    """One answer: status, FHIR JSON (or nothing), headers beside the content type, and the version it speaks of.

    ``pieces``, where there are any, come after ``body``: an answer that is too long to be held in memory.
    """

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    kept: Kept | None = None
    pieces: AsyncGenerator[bytes, None] | None = None


def read_pairs(text: str) -> Pairs:
    """Return the pairs of a query or form; a name without ``=`` has an empty value.

    Raises: ``Unacceptable``.
    """
    if text.count("&") >= MOST_PAIRS:
        raise Unacceptable(f"the request has more than {MOST_PAIRS} parameters")
    parts = [part.partition("=") for part in text.split("&") if part]
    try:
        pairs = [(_decoded(name), _decoded(value)) for name, _, value in parts]
    except UnicodeDecodeError as error:
        raise Unacceptable("the parameters of the request are not UTF-8") from error
    if "\0" in text or "%00" in text:
        raise Unacceptable("a parameter holds the character U+0000, which FHIR forbids")
    return pairs


def _decoded(text: str) -> str:
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def refused(refusal: Refusal) -> Answer:
    """Return the answer that says ``refusal`` in an OperationOutcome."""
    answer = Answer(status_of(refusal), encode(operation_outcome(refusal.issues, refusal.proposals)))
    if answer.status == 503:
        answer.headers["retry-after"] = RETRY_AFTER_SECONDS
    if isinstance(refusal, MethodNotAllowed):
        answer.headers["allow"] = ", ".join(refusal.allow)
    if isinstance(refusal, UnsupportedPatch):
        answer.headers["accept-patch"] = ", ".join(refusal.accepted)
    return answer


def broken(request_id: str) -> Answer:
    """Return the answer to a request that met a bug: it names the log line and nothing else."""
    sentence = f"something went wrong inside the server; it is in its log under request id {request_id}"
    return Answer(500, encode(operation_outcome([Issue("exception", sentence, severity="fatal")])))
