from datetime import date, timedelta

import pytest_asyncio

from polyclinic.platform import demo
from polyclinic.platform.load.tests.keeper import Keeper, serving

TODAY = date(2026, 11, 22)


@pytest_asyncio.fixture
async def keeper():
    async with serving(Keeper()) as keeper:
        yield keeper


async def test_the_demonstration_is_there_once_however_often_it_is_loaded(keeper):
    first = await demo.bring_in(keeper.url, today=TODAY, patients=3)
    before = dict(keeper.kept)
    again = await demo.bring_in(keeper.url, today=TODAY + timedelta(days=40), patients=3)
    assert (first.exit, again.exit) == (0, 0)
    assert (again.created, again.standing, again.found) == (0, 0, first.created)
    assert keeper.kept == before
    assert keeper.counts()["Patient"] == 3


async def test_a_changed_patient_stays_changed(keeper):
    await demo.bring_in(keeper.url, today=TODAY, patients=1)
    keeper.kept["Patient/demo-01"]["active"] = False
    await demo.bring_in(keeper.url, today=TODAY, patients=1)
    assert keeper.kept["Patient/demo-01"]["active"] is False
