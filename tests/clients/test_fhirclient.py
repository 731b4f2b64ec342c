"""fhirclient, SMART's: its models are strict, so what it reads without complaint is R4 down to the last element."""

from uuid import uuid4

import pytest
from fhirclient import client
from fhirclient.models.bundle import Bundle, BundleEntry, BundleEntryRequest
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.humanname import HumanName
from fhirclient.models.identifier import Identifier
from fhirclient.models.observation import Observation
from fhirclient.models.operationoutcome import OperationOutcome
from fhirclient.models.patient import Patient
from fhirclient.server import FHIRNotFoundException
from requests import HTTPError


@pytest.fixture
def server(house):
    settings = {"app_id": "tests", "api_base": house.base_url}
    smart = client.FHIRClient(settings=settings)
    yield smart.server
    smart.server.session.close()


def test_capability_statement_is_read_and_needs_no_login(server):
    assert server.prepare()
    statement = server.capabilityStatement
    assert (statement.fhirVersion, statement.kind) == ("4.0.1", "instance")
    told = {resource.type for resource in statement.rest[0].resource}
    assert {"Patient", "Observation", "Encounter"} <= told


def test_resource_is_created_read_updated_and_deleted(server):
    created = Patient(person().create(server))
    read = Patient.read(created.id, server)
    assert (read.name[0].family, read.meta.versionId) == ("Vogt", "1")
    read.birthDate = FHIRDate("1980-02-29")
    assert Patient(read.update()).meta.versionId == "2"
    assert Patient.read(created.id, server).birthDate.isostring == "1980-02-29"
    assert read.delete() is None
    with pytest.raises(HTTPError) as gone:
        Patient.read(created.id, server)
    assert gone.value.response.status_code == 410


def test_what_is_not_there_is_not_found_and_says_so(server):
    with pytest.raises(FHIRNotFoundException) as missed:
        Patient.read("nobody-of-that-name", server)
    assert OperationOutcome(missed.value.response.json()).issue[0].diagnostics


def test_search_finds_and_leads_through_all_pages(server, ward):
    search = Patient.where({"family": ward.name, "_sort": "birthdate", "_count": "5"})
    pages = list(search.perform_iter(server))
    assert [len(page.entry) for page in pages] == [5, 5, 2]
    assert [one.id for one in search.perform_resources_iter(server)] == ward.patients
    assert all(page.type == "searchset" and page.link for page in pages)


def test_search_takes_alternatives_conjunctions_and_modifiers(server, ward):
    either = Patient.where({"identifier": {"$or": [f"{ward.mark}|p1", f"{ward.mark}|p2"]}})
    assert found(either, server) == set(ward.patients[1:3])
    between = Patient.where({"family": {"$exact": ward.name}, "birthdate": {"$and": ["ge1952", "lt1954"]}})
    assert found(between, server) == set(ward.patients[2:4])
    none = Patient.where({"family": ward.name, "birthdate": {"$missing": "true"}})
    assert found(none, server) == set()


def test_search_follows_a_chain(server, ward):
    assert found(Observation.where({"subject": {"$type": "Patient", "family": ward.name}}), server) == set(ward.weights)


def test_includes_come_as_models_of_their_own(server, ward):
    weights = Observation.where({"_id": ",".join(ward.weights)}).include("subject")
    resources = list(weights.perform_resources_iter(server))
    assert sorted(one.resource_type for one in resources) == ["Observation"] * 3 + ["Patient"]
    back = Patient.where({"_id": ward.patients[0]}).include("subject", Observation, reverse=True)
    assert found(back, server) == {ward.patients[0], *ward.weights}


def test_transaction_is_posted_to_the_base(server):
    request = BundleEntryRequest({"method": "POST", "url": "Patient"})
    bundle = Bundle({"type": "transaction"})
    bundle.entry = [BundleEntry(), BundleEntry()]
    for entry in bundle.entry:
        entry.request, entry.resource = request, person()
    answer = Bundle(bundle.create(server))
    assert answer.type == "transaction-response"
    assert [entry.response.status[:3] for entry in answer.entry] == ["201", "201"]
    assert all(entry.response.lastModified and entry.response.etag for entry in answer.entry)


def test_history_is_a_bundle_that_the_model_takes(server):
    made = Patient(person().create(server))
    made.origin_server = server
    made.active = True
    made.update()
    made.delete()
    history = Bundle.read_from(f"Patient/{made.id}/_history", server)
    assert [entry.request.method for entry in history.entry] == ["DELETE", "PUT", "POST"]


def test_refusal_is_an_outcome_that_the_model_takes(server):
    with pytest.raises(HTTPError) as refused:
        server.request_json("Patient?flavour=sweet")
    outcome = OperationOutcome(refused.value.response.json())
    assert "flavour" in outcome.issue[0].diagnostics


def person():
    patient = Patient()
    patient.name = [HumanName({"family": "Vogt", "given": ["Ida"]})]
    patient.identifier = [Identifier({"system": "urn:x", "value": uuid4().hex})]
    return patient


def found(search, server):
    return {one.id for one in search.perform_resources_iter(server)}
