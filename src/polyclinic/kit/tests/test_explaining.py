"""What operators are told of how a search is answered."""

from functools import partial

import pytest

from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.testing import database, running

MANIFEST = Manifest(name="keeper", owns=("Patient", "Observation"))


@pytest.fixture(scope="module")
async def open_handed():
    async with database() as dsn, running(partial(assemble, MANIFEST), postgresql=dsn, explain=True) as client:
        yield client


async def test_explain_tells_the_plan_and_no_value(open_handed):
    await open_handed.post("/fhir/Patient", {"resourceType": "Patient", "name": [{"family": "Unmistakable"}]})
    heard = await open_handed.get("/fhir/Patient?family=unmistakable&gender:missing=true&_explain=true")
    assert heard.status == 200, heard.body
    told = {each["name"]: each for each in heard.json["parameter"]}
    assert told["lead"]["valueString"].startswith("By")
    assert told["found"]["valueInteger"] == 1
    assert "Execution Time" in told["postgresql"]["valueString"]
    assert b"nmistakable" not in heard.body


async def test_explain_false_is_a_search(open_handed):
    assert (await open_handed.get("/fhir/Patient?_explain=false")).json["resourceType"] == "Bundle"
    assert (await open_handed.get("/fhir/Patient?_explain=please")).places == ["_explain"]


async def test_explain_is_refused_where_no_operator_turned_it_on(service):
    heard = await service.get("/fhir/Patient?_explain=true")
    assert (heard.status, heard.codes, heard.places) == (403, ["forbidden"], ["_explain"])
