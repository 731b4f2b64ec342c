"""PATCH over HTTP against a real database: both kinds, conditions, races, and inside Bundles."""

import asyncio
from base64 import b64encode
from secrets import token_hex

import pytest

from polyclinic.fhir.json import encode
from polyclinic.fhir.validate import validate
from polyclinic.kit.tests.test_bundles import bundle, entry, patient, statuses

JSON_PATCH = "application/json-patch+json"
TO_FEMALE = [{"op": "add", "path": "/gender", "value": "female"}]


def operation(type, path, **parts):
    listed = [{"name": "type", "valueCode": type}, {"name": "path", "valueString": path}]
    listed += [{"name": name, **content} for name, content in parts.items()]
    return {"name": "operation", "part": listed}


def parameters(*operations):
    return {"resourceType": "Parameters", "parameter": list(operations)}


def binary(operations, content_type=JSON_PATCH):
    return {
        "resourceType": "Binary",
        "contentType": content_type,
        "data": b64encode(encode(operations)).decode(),
    }


async def patch(service, path, body, content_type=JSON_PATCH, **headers):
    return await service.send("PATCH", path, body, content_type=content_type, **headers)


async def created(service, **elements):
    value = token_hex(8)
    heard = await service.post("/fhir/Patient", patient(value, **elements))
    return heard.json, value


async def test_json_patch_makes_the_next_version(service):
    kept, _ = await created(service)
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", TO_FEMALE)
    assert (heard.status, heard.headers["etag"]) == (200, 'W/"2"'), heard.body
    assert heard.headers["location"].endswith(f"/fhir/Patient/{kept['id']}/_history/2")
    assert heard.json == {**kept, "gender": "female", "meta": heard.json["meta"]}
    assert (await service.get(f"/fhir/Patient/{kept['id']}")).json == heard.json


@pytest.mark.parametrize("content_type", ["application/fhir+json", "application/json; charset=utf-8"])
async def test_fhirpath_patch_makes_the_next_version(service, content_type):
    kept, _ = await created(service)
    body = parameters(operation("add", "Patient", name={"valueString": "gender"}, value={"valueCode": "female"}))
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", body, content_type)
    assert (heard.status, heard.json["gender"], heard.json["meta"]["versionId"]) == (200, "female", "2")


async def test_a_patch_that_changes_nothing_makes_no_version(service):
    kept, _ = await created(service, gender="female")
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", TO_FEMALE)
    assert (heard.status, heard.headers["etag"]) == (200, 'W/"1"')


@pytest.mark.parametrize(
    ("prefer", "found"), [("minimal", b""), ("OperationOutcome", b"OperationOutcome"), ("representation", b"Patient")]
)
async def test_prefer_decides_what_comes_back(service, prefer, found):
    kept, _ = await created(service)
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", TO_FEMALE, prefer=f"return={prefer}")
    assert heard.status == 200
    assert found in heard.body and bool(found) == bool(heard.body)


async def test_version_and_time_in_a_patch_are_ignored(service):
    kept, _ = await created(service)
    body = [
        {"op": "replace", "path": "/meta/versionId", "value": "77"},
        {"op": "remove", "path": "/meta/lastUpdated"},
        {"op": "add", "path": "/meta/tag", "value": [{"code": "x"}]},
    ]
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", body)
    assert heard.json["meta"]["versionId"] == "2"
    assert heard.json["meta"]["lastUpdated"] > kept["meta"]["lastUpdated"]
    assert heard.json["meta"]["tag"] == [{"code": "x"}]


