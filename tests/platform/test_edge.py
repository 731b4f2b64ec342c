"""The edge sends every type straight to its owner, and what concerns several to the gateway."""

import re

import pytest

from polyclinic.kit.manifest import Manifest
from polyclinic.platform import edge

MANIFESTS = [
    Manifest(name="gateway"),
    Manifest(name="records", owns=("Patient", "Person", "Bundle")),
    Manifest(name="scheduling", owns=("Slot",)),
]


def route(method, path, manifests=MANIFESTS):
    """Return the route that Envoy would take: the first whose match holds, without the query; None if none does."""
    table = edge.routes(manifests)["virtual_hosts"][0]["routes"]
    return next((found for found in table if _matches(found["match"], method, path)), None)


def _matches(match, method, path):
    for header in match.get("headers", ()):
        if not re.fullmatch(header["string_match"]["safe_regex"]["regex"], method):
            return False
    if "path" in match:
        return path == match["path"]
    if "prefix" in match:
        return path.startswith(match["prefix"])
    return re.fullmatch(match["safe_regex"]["regex"], path) is not None


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/fhir/Patient", "records"),
        ("/fhir/Patient/", "records"),
        ("/fhir/Patient/1", "records"),
        ("/fhir/Patient/1/_history/2", "records"),
        ("/fhir/Patient/_search", "records"),
        ("/fhir/Patient/$validate", "records"),
        ("/fhir/Bundle/1", "records"),
        ("/fhir/Slot/1", "scheduling"),
        ("/fhir/Patient/1/$everything", "gateway"),
        ("/fhir/PatientX/1", "gateway"),
        ("/fhir/patient/1", "gateway"),
        ("/fhir", "gateway"),
        ("/fhir/", "gateway"),
        ("/fhir/metadata", "gateway"),
        ("/fhir/_history", "gateway"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_path_goes_to_its_owner(method, path, service):
    assert route(method, path)["route"]["cluster"] == service


@pytest.mark.parametrize(
    "path", ["/", "/elsewhere", "/fhirs", "/health/ready", "/metrics", "/events", "/events/letters/1/replay"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_what_is_not_fhir_goes_nowhere(method, path):
    assert route(method, path) is None


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_everything_goes_straight_to_an_owner_of_all_types(method):
    found = route(method, "/fhir/Patient/1/$everything", MANIFESTS[:2])
    assert found["route"]["cluster"] == "records"


@pytest.mark.parametrize(("method", "tried_again"), [("GET", True), ("HEAD", True), ("POST", False), ("PUT", False)])
def test_only_reads_are_tried_again_when_their_owner_died_over_them(method, tried_again):
    retried = route(method, "/fhir/Patient/1")["route"]["retry_policy"]["retry_on"].split(",")
    assert ("reset" in retried) is tried_again
    assert "reset-before-request" in retried
