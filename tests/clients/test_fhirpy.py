"""fhirpy, Beda's client, asynchronous: everything that it can ask, asked of a running platform."""

from datetime import date
from uuid import uuid4

import pytest
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound
from fhirpy.base.searchset import Raw


@pytest.fixture
def client(house):
    return AsyncFHIRClient(house.base_url)


@pytest.fixture
def asking(house):
    """Return a client that sends more headers with each request."""
    return lambda **headers: AsyncFHIRClient(
        house.base_url, extra_headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


def patient_of(client, **elements):
    return client.resource("Patient", **elements)


async def test_resource_is_created_read_updated_and_deleted(client):
    patient = await patient_of(client, name=[{"family": "Frei", "given": ["Anna"]}]).create()
    assert (patient.id, patient["meta"]["versionId"])[1] == "1"
    read = await client.reference("Patient", patient.id).to_resource()
    assert read.get_by_path("name.0.family") == "Frei"
    patient["birthDate"] = "1980-02-29"
    await patient.update()
    assert (await client.get("Patient", patient.id))["birthDate"] == "1980-02-29"
    await patient.delete()
    with pytest.raises(ResourceNotFound, match="deleted"):
        await patient.to_reference().to_resource()


async def test_resource_is_created_under_an_id_of_the_clients_own(client):
    mine = f"mine-{uuid4().hex[:12]}"
    saved = await patient_of(client, id=mine, active=True).save()
    assert (saved.id, saved["meta"]["versionId"]) == (mine, "1")


async def test_refresh_takes_what_others_changed_and_only_that(client):
    patient = await patient_of(client, active=True).create()
    other = await patient.to_reference().to_resource()
    await patient.refresh()
    assert patient["meta"]["versionId"] == "1"
    other["active"] = False
    await other.update()
    await patient.refresh()
    assert (patient["active"], patient["meta"]["versionId"]) == (False, "2")


async def test_json_patch_changes_an_element(asking, client):
    patient = await patient_of(client, active=True, gender="male").create()
    patching = asking(Content_Type="application/json-patch+json")
    changed = await patching.execute(
        f"Patient/{patient.id}", "patch", data=[{"op": "replace", "path": "/gender", "value": "other"}]
    )
    assert (changed["gender"], changed["active"], changed["meta"]["versionId"]) == ("other", True, "2")


async def test_json_patch_finds_its_resource_by_a_condition(asking, client):
    mark = uuid4().hex
    await patient_of(client, identifier=[{"system": "s", "value": mark}]).create()
    patching = asking(Content_Type="application/json-patch+json")
    changed = await patching.execute(
        "Patient",
        "patch",
        params={"identifier": f"s|{mark}"},
        data=[{"op": "add", "path": "/birthDate", "value": "2001-01-01"}],
    )
    assert changed["birthDate"] == "2001-01-01"


async def test_merge_patch_which_r4_does_not_know_is_refused_in_words(client):
    # fhirpy's own patch() and save(fields=...) send application/json with a part of the resource (RFC 7396)
    patient = await patient_of(client, active=True).create()
    with pytest.raises(OperationOutcome) as refused:
        await patient.patch(gender="other")
    assert refused.value.resource["issue"][0]["diagnostics"]
    assert (await client.get("Patient", patient.id))["meta"]["versionId"] == "1"


async def test_search_finds_by_string_token_date_and_reference(client, ward):
    patients = client.resources("Patient").search(family=ward.name)
    assert await _ids(patients) == set(ward.patients)
    assert await _ids(patients.search(gender="female")) == set(ward.patients[1::2])
    assert await _ids(patients.search(birthdate__lt=date(1953, 1, 1))) == set(ward.patients[:3])
    assert await _ids(patients.search(birthdate__ge="1952", birthdate__lt="1954")) == set(ward.patients[2:4])
    assert await _ids(patients.search(organization=client.reference("Organization", ward.organization))) == set(
        ward.patients
    )
    found = client.resources("Patient").search(identifier=[f"{ward.mark}|p3,{ward.mark}|p4"])
    assert await _ids(found) == set(ward.patients[3:5])


async def test_search_takes_the_modifiers_that_the_client_knows(client, ward):
    patients = client.resources("Patient").search(family__exact=ward.name)
    assert await _ids(patients.search(given__contains="IVEN1")) == set(ward.patients[10:])
    assert await _ids(patients.search(gender__not="male")) == set(ward.patients[1::2])
    assert await _ids(patients.search(death_date__missing=True)) == set(ward.patients)
    assert await _ids(patients.search(birthdate__missing=True)) == set()


async def test_search_follows_chains(client, ward):
    weights = client.resources("Observation")
    assert await _ids(weights.search(subject__Patient__family=ward.name)) == set(ward.weights)
    assert await _ids(weights.search(patient__identifier=f"{ward.mark}|p0")) == set(ward.weights)
    assert await _ids(weights.search(patient__identifier=f"{ward.mark}|p1")) == set()
    deep = weights.search(subject__Patient__organization__Organization__name=f"House of {ward.name}")
    assert await _ids(deep) == set(ward.weights)


async def test_search_asks_who_has(client, ward):
    patients = client.resources("Patient").search(family=ward.name)
    assert await _ids(patients.has("Observation", "patient", code="29463-7")) == set(ward.patients[:1])
    assert await _ids(patients.has("Observation", "patient", code="8302-2")) == set()
    organizations = client.resources("Organization").has(
        "Patient", "organization", "Observation", "patient", value_quantity="70|http://unitsofmeasure.org|kg"
    )
    assert ward.organization in await _ids(organizations)


async def test_sort_goes_both_ways_and_by_several_keys(client, ward):
    patients = client.resources("Patient").search(family=ward.name)
    assert await _ordered(patients.sort("birthdate")) == ward.patients
    assert await _ordered(patients.sort("-birthdate")) == ward.patients[::-1]
    assert await _ordered(patients.sort("gender", "-birthdate")) == ward.patients[1::2][::-1] + ward.patients[::2][::-1]


async def test_pages_lead_through_all_and_repeat_nothing(client, ward):
    patients = client.resources("Patient").search(family=ward.name).sort("birthdate").limit(5)
    assert [one.id for one in await patients.fetch()] == ward.patients[:5]
    assert [one.id for one in await patients.fetch_all()] == ward.patients
    assert (await patients.first()).id == ward.patients[0]


async def test_count_needs_leave_for_the_parameter_that_fhirpy_invents(asking, client, ward):
    with pytest.raises(OperationOutcome, match="_totalMethod"):
        await client.resources("Patient").search(family=ward.name).count()
    lenient = asking(Prefer="handling=lenient")
    assert await lenient.resources("Patient").search(family=ward.name).count() == 12


async def test_includes_bring_what_is_referred_to_and_what_refers(client, ward):
    weights = client.resources("Observation").search(_id=",".join(ward.weights))
    assert await _named(weights.include("Observation", "subject")) == {*ward.weights, ward.patients[0]}
    onward = weights.include("Observation", "patient").include("Patient", "organization", iterate=True)
    assert await _named(onward) == {*ward.weights, ward.patients[0], ward.organization}
    first = client.resources("Patient").search(_id=ward.patients[0])
    assert await _named(first.revinclude("Observation", "subject")) == {ward.patients[0], *ward.weights}
    assert await _ids(weights.include("Observation", "subject")) == set(ward.weights)


async def test_elements_leave_the_rest_out(client, ward):
    (found,) = await client.resources("Patient").search(_id=ward.patients[0]).elements("birthDate").fetch()
    assert found["birthDate"] == "1950-06-01"
    assert "name" not in found


async def test_get_takes_the_only_one(client, ward):
    patients = client.resources("Patient").search(family=ward.name)
    assert (await patients.search(identifier=f"{ward.mark}|p7").get()).id == ward.patients[7]
    with pytest.raises(MultipleResourcesFound):
        await patients.get()
    with pytest.raises(ResourceNotFound):
        await patients.search(gender="unknown").get()


async def test_get_or_create_creates_once(asking):
    condition = f"identifier=s|{uuid4().hex}"
    client = asking(If_None_Exist=condition)
    system, value = condition.removeprefix("identifier=").split("|")
    patient = patient_of(client, identifier=[{"system": system, "value": value}])
    first, created = await client.resources("Patient").get_or_create(patient)
    again, created_again = await client.resources("Patient").get_or_create(patient)
    assert (created, created_again, first.id) == (True, False, again.id)


async def test_condition_of_a_create_in_the_url_is_refused_and_creates_nothing(client):
    # fhirpy's get_or_create() and create(...) put it there; R4 wants If-None-Exist, and ignoring it would make twins
    mark = uuid4().hex
    patient = patient_of(client, identifier=[{"system": "s", "value": mark}])
    patients = client.resources("Patient").search(identifier=f"s|{mark}")
    with pytest.raises(OperationOutcome, match="If-None-Exist"):
        await patients.get_or_create(patient)
    assert await patients.fetch() == []


async def test_conditional_update_creates_then_changes_and_conditional_delete_removes(client):
    mark = uuid4().hex
    patients = client.resources("Patient").search(identifier=f"s|{mark}")
    patient = patient_of(client, identifier=[{"system": "s", "value": mark}])
    first, created = await patients.update(patient)
    patient["active"] = True
    again, created_again = await patients.update(patient)
    assert (created, created_again, first.id, again["active"]) == (True, False, again.id, True)
    assert (await patients.delete())[1] == 204
    assert await patients.fetch() == []


async def test_transaction_creates_and_links(client):
    mark = uuid4().hex
    person = patient_of(client, identifier=[{"system": "s", "value": mark}])
    flag = client.resource("Flag", status="active", code={"text": "falls"}, subject={"reference": "urn:uuid:person"})
    bundle = client.resource(
        "Bundle",
        type="transaction",
        entry=[
            {"fullUrl": "urn:uuid:flag", "resource": flag.serialize(), "request": {"method": "POST", "url": "Flag"}},
            {
                "fullUrl": "urn:uuid:person",
                "resource": person.serialize(),
                "request": {"method": "POST", "url": "Patient"},
            },
        ],
    )
    answer = await client.execute("", data=bundle.serialize())
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]
    (kept,) = await client.resources("Flag").search(subject__Patient__identifier=f"s|{mark}").fetch()
    assert kept["subject"].reference == answer["entry"][1]["response"]["location"].partition("/_history")[0]


