"""fhirpy, synchronous: it speaks through another HTTP library than its asynchronous half."""

from uuid import uuid4

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import OperationOutcome, ResourceNotFound


@pytest.fixture
def client(house):
    return SyncFHIRClient(house.base_url)


def test_resource_is_created_read_updated_and_deleted(client):
    patient = client.resource("Patient", name=[{"family": "Ûnïçødé", "given": ["Bo"]}]).create()
    assert client.reference("Patient", patient.id).to_resource().get_by_path("name.0.family") == "Ûnïçødé"
    patient["birthDate"] = "1980-02-29"
    patient.update()
    assert client.get("Patient", patient.id)["meta"]["versionId"] == "2"
    patient.delete()
    with pytest.raises(ResourceNotFound):
        patient.to_reference().to_resource()


def test_refresh_takes_what_others_changed(client):
    patient = client.resource("Patient", active=True).create()
    other = patient.to_reference().to_resource()
    assert patient.refresh()["active"] is True
    other["active"] = False
    other.update()
    assert patient.refresh()["active"] is False


def test_json_patch_changes_an_element(house, client):
    patient = client.resource("Patient", active=True).create()
    patching = SyncFHIRClient(house.base_url, extra_headers={"Content-Type": "application/json-patch+json"})
    operations = [{"op": "test", "path": "/active", "value": True}, {"op": "remove", "path": "/active"}]
    assert "active" not in patching.execute(f"Patient/{patient.id}", "patch", data=operations)


def test_search_sorts_and_leads_through_all_pages(client, ward):
    patients = client.resources("Patient").search(family=ward.name).sort("-birthdate").limit(5)
    assert [one.id for one in patients.fetch_all()] == ward.patients[::-1]
    assert [one.id for one in patients.search(gender="female")] == ward.patients[1::2][::-1]
    assert patients.first().id == ward.patients[-1]


def test_search_follows_a_chain_and_brings_the_patient(client, ward):
    weights = client.resources("Observation").search(patient__Patient__organization=ward.organization)
    answer = weights.include("Observation", "patient").fetch_raw()
    assert {entry["resource"]["id"] for entry in answer["entry"]} == {*ward.weights, ward.patients[0]}
    assert [entry["search"]["mode"] for entry in answer["entry"]].count("include") == 1


def test_search_asks_who_has(client, ward):
    heavy = client.resources("Patient").has("Observation", "subject", value_quantity__gt="71", status="final")
    assert [one.id for one in heavy.search(family=ward.name)] == ward.patients[:1]


def test_conditional_create_and_update_find_the_same_one(house, client):
    mark = uuid4().hex
    once = SyncFHIRClient(house.base_url, extra_headers={"If-None-Exist": f"identifier=s|{mark}"})
    patient = once.resource("Patient", identifier=[{"system": "s", "value": mark}])
    first, created = once.resources("Patient").get_or_create(patient)
    again, created_again = once.resources("Patient").get_or_create(patient)
    updated, _ = client.resources("Patient").search(identifier=f"s|{mark}").update(patient)
    assert (created, created_again, {first.id, again.id, updated.id}) == (True, False, {first.id})


def test_transaction_is_all_or_nothing(client):
    mark = uuid4().hex
    good = {"resourceType": "Patient", "identifier": [{"system": "s", "value": mark}]}
    bad = {"resourceType": "Patient", "gender": "purple"}
    entries = [{"resource": one, "request": {"method": "POST", "url": "Patient"}} for one in (good, bad)]
    bundle = client.resource("Bundle", type="transaction", entry=entries)
    with pytest.raises(OperationOutcome, match=r"Bundle\.entry\[1\]\.resource\.gender"):
        client.execute("", data=bundle.serialize())
    assert client.resources("Patient").search(identifier=f"s|{mark}").fetch() == []
    bundle["entry"] = entries[:1]
    (made,) = client.execute("", data=bundle.serialize())["entry"]
    assert made["response"]["status"].startswith("201")
