import json
import re

import pytest

from polyclinic.platform.load.parcels import GROUP, parcels
from polyclinic.platform.load.sources import Document, Place, Trouble
from polyclinic.platform.load.tests.examples import transaction

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}")


def packed(*bodies, file="a.json", lines=False):
    texts = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
    documents = [
        Document(Place(file, line=number if lines else None), text, number) for number, text in enumerate(texts, 1)
    ]
    return list(parcels(documents))


def bundle_of(parcel):
    return json.loads(parcel.as_bundle())


def test_a_created_resource_becomes_a_put_with_an_id_of_its_content():
    (parcel,) = packed(transaction("Ant"))
    first, second = bundle_of(parcel)["entry"]
    assert UUID.fullmatch(first["resource"]["id"])
    assert first["request"] == {"method": "PUT", "url": f"Patient/{first['resource']['id']}"}
    assert first["fullUrl"] == second["resource"]["subject"]["reference"]
    assert parcel.witness == first["request"]["url"]


def test_the_same_bundle_becomes_the_same_parcel_wherever_it_lies():
    (here,), (there,) = (
        packed(transaction("Ant")),
        packed(transaction("Ant"), file="elsewhere.ndjson", lines=True),
    )
    assert here.as_bundle() == there.as_bundle()


def test_equal_resources_of_two_bundles_and_of_one_stay_apart():
    one, other = packed(transaction("Ant", "Ant"), transaction("Ant"))
    urls = [entry["request"]["url"] for parcel in (one, other) for entry in bundle_of(parcel)["entry"]]
    assert len(set(urls)) == 6


def test_nothing_but_the_id_of_a_resource_is_touched():
    body = b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":%b,"request":%b}]}'
    request = b'{"method":"POST","url":"Observation"}'
    resource = b'{ "resourceType":"Observation", "id":"x" ,"valueDecimal":1.00, "note":"\\u00e9"}'
    (parcel,) = packed(body % (resource, request))
    front, back = resource.split(b'"x"')
    assert parcel.body[0].startswith(b'{"resource":' + front + b'"')
    assert back in parcel.body[0]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "contained": [{"resourceType": "Patient", "id": "x"}], "id": "x"},
        {"contact": [{"id": "x"}], "resourceType": "Patient", "id": "x"},
        {"id": 'quoted " and \\ slashed', "resourceType": "Patient"},
        {"resourceType": "Patient"},
    ],
)
def test_only_the_id_of_the_resource_itself_is_replaced(resource):
    entry = {"resource": resource, "request": {"method": "POST", "url": "Patient"}}
    (parcel,) = packed({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    sent = bundle_of(parcel)["entry"][0]["resource"]
    assert UUID.fullmatch(sent.pop("id"))
    assert sent == {name: value for name, value in resource.items() if name != "id"}


@pytest.mark.parametrize(
    "request_",
    [
        {"method": "PUT", "url": "Patient/x", "ifMatch": 'W/"3"'},
        {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=1"},
        {"method": "POST", "url": "Patient/$match"},
        {"method": "DELETE", "url": "Patient/x"},
    ],
)
def test_what_the_server_does_once_by_itself_is_sent_as_it_is(request_):
    entry = {"resource": {"resourceType": "Patient", "id": "x"}, "request": request_}
    (parcel,) = packed({"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert bundle_of(parcel)["entry"] == [entry]
    assert parcel.witness is None


def test_a_collection_becomes_a_transaction_of_puts():
    resources = [{"resourceType": "Patient", "id": "known"}, {"resourceType": "Patient"}]
    entries = [{"resource": resource} for resource in resources]
    (parcel,) = packed({"resourceType": "Bundle", "type": "collection", "entry": entries})
    bundle = bundle_of(parcel)
    assert bundle["type"] == "transaction"
    assert bundle["entry"][0]["request"] == {"method": "PUT", "url": "Patient/known"}
    assert UUID.search(bundle["entry"][1]["request"]["url"])
    assert parcel.divisible
    assert parcel.witness is None


def test_a_batch_stays_a_batch_and_has_no_witness():
    (parcel,) = packed(transaction("Ant") | {"type": "batch"})
    assert (bundle_of(parcel)["type"], parcel.witness) == ("batch", None)


def test_single_resources_go_together_in_groups():
    lines = [{"resourceType": "Patient", "id": f"p{number}"} for number in range(GROUP + 1)]
    full, rest = packed(*lines, lines=True)
    assert [len(parcel.entries) for parcel in (full, rest)] == [GROUP, 1]
    assert bundle_of(rest)["entry"][0]["request"] == {"method": "PUT", "url": f"Patient/p{GROUP}"}
    assert rest.entries == (Place("a.json", line=GROUP + 1),)


def test_equal_lines_without_id_are_two_resources_the_same_at_every_load():
    def urls(file):
        (parcel,) = packed(*[{"resourceType": "Patient"}] * 2, lines=True, file=file)
        return [entry["request"]["url"] for entry in bundle_of(parcel)["entry"]]

    assert len(set(urls("a.ndjson"))) == 2
    assert urls("a.ndjson") == urls("renamed.ndjson")


def test_bundles_and_resources_keep_their_order():
    single = {"resourceType": "Patient", "id": "x"}
    found = packed(single, transaction("Ant"), single, lines=True)
    assert [parcel.divisible for parcel in found] == [True, False, True]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"resourceType":"Patient",\n  "id" 3}', r"no JSON: .*\(line 2, column 8\)"),
        (b"", "no JSON"),
        (b"\xff\xfe{\0}\0", "no JSON"),
        (b'{"Observation": 88674}', "no FHIR, as it has no resourceType"),
        (b"[1, 2]", "no FHIR resource: Expected `object`"),
        (b'"text"', "no FHIR resource"),
        (b'{"resourceType": 7}', "no FHIR resource"),
        (b'{"resourceType":"Bundle","type":"searchset"}', "a Bundle of type searchset is not loaded"),
        (b'{"resourceType":"Bundle"}', r"a Bundle of type \(none\) is not loaded"),
        (
            b'{"resourceType":"Bundle","type":"collection","entry":[{}]}',
            "^entry 0 is no FHIR resource: .*no resourceType",
        ),
        (b'{"resourceType":"Patient","a":' + b"[" * 100_000, "nested too deeply"),
        (b"[" * 100_000, "no JSON|no FHIR"),
    ],
)
def test_what_is_no_fhir_is_refused_in_one_sentence(body, reason):
    (trouble,) = packed(body)
    assert isinstance(trouble, Trouble)
    assert re.search(reason, trouble.reason), trouble.reason
    assert trouble.place == Place("a.json")


def test_a_broken_line_leaves_the_others_whole():
    found = packed({"resourceType": "Patient", "id": "a"}, b"{", {"resourceType": "Patient", "id": "b"}, lines=True)
    trouble, parcel = found
    assert trouble.place.line == 2
    assert len(parcel.entries) == 2
