"""A companion has a say in every write of its types, in the same transaction, and names changes in the feed."""

import pytest

from polyclinic.fhir.outcome import Conflict, Refusal
from polyclinic.repository import Repository
from polyclinic.repository.model import Create, Delete, Update
from polyclinic.repository.tests.conftest import Clock


class OneSeat:
    """Lets each seat be taken once: by Basic resources, whose language names the seat."""

    name = "seats"
    types = frozenset({"Basic"})

    def __init__(self, tables):
        self.tables = tables

    def event_of(self, turn):
        return "seated" if turn.before is None else None

    async def accompany(self, session, turns, now):
        for turn in turns:
            await session.execute("delete from seat where holder = $1", turn.after.id)
            if turn.resource is None:
                continue
            if turn.resource["language"] == "none":
                raise Refusal("this seat is broken")
            await session.execute("insert into seat values ($1, $2)", turn.resource["language"], turn.after.id)


@pytest.fixture
async def seats(dsn, tmp_path):
    (tmp_path / "0001_seats.sql").write_text(
        "create table seat (seat text, holder text, exclude using hash (seat with =))"
    )
    opened = await Repository.open(dsn, clock=Clock(), companion=OneSeat(tmp_path))
    yield opened
    async with opened.session() as session:
        await session.execute("drop table seat")
        await session.execute("delete from migration where part = 'seats'")
    await opened.close()


def seat(name, **more):
    return {"resourceType": "Basic", "language": name, "code": {"text": "seat"}, **more}


async def test_what_it_excludes_is_a_conflict_on_every_way_to_write_and_changes_nothing(seats):
    first = (await seats.write(Create(seat("de")))).kept
    other = (await seats.write(Create(seat("fr")))).kept
    with pytest.raises(Conflict):
        await seats.write(Create(seat("de")))
    with pytest.raises(Conflict):
        await seats.write(Update(seat("de", id=other.id)))
    with pytest.raises(Conflict):
        async with seats.transaction() as transaction:
            await transaction.write([Create(seat("it")), Create(seat("de"))])
    assert (await seats.read("Basic", other.id)) == other
    await seats.write(Delete("Basic", first.id))
    await seats.write(Update(seat("de", id=other.id)))
    await seats.write(Create(seat("fr")))


async def test_what_it_refuses_is_not_written(seats):
    with pytest.raises(Refusal, match="broken"):
        await seats.write(Create(seat("none", id="broken"), id="broken"))
    assert await seats.read("Basic", "broken") is None


async def test_changes_bear_the_names_it_gives(seats):
    made = (await seats.write(Create(seat("sv")))).kept
    await seats.write(Update(seat("da", id=made.id)))
    await seats.write(Create({"resourceType": "Patient", "id": "p"}, id="p"))
    changes = (await seats.changes(None, limit=1000)).items
    assert [change.event for change in changes if change.id == made.id] == ["seated", None]
    assert [change.event for change in changes if change.type == "Patient"] == [None]