async def test_batch_tells_each_entry_by_itself(client, ward):
    gone = {"request": {"method": "GET", "url": "Patient/nobody-here"}}
    there = {"request": {"method": "GET", "url": f"Patient/{ward.patients[0]}"}}
    bundle = client.resource("Bundle", type="batch", entry=[gone, there])
    missed, found = (await client.execute("", data=bundle.serialize()))["entry"]
    assert missed["response"]["status"].startswith("404")
    assert missed["response"]["outcome"]["resourceType"] == "OperationOutcome"
    assert found["resource"]["id"] == ward.patients[0]


async def test_validate_tells_good_from_bad(client):
    assert await patient_of(client, gender="female").is_valid()
    assert not await patient_of(client, gender="purple").is_valid()


async def test_everything_about_a_patient(client, ward):
    answer = await client.reference("Patient", ward.patients[0]).execute("$everything", method="get")
    found = {entry["resource"]["id"] for entry in answer["entry"]}
    assert found >= {ward.patients[0], *ward.weights}


async def test_refusal_names_the_parameter(client):
    with pytest.raises(OperationOutcome, match="flavour"):
        await client.resources("Patient").search(Raw(flavour="sweet")).fetch()


async def test_refusal_names_the_element(client):
    with pytest.raises(OperationOutcome, match=r"Patient\.gender"):
        await patient_of(client, gender="purple").create()


async def _ids(searchset):
    return {one.id for one in await searchset.fetch_all()}


async def _ordered(searchset):
    return [one.id for one in await searchset.fetch_all()]


async def _named(searchset):
    """Return the ids of everything in the Bundle, whatever its type."""
    return {entry["resource"]["id"] for entry in (await searchset.fetch_raw())["entry"]}
