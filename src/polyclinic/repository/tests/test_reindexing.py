"""Search parameters that somebody defines: learnt by every process, and resources indexed anew by them meanwhile."""

import asyncio
from contextlib import asynccontextmanager, suppress

import asyncpg
import pytest

from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search.query import parse
from polyclinic.repository import Repository
from polyclinic.repository.keys import unpack
from polyclinic.repository.model import Create, Delete, Keeping, Update
from polyclinic.repository.tests.conftest import Clock
from polyclinic.repository.vocabularies import DefinedTwice, Incomplete

EYES = "http://example.org/eyes"


def parameter(id, code="eyes", **changed):
    return {
        "resourceType": "SearchParameter",
        "id": id,
        "url": f"http://example.org/SearchParameter/{id}",
        "name": "eyes",
        "status": "active",
        "description": "the colour of the eyes",
        "code": code,
        "base": ["Patient"],
        "type": "token",
        "expression": f"Patient.extension('{EYES}').value",
        **changed,
    }


def patient(id, colour="blue", **more):
    eyes = {"url": EYES, "valueCoding": {"system": "urn:eyes", "code": colour, "display": f"{colour} ones"}}
    return {"resourceType": "Patient", "id": id, "extension": [eyes], **more}


@asynccontextmanager
async def opened(dsn, **more):
    repository = await Repository.open(dsn, clock=Clock(), keeping=Keeping(**more))
    try:
        yield repository
    finally:
        await repository.close()


@pytest.fixture
async def fresh(dsn):
    """The module's database, emptied."""
    async with opened(dsn):
        pass
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "truncate resource, archive, change, posting, span, text_value, spelling, search_parameter;"
        "update vocabulary set number = 1;"
        "update reindexing set wanted = 1, complete = 1, target = null, type = '', id = '', found = 0,"
        "    verifies = false, done = 0, total = 0, paused = false"
    )
    yield dsn
    await connection.close()


async def fill(repository, many=250):
    async with repository.transaction() as transaction:
        await transaction.write([Update(patient(f"p{n:03}", "blue" if n % 2 else "green")) for n in range(many)])


async def found(repository, text, type="Patient", **more):
    await repository.learn()
    pairs = [tuple(pair.split("=", 1)) for pair in text.split("&")]
    query = parse(type, [*pairs, ("_count", "1000")], vocabulary=repository.vocabulary, **more)
    return {kept.id for kept in (await repository.search(query)).items}


async def truth(dsn, statement, *arguments):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement, *arguments)
    finally:
        await connection.close()


async def index_is_exact(dsn):
    """Check that every posting is there once, and is what its resource says."""
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select key, at, terms from resource")
    postings = await connection.fetch("select key, at, resource from posting")
    await connection.close()
    meant = [(key, row["at"], row["key"]) for row in rows for key in unpack(row["terms"])]
    assert sorted(map(tuple, postings)) == sorted(meant)


async def test_what_was_there_before_is_found_after_reindexing(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository)
        changes = await truth(fresh, "select count(*) from change")
        await repository.write(Create(parameter("eyes"), id="eyes"))
        assert not (await repository.learn()).is_complete
        assert await found(repository, "eyes=blue") == set()
        await repository.reindexing.walk()
        assert (await repository.learn()).is_complete
        assert len(await found(repository, "eyes=blue")) == 125
        assert len(await found(repository, "eyes=urn:eyes|green")) == 125
        assert len(await found(repository, "eyes:text=GREEN o")) == 125
        assert len(await found(repository, "eyes:missing=true")) == 0
        assert await truth(fresh, "select count(*) from change") == changes + 1
        assert (await repository.read("Patient", "p001")).version == 1


async def test_reindexing_twice_changes_nothing(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository, 50)
        before = await truth(fresh, "select count(*) from posting")
        await repository.restart_reindexing()
        await repository.reindexing.walk()
        assert (await repository.learn()).is_complete
        assert await truth(fresh, "select count(*) from posting") == before


async def test_progress_counts_resources_and_ends_complete(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository, 30)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        known = await repository.learn()
        assert [(each.state, each.done) for each in map(known.progress, known.defined)] == [("waiting", 0)]
        await repository.reindexing.walk()
        known = await repository.learn()
        assert [(p.state, p.done, p.total) for p in map(known.progress, known.defined)] == [("complete", 30, 30)]


