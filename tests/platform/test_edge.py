"""The edge sends every type straight to its owner, and what concerns several to the gateway."""

import json
import re

import pytest

from polyclinic.kit.manifest import Manifest
from polyclinic.platform import edge

MANIFESTS = [
    Manifest(name="gateway"),
    Manifest(name="records", owns=("Patient", "Person", "Bundle")),
    Manifest(name="scheduling", owns=("Slot",), system_operations=("bulk-publish",)),
]


def route(method, path, manifests=MANIFESTS):
    """Return the name of the route that Envoy would take: the first whose match holds, without the query."""
    table = edge.routes(manifests)["virtual_hosts"][0]["routes"]
    return next(found for found in table if _matches(found["match"], method, path))


def _matches(match, method, path):
    for header in match.get("headers", ()):
        if not re.fullmatch(header["string_match"]["safe_regex"]["regex"], method):
            return False
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
        ("/fhir/$bulk-publish", "scheduling"),
        ("/fhir/$bulk-publish/x", "gateway"),
        ("/fhir/$other", "gateway"),
        ("/fhir/Patient/1/$everything", "gateway"),
        ("/fhir/PatientX/1", "gateway"),
        ("/fhir/patient/1", "gateway"),
        ("/fhir", "gateway"),
        ("/fhir/", "gateway"),
        ("/fhir/metadata", "gateway"),
        ("/fhir/_history", "gateway"),
        ("/", "gateway"),
        ("/elsewhere", "gateway"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH"])
def test_path_goes_to_its_owner(method, path, service):
    assert route(method, path)["route"]["cluster"] == service


def test_the_access_log_tells_neither_path_nor_query(tmp_path):
    edge.write(tmp_path / "edge", MANIFESTS, {}, port=8080, admin=tmp_path / "admin")
    (listener,) = json.loads((tmp_path / "edge" / "lds.json").read_text())["resources"]
    (log,) = listener["filter_chains"][0]["filters"][0]["typed_config"]["access_log"]
    told = json.dumps(log)
    assert "%REQ(:METHOD)%" in told
    assert not [word for word in ("PATH", "path", "QUERY", "REFERER", "URI") if word in told]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_everything_goes_straight_to_an_owner_of_all_types(method):
    found = route(method, "/fhir/Patient/1/$everything", MANIFESTS[:2])
    assert found["route"]["cluster"] == "records"


@pytest.mark.parametrize(("method", "tried_again"), [("GET", True), ("HEAD", True), ("POST", False), ("PUT", False)])
def test_only_reads_are_tried_again_when_their_owner_died_over_them(method, tried_again):
    retried = route(method, "/fhir/Patient/1")["route"]["retry_policy"]["retry_on"].split(",")
    assert ("reset" in retried) is tried_again
    assert "reset-before-request" in retried
