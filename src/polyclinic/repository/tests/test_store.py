"""What is kept, how versions follow one another, and what a transaction promises."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from importlib.resources import files
from uuid import uuid4

import asyncpg
import pytest

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Conflict, MultipleMatches, PreconditionFailed
from polyclinic.fhir.search.query import parse
from polyclinic.repository import Repository
from polyclinic.repository.history import Wanted
from polyclinic.repository.migrate import NewerDatabase
from polyclinic.repository.model import Create, Delete, Stretch, Update
from polyclinic.repository.tests.conftest import Clock


def patient(**more):
    return {"resourceType": "Patient", **more}


def identified(value):
    return patient(identifier=[{"system": "urn:test", "value": value}])


def by_identifier(value):
    return parse("Patient", [("identifier", f"urn:test|{value}")])


async def test_a_created_resource_is_read_as_it_was_written(repository):
    written = await repository.write(
        Create({"resourceType": "Observation", "valueQuantity": {"value": Decimal("1.00")}})
    )
    assert written.created and written.kept.version == 1
    read = await repository.read("Observation", written.kept.id)
    assert read == written.kept
    assert b'"value":1.00' in read.body
    assert decode(read.body)["meta"] == {"versionId": "1", "lastUpdated": "2026-01-01T00:00:01.000Z"}


async def test_an_update_makes_the_next_version_and_the_old_one_stays(repository):
    first = (await repository.write(Create(patient(active=True)))).kept
    second = (await repository.write(Update(patient(id=first.id, active=False)))).kept
    assert (second.version, second.method) == (2, "PUT")
    assert await repository.read("Patient", first.id) == second
    assert await repository.read_version("Patient", first.id, 1) == first
    assert await repository.read_version("Patient", first.id, 3) is None
    page = await repository.history(type="Patient", id=first.id, count=10)
    assert page.items == (second, first)


async def test_the_same_content_again_makes_no_version(repository):
    first = (await repository.write(Create(patient(active=True)))).kept
    again = await repository.write(Update(patient(id=first.id, active=True)))
    assert (again.kept, again.changed) == (first, False)


async def test_an_update_of_what_is_not_there_creates_it(repository):
    written = await repository.write(Update(patient(id="chosen")))
    assert written.created and written.kept.version == 1


async def test_a_deleted_resource_is_gone_but_its_versions_stay(repository):
    first = (await repository.write(Create(identified("to-delete")))).kept
    gone = await repository.write(Delete("Patient", first.id))
    assert gone.kept.deleted and gone.kept.version == 2
    assert (await repository.read("Patient", first.id)).deleted
    assert await repository.read_version("Patient", first.id, 1) == first
    assert (await repository.search(by_identifier("to-delete"))).items == ()
    assert not (await repository.write(Delete("Patient", first.id))).changed
    back = await repository.write(Update(identified("to-delete") | {"id": first.id}))
    assert back.created and back.kept.version == 3
    assert len((await repository.search(by_identifier("to-delete"))).items) == 1


async def test_deleting_what_was_never_there_changes_nothing(repository):
    assert (await repository.write(Delete("Patient", "never"))).kept is None


@pytest.mark.parametrize(
    "write", [Update(patient(id="guarded", active=False), if_match=7), Delete("Patient", "guarded", 7)]
)
async def test_a_version_that_does_not_stand_is_refused(repository, write):
    await repository.write(Update(patient(id="guarded", active=True)))
    with pytest.raises(PreconditionFailed, match="version 7"):
        await repository.write(write)


async def test_of_two_writers_of_one_version_one_is_refused(repository):
    await repository.write(Update(patient(id="contested", active=True)))
    writes = [
        repository.write(Update(patient(id="contested", birthDate=f"20{n:02}-01-01"), if_match=1)) for n in range(8)
    ]
    answers = await asyncio.gather(*writes, return_exceptions=True)
    assert sum(isinstance(answer, Conflict | PreconditionFailed) for answer in answers) == 7
    assert (await repository.read("Patient", "contested")).version == 2


async def test_writers_who_name_no_version_all_succeed(repository):
    await repository.write(Update(patient(id="shared")))
    writes = [repository.write(Update(patient(id="shared", birthDate=f"20{n:02}-01-01"))) for n in range(8)]
    await asyncio.gather(*writes)
    assert (await repository.read("Patient", "shared")).version == 9


async def test_twenty_racing_conditional_creates_leave_one(repository):
    value = str(uuid4())
    query = by_identifier(value)
    answers = await asyncio.gather(*(repository.write(Create(identified(value), unless=query)) for _ in range(20)))
    assert sum(answer.created for answer in answers) == 1
    assert len({answer.kept.id for answer in answers}) == 1


async def test_a_conditional_update_creates_then_updates(repository):
    query = by_identifier("conditional")
    first = await repository.write(Update(identified("conditional"), where=query))
    second = await repository.write(Update(identified("conditional") | {"active": True}, where=query))
    assert first.created and not second.created
    assert (second.kept.id, second.kept.version) == (first.kept.id, 2)


async def test_a_condition_that_matches_several_is_refused(repository):
    for _ in range(2):
        await repository.write(Create(identified("twins")))
    with pytest.raises(MultipleMatches):
        await repository.write(Create(identified("twins"), unless=by_identifier("twins")))


async def test_a_transaction_is_all_or_nothing(repository):
    with pytest.raises(RuntimeError):
        async with repository.transaction() as transaction:
            await transaction.write([Create(identified("half")), Update(patient(id="half"))])
            assert len(await transaction.match(by_identifier("half"))) == 1
            raise RuntimeError
    assert await repository.read("Patient", "half") is None
    assert (await repository.search(by_identifier("half"))).items == ()


async def test_a_transaction_keeps_creates_updates_and_deletes_in_order(repository):
    await repository.write(Update(patient(id="old")))
    await repository.write(Update(patient(id="dying")))
    async with repository.transaction() as transaction:
        answers = await transaction.write(
            [Delete("Patient", "dying"), Create(patient(), id="new"), Update(patient(id="old", active=True))]
        )
    assert [answer.kept.id for answer in answers] == ["dying", "new", "old"]
    assert [answer.kept.version for answer in answers] == [2, 1, 2]


async def test_one_resource_twice_in_a_transaction_is_refused(repository):
    with pytest.raises(Conflict, match="Patient/twice"):
        async with repository.transaction() as transaction:
            await transaction.write([Update(patient(id="twice")), Update(patient(id="twice", active=True))])


async def test_a_transaction_of_two_thousand_is_kept(repository):
    async with repository.transaction() as transaction:
        answers = await transaction.write([Create(identified(f"many-{n}")) for n in range(2000)])
    assert len({answer.kept.id for answer in answers}) == 2000
    assert len((await repository.search(by_identifier("many-1999"))).items) == 1


async def test_history_of_a_type_is_newest_first_and_pages(repository):
    for n in range(5):
        await repository.write(Update({"resourceType": "ValueSet", "id": "v", "version": str(n)}))
    first = await repository.history(type="ValueSet", count=3)
    rest = await repository.history(type="ValueSet", count=3, cursor=first.next)
    assert [kept.version for kept in first.items + rest.items] == [5, 4, 3, 2, 1]
    assert rest.next is None
    since = await repository.history(type="ValueSet", count=9, wanted=Wanted(since=first.items[1].updated))
    assert [kept.version for kept in since.items] == [5, 4]


@pytest.mark.parametrize("scope", [{"type": "Library", "id": "l"}, {"type": "Library"}, {}])
async def test_history_at_a_time_is_what_stood_then(repository, scope):
    """Five versions a second apart, the last a deletion: each stands from its second until the next one's."""
    written = [
        (await repository.write(Update({"resourceType": "Library", "id": "l", "version": str(n)}))).kept
        for n in range(4)
    ]
    written.append((await repository.write(Delete("Library", "l"))).kept)
    times = [kept.updated for kept in written]
    first = written[0].version
    half = timedelta(milliseconds=500)

    async def versions(begin, end, **more):
        wanted = Wanted(at=Stretch(begin, end), **more)
        found, cursor = [], None
        while True:
            page = await repository.history(**scope, wanted=wanted, count=2, cursor=cursor)
            found += [kept.version - first for kept in page.items if kept.type == "Library"]
            cursor = page.next
            if cursor is None:
                return found

    assert await versions(times[1], times[1] + half) == [1]
    assert await versions(times[1] - half, times[1]) == [0]
    assert await versions(times[1] - half, times[1] + half) == [1, 0]
    assert (await versions(times[0] - half, times[4] + half))[:5] == [4, 3, 2, 1, 0]
    assert await versions(times[4] + half, times[4] + 2 * half) == [4]
    assert await versions(times[1] - half, times[1] + half, since=times[1]) == [1]


