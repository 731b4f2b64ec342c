"""Answers that are found in the background and fetched later. They survive the process that was asked.

Whoever works on one says so by its ``beat``; one that nobody is at any more is taken over by whoever is asked for it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from polyclinic.fhir.outcome import TooCostly
from polyclinic.repository.connect import Database

KEPT = timedelta(days=1)
"""How long an answer can be fetched."""
ABANDONED = timedelta(seconds=60)
"""How old a beat is of which nobody is at it any more."""
MOST_AT_ONCE = 16
"""Questions of one service that may wait for their answers."""

_CLEAR = "delete from later where asked < $1"
_WAITING = "select count(*) from later where status is null"
_KEEP = "insert into later (id, asked, beat, question) values ($1, $2, $2, $3)"
_TAKE = """
update later set beat = $2 where id = $1 and status is null and beat < $3 returning question"""
_BEAT = "update later set beat = $2 where id = $1 and status is null returning true"
_FINISH = "update later set status = $2, answer = $3 where id = $1"
_READ = "select asked, question, status, answer from later where id = $1"
_DROP = "delete from later where id = $1 returning true"


@dataclass(frozen=True, slots=True)
class Waiting:
    """One question; ``status`` and ``answer`` are None until it is answered."""

    asked: datetime
    question: bytes
    status: int | None
    answer: bytes | None


async def keep(connection: Database, id: str, question: bytes, now: datetime) -> None:
    """Keep a question. Refuses: ``TooCostly`` where too many wait."""
    await connection.fetch(_CLEAR, now - KEPT)
    if await connection.fetchval(_WAITING) >= MOST_AT_ONCE:
        raise TooCostly(f"{MOST_AT_ONCE} searches are being answered already; ask again in a while", at="Prefer")
    await connection.fetch(_KEEP, id, now, question)


async def take_over(connection: Database, id: str, now: datetime) -> bytes | None:
    """Return the question if nobody is at it any more: it is now the caller's; None otherwise."""
    question: bytes | None = await connection.fetchval(_TAKE, id, now, now - ABANDONED)
    return question


async def beat(connection: Database, id: str, now: datetime) -> bool:
    """Say that somebody is at it; whether it is still wanted."""
    return bool(await connection.fetchval(_BEAT, id, now))


async def finish(connection: Database, id: str, status: int, answer: bytes) -> None:
    """Keep the answer of a question that is still wanted."""
    await connection.fetch(_FINISH, id, status, answer)


async def read(connection: Database, id: str) -> Waiting | None:
    """Return a question and its answer, None if there is none of that id."""
    row = await connection.fetchrow(_READ, id)
    return Waiting(*row) if row else None


async def drop(connection: Database, id: str) -> bool:
    """Forget a question and its answer; whether there was one."""
    return bool(await connection.fetchval(_DROP, id))
