"""How far was told, where telling begins again, and what is known of events that were heard."""

import asyncio

import pytest

from polyclinic.repository import Repository, hearing, telling
from polyclinic.repository.model import Create, FeedPosition
from polyclinic.repository.telling import BACK, Stream, Told
from polyclinic.repository.tests.conftest import Clock

STREAM, OTHER = Stream("made in the morning"), Stream("made at noon")


@pytest.fixture
async def opened(dsn):
    repository = await Repository.open(dsn, clock=Clock())
    yield repository
    async with repository.session() as session:
        await session.execute("truncate told, handled, failure")
    await repository.close()


async def test_a_feed_of_some_types_skips_the_others_and_goes_on_behind_them(opened):
    async with opened.session() as session:
        start = (await telling.read(session, None, ["Patient"], limit=10_000)).position
        for type in ("Basic", "Patient", "Basic", "Patient", "Patient", "Basic"):
            await opened.write(Create({"resourceType": type}))
        first = await telling.read(session, start, ["Patient"], limit=2)
        rest = await telling.read(session, first.position, ["Patient"], limit=2)
        none = await telling.read(session, rest.position, ["Patient"], limit=2)
    assert [len(each.items) for each in (first, rest, none)] == [2, 1, 0]
    assert {change.type for change in (*first.items, *rest.items)} == {"Patient"}


async def told(session, places, *, stream=STREAM):
    for number in places:
        await telling.keep(session, Told(FeedPosition(f"{number}"), stream, number), stay=True)


async def test_telling_begins_at_the_beginning_and_later_well_before_where_it_was(opened):
    async with opened.session() as session:
        assert await telling.begin(session, STREAM, 0) is None
        await told(session, range(1, 40))
        await telling.keep(session, Told(FeedPosition("now"), STREAM, 40), stay=False)
        assert await telling.begin(session, STREAM, 40) == f"{39 - BACK + 1}"


async def test_telling_goes_further_back_where_the_bus_has_lost_its_last_messages(opened):
    async with opened.session() as session:
        await telling.begin(session, STREAM, 0)
        await told(session, range(1, 40))
        assert await telling.begin(session, STREAM, 30) == f"{30 - BACK}"
        assert await telling.begin(session, STREAM, 3) is None


async def test_a_stream_that_was_made_anew_is_told_all_that_is_known(opened):
    async with opened.session() as session:
        await telling.begin(session, STREAM, 0)
        await told(session, range(1, 40))
        assert await telling.begin(session, OTHER, 1000) is None
        await session.execute("update told set at = now() - interval '30 days'")
        await told(session, range(40, 150))
        assert await telling.begin(session, OTHER, 1000) == "40"


async def test_one_process_has_a_turn_until_its_connection_ends(opened, dsn):
    second = await Repository.open(dsn, clock=Clock())
    async with opened.turn(telling.TURN) as held:
        assert held is not None
        async with second.turn(telling.TURN) as other, second.turn(hearing.TURN) as another:
            assert other is None
            assert another is not None
        held.terminate()
        async with asyncio.timeout(5):
            while True:
                async with second.turn(telling.TURN) as other:
                    if other is not None:
                        break
                await asyncio.sleep(0.01)
    await second.close()


async def test_an_event_is_settled_once_and_not_at_all_in_a_transaction_that_fails(opened):
    with pytest.raises(ZeroDivisionError):
        async with opened.transaction() as transaction:
            assert await hearing.settle(transaction.session, "e/1", "Patient/1")
            raise ZeroDivisionError
    for fresh in (True, False):
        async with opened.transaction() as transaction:
            assert await hearing.settle(transaction.session, "e/1", "Patient/1") is fresh


async def test_what_failed_is_counted_and_forgotten_when_it_takes_effect(opened):
    async with opened.session() as session:
        assert [await hearing.fail(session, "e/2", "{}", "X") for _ in range(3)] == [1, 2, 3]
        assert await hearing.count(session) == (0, 1)
        await hearing.settle(session, "e/2", "Patient/1")
        assert await hearing.count(session) == (0, 0)


async def test_a_dead_letter_is_settled_and_only_it_can_be_edited_taken_and_dropped(opened):
    async with opened.session() as session:
        await hearing.fail(session, "e/3", "{}", "X")
        (letter,) = await hearing.failures(session, after=0, limit=9)
        assert not await hearing.edit(session, letter.number, "[]")
        assert not await hearing.drop(session, letter.number)
        await hearing.lay_aside(session, "e/3", "Patient/1")
        assert not await hearing.settle(session, "e/3", "Patient/1")
        assert await hearing.edit(session, letter.number, "[]")
        taken = await hearing.take(session, letter.number)
        assert taken is not None
        assert (taken.content, taken.aside) == ("[]", True)
        assert await hearing.drop(session, letter.number)
        assert await hearing.failure(session, letter.number) is None


async def test_what_was_settled_lately_stays_known_whatever_the_clock_says(opened):
    async with opened.session() as session:
        await session.execute("insert into handled (event, at) values ('old', now() - interval '20 years')")
        await hearing.prune(session)
        assert not await hearing.settle(session, "old", "Patient/1")
        await session.execute("insert into handled (event) select 'n' || n from generate_series(1, 100000) n")
        await hearing.prune(session)
        assert await hearing.settle(session, "old", "Patient/1")