@pytest.mark.parametrize(
    ("body", "status", "code", "place"),
    [
        ([{"op": "replace", "path": "/id", "value": "other"}], 422, "processing", None),
        ([{"op": "remove", "path": "/id"}], 422, "processing", None),
        ([{"op": "replace", "path": "/resourceType", "value": "Person"}], 422, "processing", None),
        ([{"op": "replace", "path": "", "value": 3}], 422, "processing", None),
        ([{"op": "add", "path": "/gender", "value": "none"}], 422, "code-invalid", "Patient.gender"),
        ([{"op": "add", "path": "/meta", "value": 3}], 422, "structure", "Patient.meta"),
        ([{"op": "test", "path": "/active", "value": True}], 422, "processing", "[0]/path"),
        ([*TO_FEMALE, {"op": "test", "path": "/gender", "value": "male"}], 422, "business-rule", "[1]/path"),
        ([{"op": "remove", "path": "/name"}], 422, "processing", "[0]/path"),
        ([{"op": "jump", "path": "/name"}], 400, "invalid", "[0]/op"),
        ([{"op": "remove", "path": "name"}], 400, "invalid", "[0]/path"),
        ({"op": "remove", "path": "/name"}, 400, "structure", None),
        (b"[", 400, "structure", None),
    ],
)
async def test_json_patches_that_cannot_be_kept_are_refused(service, body, status, code, place):
    kept, _ = await created(service)
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", body)
    assert (heard.status, heard.codes[0], heard.places[:1]) == (status, code, [place] if place else []), heard.body
    assert (await service.get(f"/fhir/Patient/{kept['id']}")).json == kept


@pytest.mark.parametrize(
    ("body", "status", "place"),
    [
        (
            parameters(operation("replace", "Patient.gender", value={"valueCode": "male"})),
            422,
            "Parameters.parameter[0]",
        ),
        (parameters(operation("replace", "Patient.id", value={"valueId": "other"})), 422, None),
        (parameters(operation("jump", "Patient")), 400, "Parameters.parameter[0]"),
        (patient(), 400, "resourceType"),
        ({}, 400, "resourceType"),
    ],
)
async def test_fhirpath_patches_that_cannot_be_kept_are_refused(service, body, status, place):
    kept, _ = await created(service)
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", body, "application/fhir+json")
    assert (heard.status, heard.places[:1]) == (status, [place] if place else []), heard.body


@pytest.mark.parametrize("content_type", ["application/xml-patch+xml", "application/merge-patch+json", "text/plain"])
async def test_other_kinds_of_patches_are_refused_with_those_that_are_read(service, content_type):
    kept, _ = await created(service)
    heard = await patch(service, f"/fhir/Patient/{kept['id']}", b"x", content_type)
    assert (heard.status, heard.codes) == (415, ["not-supported"])
    assert JSON_PATCH in heard.said


async def test_what_is_not_there_cannot_be_patched(service):
    assert (await patch(service, "/fhir/Patient/nobody", TO_FEMALE)).status == 404
    kept, value = await created(service)
    await service.delete(f"/fhir/Patient/{kept['id']}")
    assert (await patch(service, f"/fhir/Patient/{kept['id']}", TO_FEMALE)).status == 410
    assert (await patch(service, f"/fhir/Patient?identifier=http://ids|{value}", TO_FEMALE)).status == 404


async def test_if_match_names_the_version_that_is_meant(service):
    kept, value = await created(service)
    for address in (f"/fhir/Patient/{kept['id']}", f"/fhir/Patient?identifier=http://ids|{value}"):
        assert (await patch(service, address, TO_FEMALE, if_match='W/"7"')).status == 412
    assert (await patch(service, address, TO_FEMALE, if_match='W/"1"')).status == 200


async def test_a_conditional_patch_changes_the_one_match(service):
    kept, value = await created(service)
    address = f"/fhir/Patient?identifier=http://ids|{value}"
    heard = await patch(service, address, TO_FEMALE)
    assert (heard.status, heard.json["id"], heard.json["gender"]) == (200, kept["id"], "female")
    await service.post("/fhir/Patient", patient(value))
    assert (await patch(service, address, TO_FEMALE)).status == 412
    assert (await patch(service, "/fhir/Patient", TO_FEMALE)).status == 400
    assert (await patch(service, "/fhir/Patient?shoe=1", TO_FEMALE)).status == 400
    assert (await patch(service, f"/fhir/Patient/{kept['id']}?active=true", TO_FEMALE)).status == 400


