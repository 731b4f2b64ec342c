"""A transaction: reads, matches and writes that become real together or not at all."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import asyncpg
from msgspec import structs

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Conflict, MultipleMatches, PreconditionFailed
from polyclinic.fhir.search.clauses import Ids, Terms
from polyclinic.fhir.search.query import Query
from polyclinic.repository import write as tables
from polyclinic.repository.companion import Companion, Turn
from polyclinic.repository.connect import Database, Session
from polyclinic.repository.defining import defines, definitions_of, named
from polyclinic.repository.ids import new_id
from polyclinic.repository.keys import key_of
from polyclinic.repository.model import (
    Create,
    Cursor,
    Delete,
    Kept,
    Method,
    Page,
    Resource,
    Update,
    Write,
    Written,
)
from polyclinic.repository.rows import Row, row, stamped, tombstone
from polyclinic.repository.spellings import Spellings
from polyclinic.repository.vocabularies import Incomplete, Known, hold, load, redefine
from polyclinic.repository.write import KeySource, Outdated, Standing

Search = Callable[[Database, Query, Cursor | None], Awaitable[Page]]
Name = tuple[str, str]
"""Type and id of a resource."""

_STANDING = """
select r.key, r.at, r.terms, r.indexed, r.type, r.id, r.version, r.updated, r.method, r.body
from unnest($1::text[], $2::text[]) as w(type, id) join resource r on r.type = w.type and r.id = w.id"""
_LOCK = "select pg_advisory_xact_lock(key) from (select key from unnest($1::bigint[]) as k(key) order by key) k"
MOST_TRIES = 20
"""How often a write that names no version is tried against quicker writers."""
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Step:
    """What becomes of one write: the row to keep, if any, its content, what it replaces, and the answer."""

    answer: Written
    row: Row | None = None
    before: Standing | None = None
    resource: Resource | None = None


@dataclass(slots=True)
class Writers:
    """What the writers of one process share."""

    keys: KeySource
    spellings: Spellings
    known: Known
    search: Search
    types: frozenset[str]
    companion: Companion | None = None

    def accompanies(self, write: Write) -> bool:
        """Whether the companion of the service has a say in ``write``."""
        return self.companion is not None and _name(write)[0] in self.companion.types

    def adopt(self, known: Known) -> None:
        """Know what another transaction or process has brought about, unless something later is known."""
        if known.vocabulary.number >= self.known.vocabulary.number:
            self.known = known


class Transaction:
    """One database transaction; made by ``Repository.transaction``. ``now`` is what its versions are dated."""

    def __init__(self, connection: Session, writers: Writers, now: datetime) -> None:
        self._connection = connection
        self._writers = writers
        self.known = writers.known
        self._settled = False
        self.now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    @property
    def session(self) -> Session:
        """The connection, for what a service keeps in tables of its own."""
        return self._connection

    def accompanied(self, write: Write) -> bool:
        """Whether ``write`` needs more than one statement, as a companion of the service has a say in it."""
        return self._writers.accompanies(write)

    async def lock(self, queries: Sequence[Query]) -> None:
        """Wait until nobody else who asks any of ``queries`` is about to write; held until the end.

        Queries that share a term, such as one identifier, wait for each other.
        """
        wanted = {key for query in queries for key in _lock_keys(query)}
        if wanted:
            await self._connection.fetch(_LOCK, list(wanted))

    async def match(self, query: Query, limit: int = 2) -> list[Kept]:
        """Return up to ``limit`` resources that ``query`` finds, this transaction's own writes included.

        Refuses: ``Incomplete`` where it asks by a parameter that may not find everything yet.
        """
        if query.custom and (lacking := (await load(self._connection, self.known)).lacking(query)):
            raise Incomplete(issues=[replace(each.issue, severity="error") for each in lacking])
        page = await self._writers.search(
            self._connection, structs.replace(query, count=limit, sort=(), includes=()), None
        )
        return list(page.items)

    async def read(self, names: Sequence[Name]) -> dict[Name, Kept]:
        """Return what stands of these resources, deleted ones included."""
        return {name: standing.kept for name, standing in (await self._standing(names)).items()}

    async def write(self, writes: Sequence[Write], *, alone: bool = False) -> list[Written]:
        """Do all of ``writes``, in a few round trips however many they are; answers in the same order.

        ``alone`` says that this is all, in one statement that is a transaction of its own.

        Raises: ``Conflict`` when another writer was first or one resource is written twice,
        ``PreconditionFailed`` for an ``if_match`` that does not hold, ``MultipleMatches`` for a condition;
        ``NotSupported`` for a SearchParameter that cannot be followed, ``DefinedTwice``.
        """
        if not alone:
            await self._settle(defining=any(map(defines, writes)))
        decided = [named(each, self.now) for each in await self._decide(writes)]
        plain = [each for each in decided if not isinstance(each, Written)]
        _refuse_twice(plain)
        standing = await self._standing([_name(each) for each in plain if not isinstance(each, Create)])
        await self._redefine([each for each in plain if defines(each)])
        fresh = sum(1 for each in plain if not isinstance(each, Delete) and _name(each) not in standing)
        keys = iter(await self._writers.keys.take(self._connection, fresh))
        steps = [_Step(each) if isinstance(each, Written) else self._step(each, standing, keys) for each in decided]
        await self._accompany(steps)
        await self._keep(steps)
        return [step.answer for step in steps]

    async def _settle(self, *, defining: bool) -> None:
        """Know the present vocabulary, which nobody else changes then until the end of this transaction."""
        if self._settled:
            return
        if defining:
            await hold(self._connection)
        if await self._connection.fetchval("select vocabulary_number()") != self.known.vocabulary.number:
            self.known = await load(self._connection)
        self._settled = True

    async def _redefine(self, writes: Sequence[Write]) -> None:
        """Let the vocabulary have what ``writes`` of SearchParameters define, and index by it from here on."""
        if writes:
            changes = definitions_of(writes, self._writers.types)
            self.known = await redefine(self._connection, changes, self.known)

    async def _accompany(self, steps: Sequence[_Step]) -> None:
        """Let the companion of the service name the changes of its types and keep what belongs to them."""
        companion = self._writers.companion
        if companion is None:
            return
        turns = []
        for step in steps:
            if step.row is not None and step.row.kept.type in companion.types:
                turn = Turn(step.before.kept if step.before else None, step.row.kept, step.resource)
                step.row.event = companion.event_of(turn)
                turns.append(turn)
        if turns:
            await companion.accompany(self._connection, turns, self.now)

    async def _keep(self, steps: Sequence[_Step]) -> None:
        number = self.known.vocabulary.number
        first = [step.row for step in steps if step.row and not step.before]
        again = [(step.row, step.before) for step in steps if step.row and step.before]
        await self._writers.spellings.keep({each for step in steps if step.row for each in step.row.entries.spellings})
        if first:
            await tables.insert(self._connection, first, number)
        if again:
            await tables.replace(self._connection, [row for row, _ in again], [before for _, before in again], number)

    async def _decide(self, writes: Sequence[Write]) -> list[Write | Written]:
        """Return the writes with their conditions answered: plain ones, or what already stands."""
        queries = [query for write in writes if (query := condition(write))]
        if not queries:
            return list(writes)
        await self.lock(queries)
        return [await self._decided(write) for write in writes]

    async def _decided(self, write: Write) -> Write | Written:
        query = condition(write)
        if query is None:
            return write
        found = await self.match(query)
        if len(found) > 1:
            raise MultipleMatches("the condition matches several resources")
        if isinstance(write, Update):
            return _upsert(write, found[0] if found else None, self.now)
        assert isinstance(write, Create)
        return Written(found[0], created=False, changed=False) if found else replace(write, unless=None)

    async def _standing(self, names: Sequence[Name]) -> dict[Name, Standing]:
        if not names:
            return {}
        rows = await self._connection.fetch(_STANDING, [type for type, _ in names], [id for _, id in names])
        return {(row["type"], row["id"]): standing_of(row) for row in rows}

    def _step(self, write: Write, standing: Mapping[Name, Standing], keys: Iterator[int]) -> _Step:
        if isinstance(write, Create):
            resource = {**write.resource, "id": write.id or new_id(self.now)}
            return self._first(resource, next(keys), "POST")
        before = standing.get(_name(write))
        _check(write, before)
        if isinstance(write, Delete):
            return self._gone(before)
        if before is None:
            return self._first(write.resource, next(keys), "PUT")
        return self._next(write.resource, before)

    def _first(self, resource: Resource, key: int, method: Method) -> _Step:
        made = row(resource, self.known.vocabulary, key=key, version=1, updated=self.now, method=method)
        return _Step(Written(made.kept, created=True, changed=True), made, resource=resource)

    def _next(self, resource: Resource, before: Standing) -> _Step:
        stood = before.kept
        if (
            stood.body is not None
            and encode(stamped(resource, version=stood.version, updated=stood.updated)) == stood.body
        ):
            return _Step(Written(stood, created=False, changed=False))
        made = row(
            resource,
            self.known.vocabulary,
            key=before.key,
            version=stood.version + 1,
            updated=self._after(stood),
            method="PUT",
        )
        return _Step(Written(made.kept, created=stood.deleted, changed=True), made, before, resource)

    def _gone(self, before: Standing | None) -> _Step:
        if before is None or before.kept.deleted:
            return _Step(Written(before.kept if before else None, created=False, changed=False))
        made = tombstone(before.kept, key=before.key, at=before.at, updated=self._after(before.kept))
        return _Step(Written(made.kept, created=False, changed=True), made, before)

    def _after(self, stood: Kept) -> datetime:
        """Return the time of the next version: never the same or earlier, whatever the clock says."""
        return max(self.now, stood.updated + _TICK)


async def alone(transaction: Transaction, write: Write, connection: Session) -> Written:
    """Do one write as a transaction of its own, without a trip to open it where one statement does it all.

    A write that names no version goes by the newest one, as often as somebody else is quicker.
    """
    if condition(write) or defines(write) or transaction.accompanied(write):
        async with connection.transaction():
            return (await transaction.write([write]))[0]
    tries = 1 if isinstance(write, Create) or write.if_match is not None else MOST_TRIES
    for again in reversed(range(MOST_TRIES)):
        try:
            return (await transaction.write([write], alone=True))[0]
        except asyncpg.UniqueViolationError:
            tries -= 1
            if not tries:
                raise
        except (Outdated, asyncpg.SerializationError):  # indexed anew, or by something new, in between
            if not again:
                raise
            transaction.known = await load(connection)
    raise Conflict("others are writing the same resource without a pause; try it again later")


def condition(write: Write) -> Query | None:
    """Return the query that decides whether or on what ``write`` is done."""
    match write:
        case Create(unless=query) | Update(where=query):
            return query
    return None


def _name(write: Write) -> Name:
    if isinstance(write, Delete):
        return write.type, write.id
    return write.resource["resourceType"], write.id if isinstance(write, Create) else write.resource["id"]  # type: ignore[return-value]


def _refuse_twice(writes: Sequence[Write]) -> None:
    seen = set()
    for write in writes:
        name = _name(write)
        if name in seen and name[1] is not None:
            raise Conflict(f"{name[0]}/{name[1]} is written twice in one transaction")
        seen.add(name)


def _check(write: Update | Delete, before: Standing | None) -> None:
    if write.if_match is None:
        return
    version = 0 if before is None or before.kept.deleted else before.kept.version
    if write.if_match != version:
        stands = f"its version is {version}" if version else "it does not exist"
        raise PreconditionFailed(f"If-Match asks for version {write.if_match}, but {stands}", at="If-Match")


def _upsert(write: Update, found: Kept | None, now: datetime) -> Write:
    """Return what a conditional update amounts to (https://hl7.org/fhir/R4/http.html#cond-update)."""
    given = write.resource.get("id")
    if found is None:
        return Update(write.resource) if given else Create(write.resource, new_id(now))
    if given not in (None, found.id):
        raise PreconditionFailed(f"the condition matches {found.type}/{found.id}, but the resource has the id {given}")
    return Update({**write.resource, "id": found.id}, write.if_match)


def _lock_keys(query: Query) -> set[int]:
    """Return what to lock for ``query``: its terms, or else the type as a whole."""
    found = {key_of(term) for clause in query.clauses if isinstance(clause, Terms) for term in clause.terms}
    found |= {key_of(f"{query.type}/{id}") for clause in query.clauses if isinstance(clause, Ids) for id in clause.ids}
    return found or {key_of(query.type or "")}


def standing_of(found: asyncpg.Record) -> Standing:
    """Return what stands by a row of ``resource``."""
    kept = Kept(found["type"], found["id"], found["version"], found["updated"], found["method"], found["body"])
    return Standing(found["key"], found["at"], found["terms"], found["indexed"], kept)
