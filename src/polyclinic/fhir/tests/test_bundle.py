"""Entries of Bundles, their outlines, and the links inside resources."""

from copy import deepcopy
from typing import Any

import pytest

from polyclinic.fhir.bundle import Entry, entries_of, outline, placed
from polyclinic.fhir.json import encode
from polyclinic.fhir.links import Relinking
from polyclinic.fhir.outcome import Invalid, Issue, Malformed, Refusal

PATIENT = {"resourceType": "Patient"}
POST = {"method": "POST", "url": "Patient"}


def bundle(*entries):
    return {"resourceType": "Bundle", "type": "transaction", "entry": list(entries)}


def test_entry_is_read():
    (entry,) = entries_of(
        bundle({"fullUrl": "urn:uuid:1", "resource": PATIENT, "request": POST | {"ifNoneExist": "a=b"}})
    )
    assert entry == Entry(0, "POST", "Patient", "urn:uuid:1", PATIENT, {"if-none-exist": "a=b"})
    assert entry.place == "Bundle.entry[0]"


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ("text", "Bundle.entry[1]"),
        ({"resource": PATIENT}, "Bundle.entry[1].request"),
        ({"resource": PATIENT, "request": {"url": "Patient"}}, "Bundle.entry[1].request.method"),
        ({"resource": PATIENT, "request": {"method": "BREW", "url": "Patient"}}, "Bundle.entry[1].request.method"),
        ({"resource": PATIENT, "request": {"method": "POST"}}, "Bundle.entry[1].request.url"),
        ({"resource": PATIENT, "request": POST | {"ifMatch": "a\r\nb"}}, "Bundle.entry[1].request.ifMatch"),
        ({"resource": PATIENT, "request": POST | {"ifNoneexist": "a=b"}}, "Bundle.entry[1].request"),
        ({"resource": PATIENT, "request": POST, "fullURL": "urn:uuid:1"}, "Bundle.entry[1]"),
        ({"resource": [], "request": POST}, "Bundle.entry[1].resource"),
        ({"resource": {}, "request": POST}, "Bundle.entry[1].resource.resourceType"),
        ({"request": POST}, "Bundle.entry[1].resource"),
        ({"fullUrl": 1, "resource": PATIENT, "request": POST}, "Bundle.entry[1].fullUrl"),
    ],
)
def test_unreadable_entry_is_told_by_its_place(entry, place):
    good, bad = entries_of(bundle({"resource": PATIENT, "request": POST}, entry))
    assert isinstance(good, Entry)
    assert isinstance(bad, Refusal)
    assert [issue.expression for issue in bad.issues] == [place]


def test_entries_that_are_no_list_are_refused():
    with pytest.raises(Malformed):
        entries_of({"resourceType": "Bundle", "entry": {}})


def test_misspelt_element_of_a_bundle_is_refused():
    with pytest.raises(Invalid, match="entries"):
        entries_of({"resourceType": "Bundle", "type": "batch", "entries": []})


def test_issue_of_a_resource_is_placed_in_its_bundle():
    (inner, whole, nowhere) = placed(
        [Issue("value", "x", "Patient.name[0].family"), Issue("value", "x", "Patient"), Issue("value", "x")],
        "Bundle.entry[3].resource",
    )
    assert inner.expression == "Bundle.entry[3].resource.name[0].family"
    assert whole.expression == nowhere.expression == "Bundle.entry[3].resource"


def test_outline_tells_addresses_without_reading_resources():
    requests = [
        "Patient",
        "Observation/1",
        "Patient?name=x",
        "http://here/fhir/Slot/2",
        "_history",
        "metadata",
        "$op",
        "",
    ]
    seen = outline(encode(bundle(*({"request": {"method": "GET", "url": url}} for url in requests))))
    assert seen.resource_type == "Bundle"
    paths = ["Patient", "Observation/1", "Patient", "Slot/2", "_history", "metadata", "$op", ""]
    assert seen.paths("http://here/fhir/") == paths


@pytest.mark.parametrize("body", [b"", b"[]", b'{"entry":{}}', b'{"entry":[1]}', b"\xff", b'{"entry":' + b"[" * 9999])
def test_outline_of_anything_else_is_refused(body):
    with pytest.raises(Malformed):
        outline(body)


