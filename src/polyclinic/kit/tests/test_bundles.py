"""Batches and transactions over HTTP against a real database."""

import asyncio
from secrets import token_hex

import pytest

from polyclinic.fhir.validate import validate


def bundle(*entries, type="transaction"):
    return {"resourceType": "Bundle", "type": type, "entry": list(entries)}


def entry(method, url, resource=None, full_url=None, **conditions):
    made = {"request": {"method": method, "url": url, **conditions}}
    return made | ({"resource": resource} if resource else {}) | ({"fullUrl": full_url} if full_url else {})


def patient(value=None, **elements):
    known = {"identifier": [{"system": "http://ids", "value": value}]} if value else {}
    return {"resourceType": "Patient", **known, **elements}


def observation(subject="urn:uuid:p", **elements):
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": subject},
        **elements,
    }


def statuses(heard):
    return [each["response"]["status"][:3] for each in heard.json["entry"]]


async def ids(service, heard):
    return [each["response"]["location"].split("/")[1] for each in heard.json["entry"]]


async def count(service, query):
    return (await service.get(f"/fhir/{query}&_summary=count")).json["total"]


async def test_links_between_entries_are_rewritten_in_any_order(service):
    heard = await service.post(
        "/fhir",
        bundle(
            entry("POST", "Observation", observation(), "urn:uuid:o"),
            entry("POST", "Patient", patient(generalPractitioner=[{"reference": "urn:uuid:d"}]), "urn:uuid:p"),
            entry("POST", "Practitioner", {"resourceType": "Practitioner"}, "urn:uuid:d"),
        ),
    )
    assert heard.status == 200, heard.body
    assert heard.json["type"] == "transaction-response"
    assert validate(heard.json) == []
    assert statuses(heard) == ["201"] * 3
    kept, person, doctor = await ids(service, heard)
    assert (await service.get(f"/fhir/Observation/{kept}")).json["subject"]["reference"] == f"Patient/{person}"
    read = (await service.get(f"/fhir/Patient/{person}")).json
    assert read["generalPractitioner"] == [{"reference": f"Practitioner/{doctor}"}]
    assert read["meta"]["versionId"] == "1"
    assert await count(service, f"Observation?patient={person}") == 1


async def test_client_ids_and_relative_references_in_foreign_bundles(service):
    heard = await service.post(
        "/fhir",
        bundle(
            entry("POST", "Patient", patient(id="1"), "http://there/fhir/Patient/1"),
            entry("POST", "Observation", observation("Patient/1"), "http://there/fhir/Observation/2"),
        ),
    )
    person, kept = await ids(service, heard)
    assert (await service.get(f"/fhir/Observation/{kept}")).json["subject"]["reference"] == f"Patient/{person}"


@pytest.mark.parametrize(
    ("prefer", "present"),
    [
        (None, None),
        ("return=minimal", None),
        ("return=representation", "Patient"),
        ("return=OperationOutcome", "outcome"),
    ],
)
async def test_prefer_decides_what_each_response_carries(service, prefer, present):
    headers = {"prefer": prefer} if prefer else {}
    heard = await service.post("/fhir", bundle(entry("POST", "Patient", patient())), **headers)
    (answered,) = heard.json["entry"]
    assert answered.get("resource", {}).get("resourceType") == (present if present == "Patient" else None)
    assert ("outcome" in answered["response"]) == (present == "outcome")
    assert answered["response"].keys() >= {"status", "location", "etag", "lastModified"}


async def test_every_verb_in_one_transaction(service):
    old, new = token_hex(8), token_hex(8)
    for id in (old, new):
        await service.put(f"/fhir/Patient/{id}", patient(id=id))
    heard = await service.post(
        "/fhir",
        bundle(
            entry("GET", f"Patient/{new}"),
            entry("PUT", f"Patient/{new}", patient(id=new, active=True)),
            entry("DELETE", f"Patient/{old}"),
            entry("POST", "Patient", patient()),
            entry("GET", f"Patient?_id={new}"),
            entry("HEAD", f"Patient/{new}"),
        ),
    )
    assert statuses(heard) == ["200", "200", "204", "201", "200", "200"]
    assert heard.json["entry"][0]["resource"]["active"] is True
    assert heard.json["entry"][4]["resource"]["total"] == 1
    assert (await service.get(f"/fhir/Patient/{old}")).status == 410


