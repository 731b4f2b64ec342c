"""A patient asks for the whole record: what comes is what HL7's own expressions find in every resource there is."""

import re
import tarfile
from datetime import date
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from house import BASE, house

from polyclinic.fhir import definitions
from polyclinic.fhir.json import decode
from polyclinic.fhir.path import compile_path
from polyclinic.platform import demo

SYNTHEA = Path(__file__).parents[3] / "shared" / "data" / "synthea" / "r4_617_transaction_bundles_minified.tar.xz"
ONLY_SOME = re.compile(r"\.where\(resolve\(\) is \w+\)")
"""What an expression says of the type of a reference's target: here told by its address."""


def bundles():
    """Yield the clinic and a few patients of the demonstration, and of the Synthea set where it is at hand."""
    yield from demo.bundles(today=date(2026, 11, 22), patients=4)
    if SYNTHEA.exists():
        with tarfile.open(SYNTHEA, "r|xz") as packed:
            files = (packed.extractfile(each) for each in packed if each.isfile() and each.name.endswith(".json"))
            yield from (decode(file.read()) for file in islice(files, 6) if file)


@pytest.fixture(scope="module")
async def polyclinic():
    """Return a client of the gateway, with services behind it that keep some patients and their appointments."""
    async with house() as gateway:
        for bundle in bundles():
            heard = await gateway.post("/fhir", bundle)
            assert heard.status == 200, heard.body
        for number, encounter in enumerate((await gateway.get("/fhir/Encounter?_count=5")).json["entry"], 1):
            await appoint(gateway, encounter["resource"], number)
        yield gateway


async def appoint(gateway, encounter, number):
    """Keep the appointment that led to ``encounter``: what is in scheduling refers to records, and the other way."""
    who = [encounter["subject"], *(each["individual"] for each in encounter.get("participant", ()))]
    when = {"start": f"2026-12-0{number}T09:00:00Z", "end": f"2026-12-0{number}T09:20:00Z"}
    slot = {"resourceType": "Slot", "schedule": {"reference": f"Schedule/s{number}"}, "status": "free", **when}
    booked = {"resourceType": "Appointment", "id": f"a{number}", "status": "booked", **when}
    booked["slot"] = [{"reference": f"Slot/s{number}"}]
    booked["participant"] = [{"actor": {"reference": each["reference"]}, "status": "accepted"} for each in who]
    schedule = {"resourceType": "Schedule", "id": f"s{number}", "actor": who[-1:]}
    appointed = {**encounter, "appointment": [{"reference": f"Appointment/a{number}"}]}
    for each in (schedule, {**slot, "id": f"s{number}"}, booked, appointed):
        heard = await gateway.put(f"/fhir/{each['resourceType']}/{each['id']}", each)
        assert heard.status in (200, 201), heard.body


async def paged(polyclinic, path):
    """Return all resources from ``path`` on, page by page."""
    found = []
    while path:
        bundle = (await polyclinic.get(path)).json
        found += [entry["resource"] for entry in bundle.get("entry", [])]
        path = next(
            (
                link["url"].removeprefix("http://polyclinic.test")
                for link in bundle["link"]
                if link["relation"] == "next"
            ),
            None,
        )
    return {f"{each['resourceType']}/{each['id']}": each for each in found}, len(found)


@pytest.fixture(scope="module")
async def known(polyclinic):
    return (await paged(polyclinic, "/fhir?_count=1000"))[0]


@cache
def expressions(type, codes=None):
    parameters = definitions.search_parameters(type)
    chosen = [parameters[code] for code in codes or parameters if code in parameters]
    return [
        compile_path(ONLY_SOME.sub("", each.expression))
        for each in chosen
        if each.type == "reference" and each.expression
    ]


def referred(resource, codes=None):
    """Return the addresses that ``resource`` refers to, by its search parameters of these ``codes``, or by all."""
    found = [each for path in expressions(resource["resourceType"], codes) for each in path.evaluate(resource)]
    return {each["reference"] for each in found if isinstance(each, dict) and "reference" in each}


def walked(known, address):
    compartment = definitions.compartment(address.partition("/")[0])
    inside = {address} | {
        found
        for found, resource in known.items()
        if resource["resourceType"] in compartment
        and address in referred(resource, tuple(compartment[resource["resourceType"]]))
    }
    return inside, (set().union(*(referred(known[each]) for each in inside)) & known.keys()) - inside


def appoints(resource):
    return resource["resourceType"] == "Appointment" or "appointment" in resource


@pytest.mark.parametrize("type", ["Patient", "Encounter"])
async def test_whole_record_is_what_the_definitions_find(polyclinic, known, type):
    assert len(known) > 100
    met = {each for found, resource in known.items() if appoints(resource) for each in (found, *referred(resource))}
    listed = sorted((each not in met, each) for each in known if each.startswith(f"{type}/"))
    assert not listed[0][0]
    for _, address in listed[:12]:
        inside, beside = walked(known, address)
        bundle = (await polyclinic.get(f"/fhir/{address}/$everything")).json
        told = {"match": [], "include": []}
        for entry in bundle["entry"]:
            told[entry["search"]["mode"]].append(entry["fullUrl"].removeprefix(f"{BASE}/"))
        assert told["match"][0] == address
        assert (sorted(told["match"]), sorted(told["include"])) == (sorted(inside), sorted(beside))
        found, number = await paged(polyclinic, f"/fhir/{address}/$everything?_count=37")
        assert (found.keys(), number) == (inside | beside, len(inside | beside))


async def test_metadata_of_the_house_tells_of_it(polyclinic):
    told = (await polyclinic.get("/fhir/metadata")).json
    operations = {
        resource["type"]: {each["name"]: each["definition"] for each in resource["operation"]}
        for resource in told["rest"][0]["resource"]
    }
    base = "http://hl7.org/fhir/OperationDefinition"
    assert operations["Patient"]["everything"] == f"{base}/Patient-everything"
    assert operations["Encounter"]["everything"] == f"{base}/Encounter-everything"
    assert operations["Observation"]["lastn"] == f"{base}/Observation-lastn"
    assert "everything" not in operations["Observation"]
