"""Operations over HTTP against a real database: what they answer, and what is refused by name."""

import asyncio
from secrets import token_hex

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.tests.test_bundles import bundle, entry, patient, statuses

TAG = {"system": "http://tags", "code": "a"}
OTHER_TAG = {"system": "http://tags", "code": "b"}
BASE = "http://hl7.org/fhir/StructureDefinition"


def parameters(**given):
    made = []
    for name, value in given.items():
        key = "resource" if name == "resource" else "valueMeta" if name == "meta" else "valueString"
        made.append({"name": name, key: value})
    return {"resourceType": "Parameters", "parameter": made}


def narrated(**elements):
    div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
    return patient(text={"status": "generated", "div": div}, **elements)


async def created(service, **elements):
    return (await service.post("/fhir/Patient", patient(**elements))).json


def found(heard):
    assert heard.status == 200, heard.body
    assert validate(heard.json) == []
    return [(issue["severity"], issue["code"], *issue.get("expression", ())) for issue in heard.json["issue"]]


FINE = [("information", "informational")]


@pytest.mark.parametrize(
    ("path", "body", "issues"),
    [
        ("", narrated(), FINE),
        ("", parameters(resource=narrated()), FINE),
        ("?mode=create", narrated(id="x"), FINE),
        ("?mode=update", narrated(id="x"), FINE),
        ("?mode=update", narrated(), [("error", "required", "Patient.id")]),
        ("", parameters(resource=narrated(), mode="update"), [("error", "required", "Patient.id")]),
        ("", patient(), [("warning", "invariant", "Patient")]),
        ("", narrated(gender="x"), [("error", "code-invalid", "Patient.gender")]),
        ("", {"resourceType": "Organization", "name": "x"}, [("error", "structure", "resourceType")]),
        (f"?profile={BASE}/Patient", narrated(), FINE),
        (f"?profile={BASE}/DomainResource|4.0.1", narrated(), FINE),
        (f"?profile={BASE}/Person", narrated(), [("error", "structure", "resourceType")]),
        (f"?profile={BASE}/Patient|3.0", narrated(), [("error", "not-supported", "profile")]),
        (f"?profile={BASE}/vitalsigns", narrated(), [("error", "not-supported", "profile")]),
        ("", parameters(resource=narrated(), profile="http://us/core"), [("error", "not-supported", "profile")]),
        ("?mode=profile", narrated(), FINE),
    ],
)
async def test_validate_tells_every_issue_of_a_resource(service, path, body, issues):
    heard = await service.post(f"/fhir/Patient/$validate{path}", body)
    told = found(heard)
    assert [each for each in told if each in issues] == issues, heard.body
    assert all(each[0] == "warning" for each in told if each not in issues)


async def test_validate_keeps_nothing(service):
    id = token_hex(8)
    assert found(await service.post("/fhir/Patient/$validate?mode=update", narrated(id=id))) == FINE
    assert (await service.get(f"/fhir/Patient/{id}")).status == 404


async def test_validate_of_an_instance_looks_at_what_is_kept_or_would_be(service):
    kept = await created(service, text=narrated()["text"])
    address = f"/fhir/Patient/{kept['id']}/$validate"
    assert found(await service.get(address)) == FINE
    assert found(await service.send("POST", address)) == FINE
    assert found(await service.get(f"{address}?profile=http://us/core")) == [("error", "not-supported", "profile")]
    assert found(await service.post(address, narrated(id=kept["id"]))) == FINE
    assert found(await service.post(address, narrated(id="other"))) == [("error", "invalid", "Patient.id")]
    assert found(await service.post(address, narrated(gender="x", id=kept["id"])))[0][2] == "Patient.gender"


