"""Vocabularies: which search parameters a database is indexed by, and how far what it holds is indexed by them.

Whoever writes holds the present vocabulary until the end of the transaction, whoever changes it waits for those. So
every row that is kept says truly, by ``resource.indexed``, which parameters it can be found by. docs/decisions/0016.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import asyncpg

from polyclinic.fhir.definitions import SearchParameter
from polyclinic.fhir.outcome import Issue, Refusal
from polyclinic.fhir.search.branches import Unfollowable
from polyclinic.fhir.search.query import Query
from polyclinic.fhir.search.vocabulary import Vocabulary, understood
from polyclinic.repository.connect import Database, Session
from polyclinic.repository.model import KEEPING, Keeping

LOCK = 1869771619  # "oryc": shared by writers, see migration 0003; taken alone to change the vocabulary
State = Literal["waiting", "running", "paused", "complete"]

_CONTAINED = SearchParameter("_contained", "special", "", "")
"""Not a parameter that somebody defined, but resources may have to be indexed anew for it, too."""

_LOAD = """
select v.number as present, r.wanted, r.complete, r.target, r.done, r.total, r.paused,
       p.id, p.number, p.code, p.type, p.url, p.expression, p.targets, p.types, p.total as resources
from vocabulary v cross join reindexing r left join search_parameter p on true order by p.url, p.id"""
_ALONE = "select pg_advisory_xact_lock($1)"
_RAISE = "update vocabulary set number = number + 1 returning number"
_KNOWN = "select id from search_parameter where id = any($1::text[])"
_DROP = "delete from search_parameter where id = any($1::text[])"
_DEFINE = """
insert into search_parameter (id, number, code, type, url, expression, targets, types)
values ($1, $2, $3, $4, $5, $6, $7, $8)"""
_RESTART = """
update reindexing set wanted = $1, target = null, type = '', id = '', found = 0, verifies = false, done = 0,
                      paused = false"""
_PAUSE = "update reindexing set paused = $1"

Definitions = Mapping[str, SearchParameter]
"""What one SearchParameter adds, by resource type; see ``defined_by``."""


class Incomplete(Refusal):
    """What would be written by a search that may not find everything yet; asking again later may help."""

    code = "incomplete"


class DefinedTwice(Refusal):
    """Two search parameters of one resource type would have the same code."""

    code = "duplicate"


@dataclass(frozen=True, slots=True)
class Defined:
    """One search parameter that somebody defined in the SearchParameter ``id``, for resources of ``types``.

    ``number`` is that of the first vocabulary that has it; ``resources`` is how many it was last indexed for.
    """

    id: str
    definition: SearchParameter
    types: tuple[str, ...]
    number: int
    resources: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far resources are indexed by one parameter; ``done`` of ``total`` counts resources, deleted ones too."""

    defined: Defined
    state: State
    done: int
    total: int

    @property
    def issue(self) -> Issue:
        """A warning that says so."""
        code, types = self.defined.definition.code, ", ".join(self.defined.types[:3])
        sentence = (
            f"the search parameter {code} of {types} is still being indexed ({self.state}, {self.done} of "
            f"{self.total or '?'} resources): what was kept before it was defined may be missing or too much here"
        )
        return Issue("incomplete", sentence, code, severity="warning")


@dataclass(frozen=True, slots=True)
class Known:
    """What a process knows of its database: the present vocabulary, and how far resources are indexed by it.

    Every resource is to be indexed with the vocabulary ``wanted`` or a later one, and is with ``complete``; ``target``
    is what the walk under way will have reached, None without one.
    """

    vocabulary: Vocabulary
    defined: tuple[Defined, ...] = ()
    wanted: int = 0
    complete: int = 0
    target: int | None = None
    done: int = 0
    total: int = 0
    paused: bool = False

    @property
    def required(self) -> int:
        """The number with which every resource must be indexed for all searches to be complete."""
        return max([self.wanted, *(each.number for each in self.defined)])

    @property
    def is_complete(self) -> bool:
        """Whether every resource is indexed by everything that it can be searched by."""
        return self.required <= self.complete

    def progress(self, defined: Defined) -> Progress:
        """Return how far resources are indexed by ``defined``."""
        if defined.number <= self.complete:
            return Progress(defined, "complete", defined.resources, defined.resources)
        walked = self.target is not None and defined.number <= self.target
        state: State = "paused" if self.paused else "running" if walked else "waiting"
        return Progress(defined, state, self.done if walked else 0, self.total)

    def lacking(self, query: Query) -> tuple[Progress, ...]:
        """Return how far the parameters are that ``query`` uses and that may not find everything yet."""
        used = {(type, parameter.code) for type, parameter in query.custom}
        found = [d for d in self.defined if any((type, d.definition.code) in used for type in d.types)]
        if query.contained != "false":
            found.append(Defined("", _CONTAINED, query.types, self.wanted))
        return tuple(self.progress(each) for each in found if each.number > self.complete)