@pytest.mark.parametrize("conditional", [False, True])
async def test_patches_at_the_same_time_all_happen(service, conditional):
    kept, value = await created(service, name=[{"text": "0"}])
    address = f"/fhir/Patient?identifier=http://ids|{value}" if conditional else f"/fhir/Patient/{kept['id']}"
    bodies = [[{"op": "add", "path": "/name/-", "value": {"text": str(number)}}] for number in range(1, 7)]
    heard = await asyncio.gather(*(patch(service, address, body) for body in bodies))
    assert {each.status for each in heard} == {200}
    names = (await service.get(f"/fhir/Patient/{kept['id']}")).json["name"]
    assert {name["text"] for name in names} == {str(number) for number in range(7)}


async def test_every_way_to_patch_in_a_batch(service):
    kept, value = await created(service)
    change = parameters(operation("add", "Patient", name={"valueString": "active"}, value={"valueBoolean": True}))
    heard = await service.post(
        "/fhir",
        bundle(
            entry("PATCH", f"Patient/{kept['id']}", binary(TO_FEMALE)),
            entry("PATCH", f"Patient?identifier=http://ids|{value}", change),
            entry("PATCH", "Patient/nobody", binary(TO_FEMALE)),
            entry("PATCH", f"Patient/{kept['id']}", binary([{"op": "jump"}])),
            entry("PATCH", f"Patient/{kept['id']}", binary(TO_FEMALE, "application/xml-patch+xml")),
            entry("PATCH", f"Patient/{kept['id']}", parameters(operation("jump", "Patient"))),
            entry("PATCH", f"Patient/{kept['id']}"),
            entry("PATCH", f"Patient/{kept['id']}", {**binary([]), "data": "&"}),
            type="batch",
        ),
    )
    assert statuses(heard) == ["200", "200", "404", "400", "415", "400", "400", "400"], heard.body
    assert validate(heard.json) == []
    read = (await service.get(f"/fhir/Patient/{kept['id']}")).json
    assert (read["gender"], read["active"]) == ("female", True)
    places = [
        each["response"].get("outcome", {}).get("issue", [{}])[0].get("expression") for each in heard.json["entry"]
    ]
    assert places[3] == ["Bundle.entry[3].resource.data[0]/op"]
    assert places[5] == ["Bundle.entry[5].resource.parameter[0]"]


async def test_every_way_to_patch_in_a_transaction(service):
    (one, _), (two, value) = await created(service), await created(service)
    third, _ = await created(service)
    doctor = {"reference": "urn:uuid:d"}
    change = parameters(
        operation("add", "Patient", name={"valueString": "generalPractitioner"}, value={"valueReference": doctor})
    )
    heard = await service.post(
        "/fhir",
        bundle(
            entry("PATCH", f"Patient/{one['id']}", change),
            entry("POST", "Practitioner", {"resourceType": "Practitioner"}, "urn:uuid:d"),
            entry(
                "PATCH",
                f"Patient?identifier=http://ids|{value}",
                binary([{"op": "add", "path": "/generalPractitioner", "value": [doctor]}]),
            ),
            entry("PATCH", f"Patient/{third['id']}", binary(TO_FEMALE), ifMatch='W/"1"'),
        ),
        prefer="return=representation",
    )
    assert heard.status == 200, heard.body
    assert statuses(heard) == ["200", "201", "200", "200"]
    made = heard.json["entry"][1]["response"]["location"].removesuffix("/_history/1")
    for kept in (one, two):
        read = (await service.get(f"/fhir/Patient/{kept['id']}")).json
        assert read["generalPractitioner"] == [{"reference": made}]
    assert heard.json["entry"][3]["resource"]["gender"] == "female"
    assert heard.json["entry"][3]["response"]["location"] == f"Patient/{third['id']}/_history/2"


