"""Ids of new resources."""

from datetime import datetime
from secrets import token_bytes


def new_id(now: datetime) -> str:
    """Return an id for a new resource: a UUID version 7 (RFC 9562), so that ids grow with time."""
    bits = int(now.timestamp() * 1000) << 80 | int.from_bytes(token_bytes(10))
    text = f"{bits & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