async def test_the_change_feed_skips_no_late_commit_and_keeps_each_resources_order(dsn, repository):
    """A transaction that numbered its versions first and commits last is still handed out."""
    position = (await repository.changes(None, limit=100_000)).position
    async with repository.transaction() as slow:
        await slow.write([Create(patient(), id="slow")])
        await repository.write(Update(patient(id="quick")))
        early = await repository.changes(position, limit=10)
        await repository.write(Update(patient(id="quick", active=True)))
    late = await repository.changes(early.position, limit=10)
    assert [(change.id, change.version) for change in early.items] == [("quick", 1)]
    assert [(change.id, change.version) for change in late.items] == [("slow", 1), ("quick", 2)]
    assert (await repository.changes(late.position, limit=10)).items == ()


async def test_the_change_feed_can_be_read_in_small_steps(repository):
    everything = (await repository.changes(None, limit=100_000)).items
    position, steps = None, []
    while True:
        step = await repository.changes(position, limit=7)
        steps += step.items
        position = step.position
        if len(step.items) < 7:
            break
    assert tuple(steps) == everything


async def test_migrations_run_once_even_by_several_at_once(dsn):
    opened = await asyncio.gather(*(Repository.open(dsn, clock=Clock()) for _ in range(4)))
    for each in opened:
        await each.close()
    connection = await asyncpg.connect(dsn)
    ours = [file for file in (files("polyclinic.repository") / "migrations").iterdir() if file.name.endswith(".sql")]
    assert await connection.fetchval("select count(*) from migration") == len(ours)
    await connection.close()


async def test_a_database_of_a_newer_release_is_left_alone(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("insert into migration (number, name) values (9999, 'from the future')")
    with pytest.raises(NewerDatabase, match="9999"):
        await Repository.open(dsn, clock=Clock())
    await connection.execute("delete from migration where number = 9999")
    await connection.close()