async def test_every_bad_entry_is_told_and_nothing_happens(service):
    value = token_hex(8)
    heard = await service.post(
        "/fhir",
        bundle(
            entry("POST", "Patient", patient(value)),
            entry("POST", "Patient", patient(value, gender="none")),
            entry("POST", "Nonsense", {"resourceType": "Nonsense"}),
            entry("PATCH", "Patient/1", {"resourceType": "Patient"}),
            entry("PUT", "Patient/x", patient(id="y")),
            entry("POST", "Observation", patient()),
            entry("GET", "Patient?shoe=1"),
            entry("POST", "Observation", observation("Patient?shoe=1")),
            entry("POST", "Observation", observation("Nonsense?a=1")),
            entry("PUT", "Patient", patient()),
            entry("POST", "", patient()),
        ),
    )
    assert heard.status == 400
    assert {place.partition("]")[0] for place in heard.places} == {f"Bundle.entry[{number}" for number in range(1, 11)}
    assert await count(service, f"Patient?identifier=http://ids|{value}") == 0


async def test_bad_elements_are_told_with_their_path(service):
    heard = await service.post("/fhir", bundle(entry("POST", "Patient", patient(gender="none"))))
    assert "Bundle.entry[0].resource.gender" in heard.places


@pytest.mark.parametrize(
    "entries",
    [
        [entry("PUT", "Patient/same", patient(id="same")), entry("PUT", "Patient/same", patient(id="same"))],
        [entry("PUT", "Patient/same", patient(id="same")), entry("DELETE", "Patient/same")],
        [entry("POST", "Patient", patient(), "urn:uuid:1"), entry("POST", "Patient", patient(), "urn:uuid:1")],
        [
            entry("POST", "Patient", patient("q"), ifNoneExist="identifier=q"),
            entry("POST", "Patient", patient("q"), ifNoneExist="identifier=q"),
        ],
    ],
)
async def test_the_same_resource_twice_is_refused(service, entries):
    heard = await service.post("/fhir", bundle(*entries))
    assert heard.status == 400
    assert heard.places[0].startswith("Bundle.entry[1]")


async def test_if_none_exist_links_to_what_exists(service):
    value = token_hex(8)
    there = (await service.post("/fhir/Patient", patient(value))).json["id"]
    body = bundle(
        entry("POST", "Patient", patient(value), "urn:uuid:p", ifNoneExist=f"identifier=http://ids|{value}"),
        entry("POST", "Observation", observation()),
    )
    heard = await service.post("/fhir", body)
    assert statuses(heard) == ["200", "201"]
    found, kept = await ids(service, heard)
    assert found == there
    assert (await service.get(f"/fhir/Observation/{kept}")).json["subject"]["reference"] == f"Patient/{there}"


async def test_of_transactions_racing_to_create_one_creates(service):
    value = token_hex(8)
    body = bundle(
        entry("POST", "Patient", patient(value), "urn:uuid:p", ifNoneExist=f"identifier=http://ids|{value}"),
        entry("POST", "Observation", observation()),
    )
    heard = await asyncio.gather(*(service.post("/fhir", body) for _ in range(6)))
    assert [each.status for each in heard] == [200] * 6
    assert sorted(statuses(each)[0] for each in heard) == ["200"] * 5 + ["201"]
    (person,) = {(await ids(service, each))[0] for each in heard}
    assert await count(service, f"Observation?patient={person}") == 6


async def test_conditional_update_and_delete_in_a_transaction(service):
    kept, gone = token_hex(8), token_hex(8)
    await service.post("/fhir/Patient", patient(gone))
    body = bundle(
        entry("PUT", f"Patient?identifier=http://ids|{kept}", patient(kept, active=True), "urn:uuid:p"),
        entry("DELETE", f"Patient?identifier=http://ids|{gone}"),
        entry("POST", "Observation", observation()),
    )
    first = await service.post("/fhir", body)
    again = await service.post("/fhir", body)
    assert statuses(first) == ["201", "204", "201"]
    assert statuses(again) == ["200", "204", "201"]
    assert (await ids_of(first, 0)) == (await ids_of(again, 0))
    assert await count(service, f"Observation?patient={await ids_of(first, 0)}") == 2


async def ids_of(heard, number):
    return heard.json["entry"][number]["response"]["location"].split("/")[1]


async def test_conditional_references_find_what_is_stored(service):
    value = token_hex(8)
    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "http://ids", "value": value}]}
    there = (await service.post("/fhir/Practitioner", doctor)).json["id"]
    performer = {"performer": [{"reference": f"Practitioner?identifier=http://ids|{value}"}]}
    heard = await service.post(
        "/fhir", bundle(entry("POST", "Observation", {**observation(), **performer, "subject": {"display": "x"}}))
    )
    (kept,) = await ids(service, heard)
    assert (await service.get(f"/fhir/Observation/{kept}")).json["performer"] == [
        {"reference": f"Practitioner/{there}"}
    ]