async def test_a_query_lacks_what_it_uses_until_that_is_complete(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository, 10)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        query = parse("Observation", [("subject:Patient.eyes", "blue")], vocabulary=repository.vocabulary)
        (lacking,) = await repository.lacking(query)
        assert lacking.issue.code == "incomplete"
        assert "eyes of Patient" in lacking.issue.diagnostics
        await repository.reindexing.walk()
        assert await repository.lacking(query) == ()


async def test_conditions_are_refused_until_they_can_find_everything(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository, 10)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        unless = parse("Patient", [("eyes", "blue")], vocabulary=repository.vocabulary)
        with pytest.raises(Incomplete):
            await repository.write(Create(patient("x"), unless=unless))
        await repository.reindexing.walk()
        async with repository.transaction() as transaction:
            assert len(await transaction.match(unless)) == 2


async def test_a_paused_walk_stands_still_and_goes_on(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository)
        await repository.pause_reindexing(paused=True)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        await repository.reindexing.walk()
        known = await repository.learn()
        assert [known.progress(each).state for each in known.defined] == ["paused"]
        await repository.pause_reindexing(paused=False)
        await repository.reindexing.walk()
        assert len(await found(repository, "eyes=blue")) == 125


async def test_a_walk_that_is_cut_off_goes_on_where_it_was(fresh):
    async with opened(fresh, reindex_rate=400) as repository:
        await fill(repository)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        running = asyncio.create_task(repository.reindexing.run())
        while await truth(fresh, "select done from reindexing") == 0:
            await asyncio.sleep(0.01)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    done = await truth(fresh, "select done from reindexing")
    assert 0 < done < 250
    async with opened(fresh, reindex_rate=100_000) as repository:
        assert (await repository.learn()).done == done
        await repository.reindexing.walk()
        assert len(await found(repository, "eyes=blue")) == 125


async def test_a_killed_session_frees_the_walk_for_another_process(fresh):
    async with opened(fresh, reindex_rate=300) as first, opened(fresh, reindex_rate=100_000) as second:
        await fill(first)
        await first.write(Create(parameter("eyes"), id="eyes"))
        running = asyncio.create_task(first.reindexing.walk())
        while await truth(fresh, "select done from reindexing") == 0:
            await asyncio.sleep(0.01)
        await second.reindexing.walk()
        assert not (await second.learn()).is_complete  # the first one holds the lock
        await truth(
            fresh,
            "select pg_terminate_backend(l.pid) from pg_locks l join pg_database d on d.oid = l.database"
            " where locktype = 'advisory' and objid = 1919247993 and d.datname = current_database()",
        )
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            await running
        await second.reindexing.walk()
        assert len(await found(second, "eyes=blue")) == 125


