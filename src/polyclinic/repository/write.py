"""Writing: any number of versions in one statement, which fails as a whole where somebody else was first."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from polyclinic.repository.arrays import numbers, texts
from polyclinic.repository.connect import Session
from polyclinic.repository.keys import identity_of, key_of, link_key, unpack
from polyclinic.repository.model import Kept, trace
from polyclinic.repository.rows import Row

Outdated = asyncpg.ObjectNotInPrerequisiteStateError
"""What a statement raises that indexes with another vocabulary than the present one."""
BLOCK = 1000
"""Keys per step of the sequence resource_key; a migration that changes one must change the other."""
LARGEST_STATEMENT = 500
"""Resources per statement: more gain nothing and cost memory on both sides."""

_INPUT = """
with input as (
    select key, type, id, version, updated, method, at, terms, body, identity,
           link_paths::bigint[], link_targets::bigint[], present::bigint[], indexed, stood, event
    from unnest($1::text::bigint[], $2::text::text[], $3::text::text[], $4::text::integer[],
                $5::text::timestamptz[], $6::text::text[], $7::text::bigint[], $8::bytea[], $9::bytea[],
                $10::text::bigint[], $11::text::text[], $12::text::text[], $13::text::text[], $14::text::integer[],
                $15::text::integer[], $16::text::text[])
         as i(key, type, id, version, updated, method, at, terms, body,
              identity, link_paths, link_targets, present, indexed, stood, event)
)"""
_POSTINGS = """
posting_ as (
    insert into posting (key, at, resource)
    select * from unnest($17::text::bigint[], $18::text::bigint[], $19::text::bigint[])
), span_ as (
    insert into span (key, low, high, resource, unit, unit_code)
    select * from unnest($20::text::bigint[], $21::text::float8[], $22::text::float8[],
                         $23::text::bigint[], $24::text::bigint[], $25::text::bigint[])
), text_ as (
    insert into text_value (key, value, written, resource)
    select * from unnest($26::text::bigint[], $27::text::text[], $28::text::text[], $29::text::bigint[])
)"""
_CHANGE = """
change_ as (
    insert into change (resource, type, id, version, method, updated, event, trace)
    select key, type, id, version, method, updated, event, {}::text from input
)"""
_GONE = """
gone_posting as (
    delete from posting p
    using unnest($31::text::bigint[], $32::text::bigint[], $33::text::bigint[]) as g(key, at, resource)
    where p.key = g.key and p.at = g.at and p.resource = g.resource
), gone_span as (
    delete from span where resource = any($1::text::bigint[])
), gone_text as (
    delete from text_value where resource = any($1::text::bigint[])
)"""
_INDEXED = """identity = i.identity, link_paths = i.link_paths, link_targets = i.link_targets,
        present = i.present, indexed = i.indexed, at = i.at, terms = i.terms"""
_ALL_FOUND = "all_found((select count(*) from resource_), (select count(*) from input))"
INSERT = f"""{_INPUT}, resource_ as (
    insert into resource (key, type, id, version, updated, method, at, terms, body,
                          identity, link_paths, link_targets, present, indexed)
    select key, type, id, version, updated, method, at, terms, body,
           identity, link_paths, link_targets, present, indexed from input
), {_CHANGE.format("$31")}, {_POSTINGS} select indexed_with($30)"""
REPLACE = f"""{_INPUT}, archive_ as (
    insert into archive (resource, version, updated, method, body)
    select r.key, i.version - 1, r.updated, r.method, r.body
    from input i join resource r on r.key = i.key order by r.key
), {_GONE}, resource_ as (
    update resource r
    set version = i.version, updated = i.updated, method = i.method, body = i.body, {_INDEXED}
    from input i where r.key = i.key and r.indexed = i.stood returning r.key
), {_CHANGE.format("$34")}, {_POSTINGS} select indexed_with($30), {_ALL_FOUND}"""
REINDEX = f"""{_INPUT}, {_GONE}, resource_ as (
    update resource r set {_INDEXED} from input i where r.key = i.key
), {_POSTINGS} select indexed_with($30)"""


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands before a write: the resource's row as far as a writer needs it."""

    key: int
    at: int
    terms: bytes
    indexed: int
    kept: Kept


async def insert(connection: Session, rows: Sequence[Row], number: int) -> None:
    """Keep first versions, which are indexed with the vocabulary of that ``number``.

    Raises: ``asyncpg.UniqueViolationError`` where an id is taken; ``Outdated`` where the vocabulary is another one.
    """
    for part in _parts(rows):
        await connection.fetch(INSERT, *_columns(part, {}), number, trace.get())


