"""Spellings: which displays, uris and units are in use at an element, for questions that do not name a term in full.

A spelling is kept before the resource that has it, in a transaction of its own: one too many does no harm, one too
few would hide a resource, and writers never wait for one another's spellings.
"""

from collections.abc import Iterable, Sequence

from polyclinic.fhir.outcome import TooCostly
from polyclinic.repository.arrays import numbers, texts
from polyclinic.repository.connect import Database
from polyclinic.repository.keys import key_of
from polyclinic.repository.pool import Pool

MOST_REMEMBERED = 50_000
"""Spellings that a process remembers to have kept; beyond, it begins anew."""
MOST_FOUND = 2_000
"""Spellings that one value of a search may stand for."""

_KEEP = """
insert into spelling (path, text)
select * from unnest($1::text::bigint[], $2::text::text[]) as s(path, text) order by path, text
on conflict do nothing"""
_BEGINNING = """
select path, text from spelling
where path = any($1::bigint[]) and text >= $2 and text < $2 || U&'\\+10FFFF' limit $3"""
_OF = "select text from spelling where path = $1 limit $2"


class Spellings:
    """The spellings that this process knows to be kept."""

    def __init__(self, pool: Pool) -> None:
        """``pool`` has connections that no transaction holds."""
        self._pool = pool
        self._known: set[int] = set()

    async def keep(self, spellings: Iterable[tuple[str, str]]) -> None:
        """Keep what is new of ``spellings``, pairs of a path and a text."""
        new = {hash(each): each for each in spellings}
        for known in new.keys() & self._known:
            del new[known]
        if not new:
            return
        if len(self._known) > MOST_REMEMBERED:
            self._known.clear()
        paths, spelled = zip(*new.values(), strict=True)
        await self._pool.fetch(_KEEP, numbers(map(key_of, paths)), texts(spelled))
        self._known.update(new)


async def beginning(connection: Database, paths: Sequence[str], text: str, *, at: str) -> list[tuple[str, str]]:
    """Return the spellings of ``paths`` that begin with ``text``, each with its path.

    Refuses: ``TooCostly``, naming the parameter ``at``, where they are more than ``MOST_FOUND``.
    """
    named = {key_of(path): path for path in paths}
    rows = await connection.fetch(_BEGINNING, list(named), text, MOST_FOUND + 1)
    if len(rows) > MOST_FOUND:
        raise TooCostly(f"{at} stands for more than {MOST_FOUND} values in use here; write more of it", at=at)
    return [(named[row["path"]], row["text"]) for row in rows]


async def units(connection: Database, path: str, *, at: str) -> list[str]:
    """Return the units in use at ``path``. Refuses: ``TooCostly`` as ``beginning``."""
    rows = await connection.fetch(_OF, key_of(path), MOST_FOUND + 1)
    if len(rows) > MOST_FOUND:
        raise TooCostly(f"{at} has more than {MOST_FOUND} units of UCUM in use here; ask by [number]||[code]", at=at)
    return [row["text"] for row in rows]
