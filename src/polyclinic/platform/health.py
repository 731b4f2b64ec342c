"""Whether a service says that it is ready."""

import http.client
from urllib.parse import urlsplit

_PATIENCE = 0.5
"""Seconds; a service that takes longer to say that it is ready is not."""


def is_ready(address: str, *, patience: float = _PATIENCE) -> bool:
    """Whether the service at ``address`` answers its readiness check with 200."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=patience)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
