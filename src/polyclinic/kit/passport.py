"""What travels with a request from service to service: its id, its trace, and who is asking."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar

from msgspec import Struct

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")  # W3C Trace Context, section 3.2

_CARRIED = frozenset({b"x-request-id", b"traceparent", b"authorization"})


class Passport(Struct, frozen=True):
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


def issued(headers: Iterable[tuple[bytes, bytes]]) -> Passport:
    """Return the passport of a request with ``headers`` (names in lower case): what was sent if well formed."""
    sent = {name: value.decode("latin-1") for name, value in headers if name in _CARRIED}
    request_id, trace = sent.get(b"x-request-id", ""), sent.get(b"traceparent", "")
    return Passport(
        request_id=request_id if _REQUEST_ID.fullmatch(request_id) else secrets.token_hex(8),
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
        authorization=sent.get(b"authorization"),
    )
