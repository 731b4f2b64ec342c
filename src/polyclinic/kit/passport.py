"""What travels with a request from service to service: its id, its trace, and who is asking."""

import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, section 3.2


@dataclass(frozen=True, slots=True)
class Passport:
    """The papers of one request."""

    request_id: str
    traceparent: str | None = None
    authorization: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that carry this passport to a neighbour."""
        headers = {"X-Request-Id": self.request_id}
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        if self.authorization:
            headers["Authorization"] = self.authorization
        return headers


current: ContextVar[Passport | None] = ContextVar("passport", default=None)
"""The passport of the request that the running task serves."""


def issued(headers: Mapping[bytes, bytes]) -> Passport:
    """Return the passport of a request with ``headers``: what the client sent where it is well formed."""
    sent = headers.get(b"x-request-id", b"").decode("latin-1")
    trace = headers.get(b"traceparent", b"").decode("latin-1")
    authorization = headers.get(b"authorization", b"").decode("latin-1")
    return Passport(
        request_id=sent if _REQUEST_ID.fullmatch(sent) else secrets.token_hex(8),
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
        authorization=authorization or None,
    )