async def test_conditional_references_find_what_the_transaction_itself_creates(service):
    value = token_hex(8)
    heard = await service.post(
        "/fhir",
        bundle(
            entry("POST", "Observation", observation(f"Patient?identifier=http://ids|{value}")),
            entry("POST", "Patient", patient(value)),
        ),
    )
    assert heard.status == 200, heard.body
    kept, person = await ids(service, heard)
    read = (await service.get(f"/fhir/Observation/{kept}")).json
    assert read["subject"]["reference"] == f"Patient/{person}"
    assert read["meta"]["versionId"] == "1"


@pytest.mark.parametrize("there", [0, 2])
async def test_conditional_reference_without_one_match_is_refused_by_place(service, there):
    value = token_hex(8)
    for _ in range(there):
        await service.post("/fhir/Patient", patient(value))
    other = token_hex(8)
    heard = await service.post(
        "/fhir",
        bundle(
            entry("POST", "Patient", patient(other)),
            entry("POST", "Observation", observation(f"Patient?identifier=http://ids|{value}")),
        ),
    )
    assert (heard.status, heard.places) == (412, ["Bundle.entry[1]"])
    assert await count(service, f"Patient?identifier=http://ids|{other}") == 0


async def test_if_match_is_judged_for_every_entry(service):
    id = token_hex(8)
    await service.put(f"/fhir/Patient/{id}", patient(id=id))
    changed = patient(id=id, active=True)
    refused = await service.post("/fhir", bundle(entry("PUT", f"Patient/{id}", changed, ifMatch='W/"7"')))
    assert (refused.status, refused.places) == (412, ["Bundle.entry[0]"])
    done = await service.post("/fhir", bundle(entry("PUT", f"Patient/{id}", changed, ifMatch='W/"1"')))
    assert statuses(done) == ["200"]


async def test_read_of_what_is_not_there_undoes_the_transaction(service):
    value = token_hex(8)
    heard = await service.post(
        "/fhir", bundle(entry("POST", "Patient", patient(value)), entry("GET", "Patient/nobody"))
    )
    assert (heard.status, heard.places) == (404, ["Bundle.entry[1]"])
    assert await count(service, f"Patient?identifier=http://ids|{value}") == 0


@pytest.mark.parametrize("type", ["collection", "document", None, 3])
async def test_other_bundles_at_the_base_are_refused_with_a_hint(service, type):
    heard = await service.post("/fhir", bundle(type=type))
    assert heard.status == 400
    assert "/Bundle" in heard.said


async def test_other_resources_at_the_base_are_refused(service):
    assert (await service.post("/fhir", patient())).status == 400


async def test_bundle_can_be_stored_as_it_is(service):
    heard = await service.post("/fhir/Bundle", {"resourceType": "Bundle", "type": "collection"})
    assert heard.status == 201


async def test_empty_bundles_are_answered(service):
    for type in ("batch", "transaction"):
        heard = await service.post("/fhir", {"resourceType": "Bundle", "type": type})
        assert (heard.status, heard.json) == (200, {"resourceType": "Bundle", "type": f"{type}-response"})


async def test_batch_entries_fail_on_their_own(service):
    heard = await service.post(
        "/fhir",
        bundle(
            entry("POST", "Patient", patient(gender="none")),
            entry("POST", "Patient", patient()),
            {"request": "nonsense"},
            entry("GET", "Patient/nobody"),
            entry("GET", "metadata"),
            entry("GET", "Patient?_summary=count"),
            entry("PATCH", "Patient/1", patient()),
            entry("GET", "Nonsense/1"),
            entry("POST", "", patient()),
            type="batch",
        ),
    )
    assert heard.json["type"] == "batch-response"
    assert statuses(heard) == ["400", "201", "400", "404", "200", "200", "400", "404", "400"]
    first, *_ = heard.json["entry"]
    assert first["response"]["outcome"]["issue"][0]["expression"] == ["Bundle.entry[0].resource.gender"]
    assert heard.json["entry"][4]["resource"]["resourceType"] == "CapabilityStatement"


async def test_batch_reads_only_what_is_new_to_the_client(service):
    kept = (await service.post("/fhir/Patient", patient())).json["id"]
    heard = await service.post("/fhir", bundle(entry("GET", f"Patient/{kept}", ifNoneMatch='W/"1"'), type="batch"))
    assert statuses(heard) == ["304"]


async def test_batch_inside_a_batch_is_refused(service):
    heard = await service.post("/fhir", bundle(entry("POST", "/", bundle(type="batch")), type="batch"))
    assert statuses(heard) == ["400"]


async def test_large_transaction_lets_others_have_their_turn(service):
    entries = [entry("POST", "Observation", observation(), f"urn:uuid:{n}") for n in range(1500)]
    loading = asyncio.create_task(
        service.post("/fhir", bundle(entry("POST", "Patient", patient(), "urn:uuid:p"), *entries))
    )
    answered = 0
    while not loading.done():
        assert (await service.get("/health/live")).status == 200
        answered += 1
    assert (await loading).status == 200
    assert answered > 3
