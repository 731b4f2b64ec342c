"""What is found among more resources than a search looks up first: where that ends, nothing is left out."""

import asyncpg
import pytest

from polyclinic.fhir.outcome import TooCostly
from polyclinic.fhir.search.emit import UCUM
from polyclinic.fhir.search.query import parse
from polyclinic.repository import Repository
from polyclinic.repository.model import Update
from polyclinic.repository.plan import FEW
from polyclinic.repository.spellings import MOST_FOUND
from polyclinic.repository.tests.conftest import Clock

MANY = FEW + 50


def observation(number):
    """Return one of ``MANY``: two amounts of its own in a row, the last of them performed by somebody."""
    code = {"coding": [{"code": "x"}]}
    performer = {"performer": [{"reference": "Practitioner/last"}]} if number == MANY - 1 else {}
    return {
        "resourceType": "Observation",
        "id": str(number),
        "status": "final",
        "code": code,
        "effectiveDateTime": f"{2000 + number // 300}-{1 + number % 12:02}",
        "component": [{"code": code, "valueQuantity": {"value": 10 * number + more}} for more in (0, 1)],
        **({"effectiveDateTime": "2026"} | performer if performer else {}),
    }


@pytest.fixture(scope="module")
async def many(repository):
    """Keep ``MANY`` Observations before anybody has looked at the statistics."""
    async with repository.transaction() as transaction:
        await transaction.write([Update(observation(number)) for number in range(MANY)])
        await transaction.write([Update({"resourceType": "Practitioner", "id": "last"})])
    return repository


@pytest.fixture
async def analyzed(many, dsn):
    """Return a repository that knows which terms are common."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("analyze posting")
    await connection.close()
    opened = await Repository.open(dsn, clock=Clock())
    yield opened
    await opened.close()


async def found(repository, type, name, value):
    return await repository.count(parse(type, [(name, value)]))


async def test_a_resource_is_found_by_what_refers_to_it_however_many_others_refer_to_nothing(many):
    assert await found(many, "Practitioner", "_has:Observation:performer:code", "x") == 1


async def test_resources_that_have_several_values_each_are_all_found(analyzed):
    assert await found(analyzed, "Observation", "component-value-quantity", "ge0") == MANY
    assert await found(analyzed, "Observation", "component-value-quantity", f"lt{FEW}") == FEW // 10


async def test_more_units_than_are_compared_are_refused_by_name(repository):
    code = {"text": "x"}
    values = [{"value": 1, "system": UCUM, "code": f"{{unit{number}}}"} for number in range(MOST_FOUND + 1)]
    parts = [{"code": code, "valueQuantity": value} for value in values]
    await repository.write(
        Update({"resourceType": "Observation", "id": "u", "status": "final", "code": code, "component": parts})
    )
    with pytest.raises(TooCostly) as refused:
        await found(repository, "Observation", "component-value-quantity", f"1|{UCUM}|mg")
    assert refused.value.issues[0].expression == "component-value-quantity"
    assert await found(repository, "Observation", "component-value-quantity", "1||{unit7}") == 1