async def load(database: Database, known: Known | None = None, *, keeping: Keeping = KEEPING) -> Known:
    """Return what is known of the database now; a vocabulary that ``known`` has already stays the same object.

    ``keeping`` tells base and types of the first vocabulary, see there; ``known`` brings its own.
    """
    rows = await database.fetch(_LOAD)
    first, defined = rows[0], tuple(_defined(row) for row in rows if row["id"] is not None)
    if known is not None and known.vocabulary.number == first["present"]:
        vocabulary = known.vocabulary
    else:
        base, kept = (known.vocabulary.base, known.vocabulary.kept) if known else (keeping.base, keeping.types)
        vocabulary = Vocabulary(_by_type(defined), first["present"], base, kept)
    return Known(
        vocabulary,
        defined,
        **{name: first[name] for name in ("wanted", "complete", "target", "done", "total", "paused")},
    )


def _defined(row: asyncpg.Record) -> Defined:
    definition = SearchParameter(row["code"], row["type"], row["url"], row["expression"], tuple(row["targets"]))
    return Defined(row["id"], definition, tuple(row["types"]), row["number"], row["resources"])


def _by_type(defined: Sequence[Defined]) -> Mapping[str, Sequence[SearchParameter]]:
    found: dict[str, list[SearchParameter]] = defaultdict(list)
    for each in defined:
        for type in each.types:
            try:
                understood(each.definition, type, custom=True)
            except Unfollowable:  # another release could
                continue
            found[type].append(each.definition)
    return found


async def hold(connection: Session) -> None:
    """Wait until nobody else writes, and let nobody write until the end of the transaction."""
    await connection.execute(_ALONE, LOCK)


async def redefine(connection: Session, changes: Mapping[str, Definitions], known: Known) -> Known:
    """Let the database know what SearchParameters define from now on, by their ids; nothing for one that is gone.

    Belongs into the transaction that writes them; nobody else writes until its end if anything changes.
    Refuses: ``DefinedTwice``.
    """
    if not any(changes.values()) and not await connection.fetch(_KNOWN, list(changes)):
        return known
    await hold(connection)
    known = await load(connection, known)
    stood = {each.id: each for each in known.defined}
    changed = {id: added for id, added in changes.items() if not _is_same(stood.get(id), added)}
    if not changed:
        return known
    number = await connection.fetchval(_RAISE)
    kept = [each for each in known.defined if each.id not in changed]
    await connection.execute(_DROP, list(changed))
    for id, added in changed.items():
        for each in _made(id, added, number):
            _refuse_twice(each, kept)
            kept.append(each)
            await _define(connection, each)
    return await load(connection, known)


def _is_same(stood: Defined | None, added: Definitions) -> bool:
    if stood is None:
        return not added
    return set(stood.types) == set(added) and all(each == stood.definition for each in added.values())


def _made(id: str, added: Definitions, number: int) -> list[Defined]:
    return [Defined(id, next(iter(added.values())), tuple(sorted(added)), number)] if added else []


def _refuse_twice(defined: Defined, others: Sequence[Defined]) -> None:
    for other in others:
        common = set(other.types) & set(defined.types)
        if common and other.definition.code == defined.definition.code:
            raise DefinedTwice(
                f"{min(common)} has a search parameter {defined.definition.code} already, defined by"
                f" SearchParameter/{other.id}",
                at="SearchParameter.code",
            )


async def _define(connection: Session, defined: Defined) -> None:
    said = defined.definition
    values = (said.code, said.type, said.url, said.expression, list(said.targets), list(defined.types))
    await connection.execute(_DEFINE, defined.id, defined.number, *values)


async def restart(connection: Session) -> None:
    """Have every resource indexed anew. Belongs into a transaction."""
    await hold(connection)
    await connection.execute(_RESTART, await connection.fetchval(_RAISE))


async def pause(database: Database, *, paused: bool) -> None:
    """Let the walk over all resources pause, or go on."""
    await database.fetch(_PAUSE, paused)
