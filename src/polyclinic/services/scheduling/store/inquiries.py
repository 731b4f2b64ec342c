"""Inquiries: who is to be visited and why, kept once, so that a proposal can name it by a number."""

from datetime import datetime
from hashlib import blake2b

from polyclinic.repository.connect import Session

_KEEP = """
insert into inquiry (digest, content, asked) values ($1, $2, $3)
on conflict (digest) do update set asked = excluded.asked returning key"""


async def keep(session: Session, content: bytes, now: datetime) -> int:
    """Return the key of an inquiry, which is kept if it is new."""
    return int(await session.fetchval(_KEEP, blake2b(content, digest_size=16).digest(), content, now))


async def read(session: Session, key: int) -> bytes | None:
    """Return the inquiry with that key, None if it was forgotten."""
    found: bytes | None = await session.fetchval("select content from inquiry where key = $1", key)
    return found


async def forget(session: Session, before: datetime) -> None:
    """Forget what was asked before a moment."""
    await session.execute("delete from inquiry where asked < $1", before)
