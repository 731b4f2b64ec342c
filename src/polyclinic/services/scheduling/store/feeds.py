"""Calendar feeds: whose visits are shown at which address, of which only a digest is known."""

from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.model import Feed

_KEEP = """
insert into calendar_feed (digest, subject, names, made) select $1, $2, $3, $4
where (select count(*) from calendar_feed where subject = $2) < $5
returning key, subject, names, made"""
_OF = "select key, subject, names, made from calendar_feed where subject = $1 order by key"
_FIND = "select key, subject, names, made from calendar_feed where digest = $1"
_END = "delete from calendar_feed where subject = $1 and key = $2 returning key"


async def keep(session: Session, digest: bytes, feed: Feed, *, most: int) -> Feed | None:
    """Keep a new feed and return it with its key; None where its subject has ``most`` of them already."""
    row = await session.fetchrow(_KEEP, digest, feed.subject, feed.names, feed.made, most)
    return Feed(**row) if row else None


async def of_subject(session: Session, subject: str) -> list[Feed]:
    """Return the feeds of a subject, the oldest first."""
    return [Feed(**row) for row in await session.fetch(_OF, subject)]


async def find(session: Session, digest: bytes) -> Feed | None:
    """Return the feed at the address with that digest."""
    row = await session.fetchrow(_FIND, digest)
    return Feed(**row) if row else None


async def end(session: Session, subject: str, key: int) -> bool:
    """End a feed of a subject and return whether there was one."""
    return await session.fetchval(_END, subject, key) is not None
