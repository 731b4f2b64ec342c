"""All search parameters of US Core's package are taken as they are, and those that R4 lacks find what they should.

The package lies beside this repository; without it there is nothing to test.
"""

import tarfile
from collections import defaultdict
from pathlib import Path

import pytest
from asking import complete

from polyclinic.fhir.json import decode
from polyclinic.kit.testing import create_whole, database, running

PACKAGE = Path(__file__).parents[3] / "shared" / "data" / "us-core" / "us_core_610.tgz"
pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="the package of US Core is not beside this repository")

ADDED = {
    ("CareTeam", "role"),
    ("Condition", "asserted-date"),
    ("Encounter", "discharge-disposition"),
    ("Goal", "description"),
    ("Patient", "ethnicity"),
    ("Patient", "gender-identity"),
    ("Patient", "race"),
}
"""Those that R4 itself lacks."""
EXTENSION = "http://hl7.org/fhir/us/core/StructureDefinition"


@pytest.fixture(scope="module")
async def client():
    """A service that has the examples of the package, and only then learns its search parameters."""
    files = [decode(content) for content in package()]
    added = {type for type, _ in ADDED}
    async with database() as dsn, running(create_whole, postgresql=dsn, reindex_rate=100_000) as client:
        for type in (*sorted(added), "SearchParameter"):
            for each in files:
                if each["resourceType"] == type:
                    answer = await client.put(f"/fhir/{type}/{each['id']}", each)
                    assert answer.status == 201, answer.body
        await complete(client)
        yield client


def package():
    begin = (*(f"{type}-" for type, _ in ADDED), "SearchParameter-")
    with tarfile.open(PACKAGE) as opened:
        for member in opened:
            found = opened.extractfile(member) if Path(member.name).name.startswith(begin) else None
            if found is not None:
                yield found.read()


async def test_those_that_r4_lacks_are_added_and_no_others(client):
    told = (await client.get("/fhir/SearchParameter/$reindex")).json["parameter"]
    parts = [each["part"] for each in told if each["name"] == "parameter"]
    found = {tuple(part["valueCode"] for part in each if part["name"] in ("base", "code")) for each in parts}
    assert {(type, code) for code, type in found} == ADDED


def codes(resource, name):
    return {
        inner.get("valueCoding", {}).get("code")
        for outer in resource.get("extension", ())
        if outer["url"] == f"{EXTENSION}/{name}"
        for inner in outer.get("extension", ())
    }


def is_white(resource):
    return "2106-3" in codes(resource, "us-core-race")


@pytest.mark.parametrize(
    ("type", "code", "value", "is_found"),
    [
        ("Patient", "race", "2106-3", is_white),
        ("Patient", "race", "urn:oid:2.16.840.1.113883.6.238|2106-3", is_white),
        ("Patient", "ethnicity", "2186-5", lambda each: "2186-5" in codes(each, "us-core-ethnicity")),
        ("Condition", "asserted-date", "2016", lambda each: any(
            e.get("valueDateTime", "").startswith("2016") for e in each.get("extension", ())
        )),
        ("CareTeam", "role", "17561000", lambda each: any(
            coding.get("code") == "17561000"
            for one in each.get("participant", ()) for role in one.get("role", ()) for coding in role.get("coding", ())
        )),
        ("Goal", "description:text", "patient", lambda each: each["description"].get("text", "").startswith("Patient")),
        ("Encounter", "discharge-disposition:missing", "true", lambda each: not each.get("hospitalization")),
    ],
)  # fmt: skip
async def test_each_finds_exactly_what_says_so(client, type, code, value, is_found):
    everything = (await client.get(f"/fhir/{type}?_count=1000")).json["entry"]
    expected = {each["resource"]["id"] for each in everything if is_found(each["resource"])}
    answer = (await client.get(f"/fhir/{type}?{code}={value}&_count=1000")).json
    found = defaultdict(set)
    for each in answer.get("entry", ()):
        found[each["search"]["mode"]].add(each["resource"].get("id"))
    assert expected
    assert found == {"match": expected}