async def test_validate_of_a_delete_tells_whether_there_is_anything(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}/$validate?mode=delete"
    assert found(await service.get(address)) == FINE
    await service.delete(f"/fhir/Patient/{kept['id']}")
    assert found(await service.get(address)) == [("error", "deleted")]
    assert found(await service.get("/fhir/Patient/nobody/$validate?mode=delete")) == [("error", "not-found")]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "Patient/$validate", None, 400),
        ("GET", "Patient/$validate", None, 400),
        ("POST", "Patient/$validate", b"{", 400),
        ("POST", "Patient/$validate", {"parameter": []}, 400),
        ("POST", "Patient/$validate", parameters(resource={"a": 1}), 400),
        ("POST", "Patient/$validate", {"resourceType": "Parameters", "parameter": 3}, 400),
        ("POST", "Patient/$validate", {"resourceType": "Parameters", "parameter": [{"name": 3}]}, 400),
        ("POST", "Patient/$validate", parameters(resource=patient(), colour="red"), 400),
        ("POST", "Patient/$validate?mode=sing", patient(), 400),
        ("POST", "Patient/$validate?mode=create&mode=update", patient(), 400),
        ("POST", "Patient/$validate?mode=delete", patient(), 400),
        ("POST", "Patient/1/$validate?mode=create", patient(), 400),
        ("POST", "Nonsense/$validate", patient(), 404),
        ("GET", "Patient/nobody/$validate", None, 404),
        ("PUT", "Patient/1/$validate", patient(), 405),
        ("GET", "Patient/1/$meta-add?meta=x", None, 405),
        ("POST", "Patient/1/$meta-add", patient(), 400),
        ("POST", "Patient/1/$meta-add", parameters(), 400),
        ("POST", "Patient/1/$meta-add?meta=x", None, 400),
        ("POST", "Patient/1/$meta-add", parameters(meta={"tag": 3}), 400),
        ("POST", "Patient/nobody/$meta-add", parameters(meta={"tag": [TAG]}), 404),
        ("GET", "Patient/nobody/$meta", None, 404),
        ("GET", "Patient/1/$meta?colour=red", None, 400),
        ("GET", "Patient/$meta?meta=x", None, 400),
        ("GET", "$meta?colour=red", None, 400),
        ("GET", "Patient/$meta-add", None, 400),
        ("GET", "Account/$meta", None, 404),
        ("GET", "$", None, 400),
        ("GET", "Patient/1/$", None, 400),
        ("GET", "Patient/1/$unheard-of", None, 400),
        ("GET", "Patient/1/_history/1/$meta", None, 400),
        ("GET", "Patient/1/x/y/$meta", None, 404),
    ],
)
async def test_what_is_not_offered_is_refused_in_fhirs_words(service, method, path, body, status):
    heard = await service.send(method, f"/fhir/{path}", body)
    assert (heard.status, heard.json["resourceType"]) == (status, "OperationOutcome"), heard.body


async def test_an_unknown_operation_is_named(service):
    heard = await service.get("/fhir/Patient/1/$unheard-of")
    assert (heard.codes, "$unheard-of" in heard.said) == (["not-supported"], True)


def returned(heard):
    assert heard.status == 200, heard.body
    assert validate(heard.json) == []
    (parameter,) = heard.json["parameter"]
    assert parameter["name"] == "return"
    return parameter["valueMeta"]


async def test_meta_is_read_alone(service):
    kept = await created(service, meta={"tag": [TAG], "profile": ["http://p"]})
    assert returned(await service.get(f"/fhir/Patient/{kept['id']}/$meta")) == kept["meta"]
    assert returned(await service.send("POST", f"/fhir/Patient/{kept['id']}/$meta")) == kept["meta"]