async def test_updates_during_the_walk_are_found_by_what_they_say_now(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        walking = asyncio.create_task(repository.reindexing.walk())

        async def change(n):
            for colour in ("brown", "red" if n % 3 else "grey"):
                await repository.write(Update(patient(f"p{n:03}", colour)))

        await asyncio.gather(walking, *(change(n) for n in range(0, 250, 2)))
        await repository.reindexing.walk()
        assert await found(repository, "eyes=green,brown") == set()
        assert len(await found(repository, "eyes=red,grey")) == 125
        assert len(await found(repository, "eyes=blue")) == 125
        await index_is_exact(fresh)


async def test_a_process_with_the_old_vocabulary_writes_with_the_new_one(fresh):
    async with opened(fresh, reindex_rate=100_000) as first, opened(fresh) as second:
        await fill(second, 10)
        await first.write(Create(parameter("eyes"), id="eyes"))
        assert second.vocabulary.number < first.vocabulary.number
        await second.write(Create(patient("alone", "violet"), id="alone"))
        await second.write(Update(patient("p001", "violet")))
        async with second.transaction() as transaction:
            await transaction.write([Update(patient("p002", "violet"))])
        await second.write(Delete("Patient", "p003"))
        assert await found(first, "eyes=violet") == {"alone", "p001", "p002"}
        await first.reindexing.walk()
        least = "select min(indexed) from resource where body is not null and type = 'Patient'"
        assert await truth(fresh, least) == first.vocabulary.number


async def test_a_transaction_under_way_keeps_a_definition_waiting(fresh):
    async with opened(fresh, reindex_rate=100_000) as first, opened(fresh) as second:
        async with second.transaction() as transaction:
            await transaction.write([Update(patient("slow", "violet"))])
            defining = asyncio.create_task(first.write(Create(parameter("eyes"), id="eyes")))
            await asyncio.sleep(0.1)
            assert not defining.done()
        await defining
        await first.reindexing.walk()
        assert await found(first, "eyes=violet") == {"slow"}


async def test_rows_that_another_release_wrote_meanwhile_are_caught_by_the_second_pass(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository, 20)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        target = repository.vocabulary.number
        await truth(
            fresh,
            "update reindexing set target = $1, type = 'Patient', id = 'p010', found = 1, total = 20",
            target,
        )
        await repository.reindexing.walk()
        assert len(await found(repository, "eyes=blue,green")) == 20


async def test_rows_from_before_are_indexed_anew_by_themselves(fresh):
    async with opened(fresh) as repository:
        await fill(repository, 20)
    await truth(fresh, "update resource set indexed = 0, link_paths = '{}', present = '{}'")
    await truth(fresh, "update reindexing set complete = 0")
    async with opened(fresh, reindex_rate=100_000) as repository:
        assert not repository.known.is_complete
        await repository.reindexing.walk()
        assert (await repository.learn()).is_complete
    assert await truth(fresh, "select count(*) from resource where indexed = 0 or present = '{}'") == 0


async def test_a_parameter_that_is_withdrawn_is_unknown_and_one_that_changes_is_incomplete(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        await fill(repository, 10)
        await repository.write(Create(parameter("eyes"), id="eyes"))
        await repository.reindexing.walk()
        await repository.write(Update(parameter("eyes", description="another sentence")))
        assert (await repository.learn()).is_complete
        await repository.write(Update(parameter("eyes", type="string", expression="Patient.extension.value.display")))
        assert not (await repository.learn()).is_complete
        await repository.reindexing.walk()
        assert len(await found(repository, "eyes=blue ones")) == 5
        await repository.write(Update(parameter("eyes", status="retired")))
        with pytest.raises(NotSupported):
            await found(repository, "eyes=blue")
        await repository.write(Update(parameter("eyes")))
        await repository.write(Delete("SearchParameter", "eyes"))
        with pytest.raises((NotSupported, Unacceptable)):
            await found(repository, "eyes=blue")
        assert (await repository.learn()).is_complete


async def test_two_parameters_of_one_type_cannot_have_the_same_code(fresh):
    async with opened(fresh) as repository:
        await repository.write(Create(parameter("eyes"), id="eyes"))
        with pytest.raises(DefinedTwice) as refused:
            await repository.write(Create(parameter("other", base=["Patient", "Person"], expression="id"), id="other"))
        assert [issue.expression for issue in refused.value.issues] == ["SearchParameter.code"]
        await repository.write(Create(parameter("draft", status="draft"), id="draft"))
        assert len((await repository.learn()).defined) == 1


async def test_what_cannot_be_followed_is_not_kept(fresh):
    async with opened(fresh) as repository:
        with pytest.raises(NotSupported):
            await repository.write(Create(parameter("eyes", expression="Patient.nose"), id="eyes"))
        assert await repository.read("SearchParameter", "eyes") is None
        assert (await repository.learn()).defined == ()


async def test_a_parameter_and_what_it_finds_may_come_in_one_transaction(fresh):
    async with opened(fresh, reindex_rate=100_000) as repository:
        async with repository.transaction() as transaction:
            await transaction.write([Update(patient("before", "red"))])
            await transaction.write([Create(parameter("eyes")), Update(patient("beside", "red"))])
            await transaction.write([Update(patient("after", "red"))])
        assert await found(repository, "eyes=red") >= {"beside", "after"}
        await repository.reindexing.walk()
        assert await found(repository, "eyes=red") == {"before", "beside", "after"}


async def test_references_to_this_server_are_its_own_with_a_new_vocabulary_too(fresh):
    here = "http://here.example/fhir/"
    async with opened(fresh, base=here) as repository:
        await repository.write(Create(parameter("eyes"), id="eyes"))
        await repository.write(Create(patient("p", link=[{"other": {"reference": f"{here}Patient/q"}}]), id="p"))
        for asked in ("q", "Patient/q", f"{here}Patient/q"):
            assert await found(repository, f"link={asked}") == {"p"}
