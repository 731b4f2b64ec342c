"""Ids of new resources."""

from datetime import datetime
from secrets import token_bytes
from uuid import UUID


def new_id(now: datetime) -> str:
    """Return an id for a new resource: a UUID version 7 (RFC 9562), so that ids grow with time."""
    bits = int(now.timestamp() * 1000) << 80 | int.from_bytes(token_bytes(10))
    return str(UUID(int=bits & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62))