async def test_meta_of_a_type_and_of_everything_are_the_labels_in_use(service):
    assert (await service.get("/fhir/Practitioner/$meta")).json == {"resourceType": "Parameters"}
    label = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R", "display": "restricted"}
    metas = ({"tag": [TAG], "profile": ["http://p|1"]}, {"tag": [OTHER_TAG, TAG, {"code": "c"}], "security": [label]})
    for made in metas:
        assert (await service.post("/fhir/Practitioner", {"resourceType": "Practitioner", "meta": made})).status == 201
    assert returned(await service.get("/fhir/Practitioner/$meta")) == {
        "profile": ["http://p|1"],
        "security": [{"system": label["system"], "code": "R"}],
        "tag": [{"code": "c"}, TAG, OTHER_TAG],
    }
    only_here = {"system": "http://tags/of-everything", "code": "x"}
    await created(service, meta={"tag": [only_here]})
    everything = returned(await service.send("POST", "/fhir/$meta"))
    assert {"code": "c"} in everything["tag"]
    assert only_here in everything["tag"]
    assert only_here not in returned(await service.get("/fhir/Practitioner/$meta"))["tag"]


async def test_meta_is_added_to_and_taken_from(service):
    kept = await created(service, meta={"tag": [TAG]})
    address = f"/fhir/Patient/{kept['id']}"
    more = {"versionId": "77", "tag": [{**TAG, "display": "A"}, OTHER_TAG], "profile": ["http://p"], "security": [TAG]}
    heard = await service.post(f"{address}/$meta-add", parameters(meta=more))
    made = returned(heard)
    assert (made["tag"], made["profile"], made["security"]) == ([TAG, OTHER_TAG], ["http://p"], [TAG])
    assert (made["versionId"], heard.headers["etag"]) == ("2", 'W/"2"')
    assert (await service.get(address)).json["meta"] == made
    assert returned(await service.post(f"{address}/$meta-add", parameters(meta=more)))["versionId"] == "2"
    left = returned(await service.post(f"{address}/$meta-delete", parameters(meta={**more, "tag": [TAG]})))
    assert (left["tag"], left["versionId"], left.keys() & {"profile", "security"}) == ([OTHER_TAG], "3", set())
    assert returned(await service.post(f"{address}/$meta-delete", parameters(meta=more)))["versionId"] == "4"
    assert returned(await service.post(f"{address}/$meta-delete", parameters(meta=more)))["versionId"] == "4"


async def test_tags_added_at_the_same_time_all_stay(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}/$meta-add"
    tags = [{"system": "http://tags", "code": str(number)} for number in range(6)]
    heard = await asyncio.gather(*(service.post(address, parameters(meta={"tag": [tag]})) for tag in tags))
    assert {each.status for each in heard} == {200}
    assert len(returned(await service.get(address.replace("-add", "")))["tag"]) == 6


async def test_if_match_names_the_version_that_is_meant(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}/$meta-add"
    assert (await service.post(address, parameters(meta={"tag": [TAG]}), if_match='W/"2"')).status == 412
    assert (await service.post(address, parameters(meta={"tag": [TAG]}), if_match='W/"1"')).status == 200


async def test_operations_in_a_batch_answer_with_their_resource(service):
    kept = await created(service)
    heard = await service.post(
        "/fhir",
        bundle(
            entry("GET", f"Patient/{kept['id']}/$meta"),
            entry("POST", "Patient/$validate", narrated()),
            entry("POST", f"Patient/{kept['id']}/$validate"),
            entry("POST", "Patient/$unheard-of"),
            type="batch",
        ),
    )
    assert statuses(heard) == ["200", "200", "200", "400"]
    assert validate(heard.json) == []
    types = [each.get("resource", {}).get("resourceType") for each in heard.json["entry"]]
    assert types == ["Parameters", "OperationOutcome", "OperationOutcome", None]


async def test_metadata_tells_of_every_operation(service):
    told = (await service.get("/fhir/metadata")).json
    assert validate(told) == []
    for resource in told["rest"][0]["resource"]:
        more = {"Patient": {"everything"}, "Observation": {"lastn"}}.get(resource["type"], set())
        offered = {each["name"] for each in resource["operation"]}
        assert offered == {"validate", "meta", "meta-add", "meta-delete", "later"} | more