RENAMED = {"urn:uuid:1": "Patient/a", "http://there/fhir/Patient/9": "Patient/b"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"subject": {"reference": "urn:uuid:1"}}, {"subject": {"reference": "Patient/a"}}),
        ({"performer": [{}, {"reference": "urn:uuid:1"}]}, {"performer": [{}, {"reference": "Patient/a"}]}),
        (
            {"component": [{"extension": [{"url": "x", "valueReference": {"reference": "urn:uuid:1"}}]}]},
            {"component": [{"extension": [{"url": "x", "valueReference": {"reference": "Patient/a"}}]}]},
        ),
        (
            {"extension": [{"url": "x", "valueUri": "urn:uuid:1"}]},
            {"extension": [{"url": "x", "valueUri": "Patient/a"}]},
        ),
        (
            {"_status": {"extension": [{"url": "x", "valueUrl": "urn:uuid:1"}]}},
            {"_status": {"extension": [{"url": "x", "valueUrl": "Patient/a"}]}},
        ),
        (
            {"contained": [{"resourceType": "Condition", "subject": {"reference": "urn:uuid:1"}}]},
            {"contained": [{"resourceType": "Condition", "subject": {"reference": "Patient/a"}}]},
        ),
        (
            {"text": {"status": "generated", "div": "<div><a href='urn:uuid:1'>x</a><img src=\"urn:uuid:1\"/></div>"}},
            {"text": {"status": "generated", "div": "<div><a href='Patient/a'>x</a><img src=\"Patient/a\"/></div>"}},
        ),
        ({"subject": {"reference": "http://there/fhir/Patient/9"}}, {"subject": {"reference": "Patient/b"}}),
        ({"subject": {"reference": "Patient/9"}}, {"subject": {"reference": "Patient/b"}}),
    ],
)
def test_links_are_rewritten(before, after):
    resource = {"resourceType": "Observation", **deepcopy(before)}
    Relinking(RENAMED, base="http://there/fhir/").relink(resource)
    assert resource == {"resourceType": "Observation", **after}


@pytest.mark.parametrize(
    "part",
    [
        {"identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}]},
        {"valueString": "urn:uuid:1"},
        {"subject": {"display": "urn:uuid:1", "reference": "urn:uuid:2"}},
        {"note": [{"text": "urn:uuid:1"}]},
        {"text": {"status": "generated", "div": "<div>urn:uuid:1</div>"}},
        {"unknown": {"reference": "urn:uuid:1"}},
        {"subject": "urn:uuid:1"},
        {"subject": {"reference": 3}},
        {"component": "no list", "performer": [["deep"]]},
    ],
)
def test_what_is_no_link_stays(part):
    resource = {"resourceType": "Observation", **part}
    before = deepcopy(resource)
    Relinking(RENAMED).relink(resource)
    assert resource == before


@pytest.mark.parametrize("type", ["Nonsense", None, 3, "", "Patient.contact"])
def test_relinking_survives_any_resource_type(type):
    Relinking(RENAMED).relink({"resourceType": type, "contact": [{"reference": "urn:uuid:1"}]})


def test_conditional_references_are_gathered_and_can_be_pointed():
    resource = {"resourceType": "Observation", "performer": [{"reference": "Practitioner?identifier=x|1"}]}
    relinking = Relinking({})
    relinking.relink(resource)
    (reference,) = relinking.conditional
    assert reference.search == "Practitioner?identifier=x|1"
    reference.point_to("Practitioner/1")
    assert resource["performer"] == [{"reference": "Practitioner/1"}]


def test_very_deep_resources_are_walked_without_recursion():
    resource: dict[str, Any] = {"url": "x", "valueUri": "urn:uuid:1"}
    for _ in range(50_000):
        resource = {"url": "x", "extension": [resource]}
    resource["resourceType"] = "Patient"
    Relinking(RENAMED).relink(resource)
    while "extension" in resource:
        resource = resource.pop("extension")[0]
    assert resource["valueUri"] == "Patient/a"