async def replace(connection: Session, rows: Sequence[Row], before: Sequence[Standing], number: int) -> None:
    """Keep the next version of each of ``before``, indexed with the vocabulary of that ``number``.

    Raises: ``asyncpg.UniqueViolationError`` where that version is not the one that stands any more,
    ``asyncpg.SerializationError`` where it was indexed anew meanwhile; ``Outdated`` as ``insert``.
    """
    await _again(connection, REPLACE, rows, before, number, trace.get())


async def reindex(connection: Session, rows: Sequence[Row], before: Sequence[Standing], number: int) -> None:
    """Index anew what stands, without a new version; ``before`` are the rows as they were read and locked.

    Raises: ``Outdated`` as ``insert``.
    """
    await _again(connection, REINDEX, rows, before, number)


async def _again(
    connection: Session, statement: str, rows: Sequence[Row], before: Sequence[Standing], number: int, *more: str | None
) -> None:
    standing = {each.key: each for each in before}
    for part in _parts(rows):
        await connection.fetch(statement, *_columns(part, standing), number, *_lost_postings(part, standing), *more)


def _parts(rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
    ordered = sorted(rows, key=lambda row: row.key)  # the order in which every writer locks
    return (ordered[at : at + LARGEST_STATEMENT] for at in range(0, len(ordered), LARGEST_STATEMENT))


def _columns(rows: Sequence[Row], standing: dict[int, Standing]) -> list[Any]:
    kept = [row.kept for row in rows]
    return [
        numbers([row.key for row in rows]),
        texts([each.type for each in kept]),
        texts([each.id for each in kept]),
        numbers([each.version for each in kept]),
        texts([each.updated.isoformat() for each in kept]),
        texts([each.method for each in kept]),
        numbers([row.at for row in rows]),
        [row.terms for row in rows],
        [each.body for each in kept],
        numbers([row.identity for row in rows]),
        *_link_columns(rows),
        texts([numbers(map(key_of, row.entries.present())) for row in rows]),
        numbers([row.indexed for row in rows]),
        numbers([standing[row.key].indexed if standing else 0 for row in rows]),
        texts([row.event for row in rows]),
        *_posting_columns(rows, standing),
        *_span_columns(rows),
        *_text_columns(rows),
    ]


def _link_columns(rows: Sequence[Row]) -> list[str]:
    links = [tuple(row.entries.links) for row in rows]
    return [
        texts([numbers([link_key(path) for path, _ in each]) for each in links]),
        texts([numbers([identity_of(target) for _, target in each]) for each in links]),
    ]


def _posting_columns(rows: Sequence[Row], standing: dict[int, Standing]) -> list[str]:
    postings = [(key, row.at, row.key) for row in rows for key in _new_postings(row, standing.get(row.key))]
    return _numbers_by_column(postings, 3)


def _span_columns(rows: Sequence[Row]) -> list[str]:
    spans = [
        (key_of(path), low, high, row.key, unit and key_of(unit), code and key_of(code))
        for row in rows
        for path, low, high, unit, code in row.entries.spans
    ]
    return _numbers_by_column(spans, 6)


def _text_columns(rows: Sequence[Row]) -> list[str]:
    found = [(key_of(path), value, written, row.key) for row in rows for path, value, written in row.entries.texts]
    return [
        numbers([key for key, _, _, _ in found]),
        texts([value for _, value, _, _ in found]),
        texts([written for _, _, written, _ in found]),
        numbers([resource for _, _, _, resource in found]),
    ]


def _new_postings(row: Row, before: Standing | None) -> Iterable[int]:
    if before is None or before.at != row.at:
        return row.keys
    return row.keys.difference(unpack(before.terms))


def _lost_postings(rows: Sequence[Row], standing: dict[int, Standing]) -> list[str]:
    lost: list[tuple[Any, ...]] = []
    for row in rows:
        before = standing[row.key]
        keys: Iterable[int] = unpack(before.terms)
        if before.at == row.at:
            keys = set(keys) - row.keys
        lost += [(key, before.at, row.key) for key in keys]
    return _numbers_by_column(lost, 3)


def _numbers_by_column(rows: Sequence[tuple[Any, ...]], width: int) -> list[str]:
    return [numbers(column) for column in zip(*rows, strict=True)] if rows else ["{}"] * width


class KeySource:
    """Hands out ``resource.key``: a thousand at a time from the database's sequence, so that a write needs no trip."""

    def __init__(self) -> None:
        self._next = self._end = 0

    async def take(self, connection: Session, number: int) -> list[int]:
        """Return ``number`` keys that no other process has or will get."""
        taken: list[int] = []
        while len(taken) < number:
            if self._next == self._end:
                begin = await connection.fetchval("select nextval('resource_key')")
                if self._next == self._end:  # nobody else refilled while we waited
                    self._next, self._end = begin, begin + BLOCK
            count = min(number - len(taken), self._end - self._next)
            taken += range(self._next, self._next + count)
            self._next += count
        return taken