async def test_patches_may_bring_references_that_are_searches(service):
    kept, _ = await created(service)
    value = token_hex(8)

    def referring(text):
        reference = {"reference": f"Practitioner?identifier=http://ids|{text}"}
        return entry(
            "PATCH",
            f"Patient/{kept['id']}",
            binary([{"op": "add", "path": "/generalPractitioner", "value": [reference]}]),
        )

    doctor = {"resourceType": "Practitioner", "identifier": [{"system": "http://ids", "value": value}]}
    heard = await service.post("/fhir", bundle(referring(value), entry("POST", "Practitioner", doctor)))
    assert heard.status == 200, heard.body
    read = (await service.get(f"/fhir/Patient/{kept['id']}")).json
    assert read["generalPractitioner"][0]["reference"].startswith("Practitioner/")
    assert (await service.post("/fhir", bundle(referring("nobody")))).status == 412
    changing = entry("PATCH", f"Patient/{kept['id']}", binary(TO_FEMALE))
    assert (await service.post("/fhir", bundle(changing))).status == 200


async def test_every_bad_patch_of_a_transaction_is_told_and_nothing_happens(service):
    kept, value = await created(service)
    await service.post("/fhir/Patient", patient(value))
    other, _ = await created(service)
    fine = entry("PATCH", f"Patient/{kept['id']}", binary(TO_FEMALE))
    judged = await service.post(
        "/fhir",
        bundle(
            fine,
            entry("PATCH", f"Patient/{kept['id']}", binary(TO_FEMALE)),
            entry("PATCH", f"Patient/{other['id']}", binary([{"op": "jump"}])),
            entry("PATCH", "Patient", binary(TO_FEMALE)),
            entry("PATCH", "Patient/x", patient()),
            entry("PATCH", "Patient/x/_history", binary([])),
        ),
    )
    assert judged.status == 400
    assert {place.partition("]")[0] for place in judged.places} == {f"Bundle.entry[{number}" for number in range(1, 6)}
    cases = [
        (entry("PATCH", f"Patient?identifier=http://ids|{value}", binary(TO_FEMALE)), 412),
        (entry("PATCH", "Patient?identifier=http://ids|nobody", binary(TO_FEMALE)), 404),
        (entry("PATCH", "Patient/nobody", binary(TO_FEMALE)), 404),
        (entry("PATCH", f"Patient/{other['id']}", binary(TO_FEMALE), ifMatch='W/"5"'), 412),
        (entry("PATCH", f"Patient/{other['id']}", binary([{"op": "remove", "path": "/photo"}])), 422),
        (entry("PATCH", f"Patient/{other['id']}", binary([{"op": "add", "path": "/gender", "value": "x"}])), 400),
    ]
    for bad, status in cases:
        heard = await service.post("/fhir", bundle(fine, bad))
        assert heard.status == status, heard.body
        assert all(place.startswith("Bundle.entry[1]") for place in heard.places)
    assert (await service.get(f"/fhir/Patient/{kept['id']}")).json == kept


async def test_transactions_that_patch_at_the_same_time_all_happen(service):
    kept, _ = await created(service, name=[{"text": "0"}])
    adding = [binary([{"op": "add", "path": "/name/-", "value": {"text": str(number)}}]) for number in range(1, 5)]
    heard = await asyncio.gather(
        *(service.post("/fhir", bundle(entry("PATCH", f"Patient/{kept['id']}", each))) for each in adding)
    )
    assert {each.status for each in heard} == {200}
    assert len((await service.get(f"/fhir/Patient/{kept['id']}")).json["name"]) == 5


async def test_metadata_tells_of_patches(service):
    told = (await service.get("/fhir/metadata")).json
    assert told["patchFormat"] == [JSON_PATCH, "application/fhir+json"]
    assert all({"code": "patch"} in each["interaction"] for each in told["rest"][0]["resource"])
    assert validate(told) == []
