"""Create, read, update, delete, vread and their conditions, over HTTP against a real database."""

import asyncio
from secrets import token_hex

import pytest


def patient(**elements):
    return {"resourceType": "Patient", "name": [{"family": "Muster"}], **elements}


def known_by(value):
    return {"identifier": [{"system": "http://ids", "value": value}]}


async def created(service, **elements):
    heard = await service.post("/fhir/Patient", patient(**elements))
    assert heard.status == 201, heard.body
    return heard.json


async def test_create_answers_with_the_resource_its_version_and_its_place(service):
    heard = await service.post("/fhir/Patient", patient(id="mine", birthDate="1990-01-01"))
    assert heard.status == 201
    kept = heard.json
    assert kept["id"] != "mine"
    assert kept["meta"]["versionId"] == "1"
    assert heard.headers["etag"] == 'W/"1"'
    assert heard.headers["location"] == f"{service.root}/fhir/Patient/{kept['id']}/_history/1"
    assert heard.headers["last-modified"].endswith("GMT")
    assert (await service.get(heard.headers["location"])).json == kept


@pytest.mark.parametrize(
    ("prefer", "status", "type"),
    [
        ("return=minimal", 201, None),
        ("return=representation", 201, "Patient"),
        ("return=OperationOutcome", 201, "OperationOutcome"),
    ],
)
async def test_prefer_decides_what_comes_back(service, prefer, status, type):
    heard = await service.post("/fhir/Patient", patient(), prefer=prefer)
    assert heard.status == status
    assert (heard.json["resourceType"] if heard.body else None) == type


async def test_prefer_of_an_unknown_return_is_refused(service):
    heard = await service.post("/fhir/Patient", patient(), prefer="return=everything")
    assert (heard.status, heard.codes) == (400, ["value"])


async def test_decimals_come_back_as_they_were_written(service):
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}'
    kept = await service.post("/fhir/Observation", body)
    assert b'"value":1.00' in kept.body
    assert b'"value":1.00' in (await service.get(f"/fhir/Observation/{kept.json['id']}")).body


async def test_every_broken_rule_is_told(service):
    heard = await service.post("/fhir/Patient", patient(gender="none", birthDate="yesterday", shoes=2))
    assert heard.status == 400
    assert {"Patient.gender", "Patient.birthDate"} <= set(heard.places)
    assert len(heard.places) >= 3


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"resourceType":3}',
        b"\xff\xfe",
        b'{"resourceType":"Patient","name":' + b"[" * 100_000,
        b'{"resourceType":"Patient","extension":[' + b'{"url":"x","extension":[' * 900 + b"]}" * 900 + b"]}",
        b'{"resourceType":"Patient","multipleBirthInteger":1e999999999}',
        b'{"resourceType":"Patient","multipleBirthInteger":' + b"9" * 5000 + b"}",
        b'{"resourceType":"Patient","gender":"\\u0000"}',
        b'{"resourceType":"Patient","name":[{"family":"a\\u0000b"}]}',
        b'{"resourceType":"Patient","gender":"\\ud800"}',
    ],
)
async def test_bodies_that_are_no_patient_are_refused(service, body):
    heard = await service.post("/fhir/Patient", body)
    assert heard.status == 400, heard.body
    assert heard.json["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1e-400", "9" * 400, "0." + "0" * 400 + "1", "1e999999999"])
async def test_extreme_numbers_are_kept_or_refused_but_break_nothing(service, number):
    head = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"unit":"g","value":'
    heard = await service.post("/fhir/Observation", f"{head}{number}}}}}".encode())
    assert heard.status in (201, 400), heard.body


async def test_other_type_than_the_address_says_is_refused(service):
    heard = await service.post("/fhir/Observation", patient())
    assert (heard.status, heard.places) == (400, ["resourceType"])


async def test_other_content_types_are_refused(service):
    heard = await service.post("/fhir/Patient", b"<Patient/>", content_type="application/fhir+xml")
    assert heard.status == 415


async def test_body_beyond_the_limit_is_refused(service):
    heard = await service.post("/fhir/Patient", patient(name=[{"family": "x" * 2_000_001}]))
    assert (heard.status, heard.codes) == (413, ["too-costly"])


async def test_read_of_what_was_never_there(service):
    heard = await service.get("/fhir/Patient/nobody")
    assert (heard.status, heard.codes) == (404, ["not-found"])


async def test_head_is_a_read_without_a_body(service):
    kept = await created(service)
    heard = await service.send("HEAD", f"/fhir/Patient/{kept['id']}")
    assert (heard.status, heard.body, heard.headers["etag"]) == (200, b"", 'W/"1"')
    assert int(heard.headers["content-length"]) > 50


async def test_read_of_what_the_client_has_is_304(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}"
    date = (await service.get(address)).headers["last-modified"]
    assert (await service.get(address, if_none_match='W/"1"')).status == 304
    assert (await service.get(address, if_none_match='W/"7", W/"1"')).status == 304
    assert (await service.get(address, if_none_match='W/"2"')).status == 200
    assert (await service.get(address, if_modified_since=date)).status == 304
    assert (await service.get(address, if_modified_since="Mon, 01 Jan 2001 00:00:00 GMT")).status == 200
    assert (await service.get(address, if_modified_since="soon")).status == 200


async def test_update_makes_a_version_and_keeps_the_old_one(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}"
    heard = await service.put(address, {**kept, "active": True})
    assert (heard.status, heard.headers["etag"], heard.json["active"]) == (200, 'W/"2"', True)
    assert "active" not in (await service.get(f"{address}/_history/1")).json
    assert (await service.get(f"{address}/_history/2")).json == heard.json
    assert (await service.get(f"{address}/_history/3")).status == 404
    assert (await service.get(f"{address}/_history/99999999999999999999")).status == 404


async def test_update_creates_under_the_clients_id(service):
    id = token_hex(8)
    heard = await service.put(f"/fhir/Patient/{id}", patient(id=id))
    assert (heard.status, heard.json["id"]) == (201, id)
    assert heard.headers["location"].endswith(f"/fhir/Patient/{id}/_history/1")


@pytest.mark.parametrize("id", [None, "other", 3])
async def test_update_with_another_id_than_its_address_is_refused(service, id):
    body = patient() if id is None else patient(id=id)
    heard = await service.put("/fhir/Patient/this", body)
    assert (heard.status, heard.places) == (400, ["id"])


async def test_update_of_another_version_is_refused(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}"
    changed = {**kept, "active": True}
    assert (await service.put(address, changed, if_match='W/"2"')).status == 412
    assert (await service.put(address, changed, if_match='W/"abc"')).status == 412
    assert (await service.put(address, changed, if_match="nonsense!")).status == 400
    assert (await service.put(address, changed, if_match='W/"1"')).status == 200


async def test_of_two_racing_updates_of_a_version_one_wins(service):
    kept = await created(service)
    bodies = [{**kept, "name": [{"family": f"Racer{number}"}]} for number in range(8)]
    heard = await asyncio.gather(
        *(service.put(f"/fhir/Patient/{kept['id']}", body, if_match='W/"1"') for body in bodies)
    )
    statuses = sorted(each.status for each in heard)
    assert statuses[0] == 200
    assert all(status in (409, 412) for status in statuses[1:])


async def test_delete_leaves_history_and_can_be_undone(service):
    kept = await created(service)
    address = f"/fhir/Patient/{kept['id']}"
    assert (await service.delete(address)).status == 204
    gone = await service.get(address)
    assert (gone.status, gone.codes) == (410, ["deleted"])
    assert (await service.get(f"{address}/_history/1")).status == 200
    assert (await service.get(f"{address}/_history/2")).status == 410
    assert (await service.delete(address)).status == 204
    back = await service.put(address, kept)
    assert (back.status, back.headers["etag"]) == (201, 'W/"3"')


async def test_delete_of_what_was_never_there_is_no_error(service):
    assert (await service.delete("/fhir/Patient/nobody")).status == 204
    assert (await service.delete("/fhir/Patient/nobody", prefer="return=OperationOutcome")).status == 200


async def test_conditional_create_creates_once(service):
    value = token_hex(8)
    condition = f"identifier=http://ids|{value}"
    heard = await asyncio.gather(
        *(service.post("/fhir/Patient", patient(**known_by(value)), if_none_exist=condition) for _ in range(6))
    )
    assert sorted(each.status for each in heard) == [200] * 5 + [201]
    assert len({each.json["id"] for each in heard}) == 1
    assert all("location" in each.headers for each in heard)


@pytest.mark.parametrize(
    ("condition", "status"), [("family=Muster", 412), ("_count=1", 400), ("shoe=1", 400), ("identifier", 400)]
)
async def test_conditions_that_are_no_good_are_refused(service, condition, status):
    await created(service)
    await created(service)
    assert (await service.post("/fhir/Patient", patient(), if_none_exist=condition)).status == status


async def test_conditional_update_creates_then_updates(service):
    value = token_hex(8)
    address = f"/fhir/Patient?identifier=http://ids|{value}"
    first = await service.put(address, patient(**known_by(value)))
    again = await service.put(address, patient(active=True, **known_by(value)))
    assert (first.status, again.status) == (201, 200)
    assert first.json["id"] == again.json["id"]
    assert again.headers["etag"] == 'W/"2"'
    other = await service.put(address, patient(id="other", **known_by(value)))
    assert other.status in (400, 412)


async def test_conditional_delete_takes_one_and_only_one(service):
    value = token_hex(8)
    kept = await created(service, **known_by(value))
    address = f"/fhir/Patient?identifier=http://ids|{value}"
    assert (await service.delete(address)).status == 204
    assert (await service.get(f"/fhir/Patient/{kept['id']}")).status == 410
    assert (await service.delete(address)).status == 204
    await created(service, **known_by(value))
    await created(service, **known_by(value))
    assert (await service.delete(address)).status == 412


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/Nonsense", 404),
        ("GET", "/fhir/Appointment/1", 404),
        ("GET", "/fhir/Parameters", 404),
        ("GET", "/fhir/Patient/a/b/c/d/e", 404),
        ("GET", "/fhir/Patient/bad_id", 404),
        ("GET", f"/fhir/Patient/{'x' * 65}", 404),
        ("GET", "/nothing", 404),
        ("GET", "/fhirx", 404),
        ("GET", "/fhir/Patient/1/$everything", 400),
        ("POST", "/fhir/$convert", 400),
        ("GET", "/fhir/Patient/1/Nonsense", 404),
        ("GET", "/fhir/Organization/1/Patient", 404),
        ("GET", "/fhir/Patient/1/Organization", 404),
        ("PUT", "/fhir/Patient", 400),
        ("DELETE", "/fhir/Patient", 400),
        ("PATCH", "/fhir/Patient/1/_history/1", 405),
        ("POST", "/fhir/Patient/1", 405),
        ("PUT", "/fhir/Patient/1/_history/1", 405),
        ("DELETE", "/fhir/metadata", 405),
        ("PUT", "/fhir", 405),
        ("GET", "/fhir/Patient/1?color=red", 400),
        ("GET", "/fhir/Patient/1?_summary=count", 400),
        ("GET", "/fhir/Patient?name=%ff", 400),
        ("GET", "/fhir/Patient?name=a%00b", 400),
        ("GET", "/fhir/metadata?x=1", 400),
        ("POST", "/fhir/Patient?x=1", 400),
    ],
)
async def test_what_is_not_offered_is_refused_in_fhirs_words(service, method, path, status):
    heard = await service.send(method, path, {} if method in ("POST", "PUT", "PATCH") else None)
    assert (heard.status, heard.json["resourceType"]) == (status, "OperationOutcome"), heard.body


async def test_read_of_nothing_but_a_part_is_marked(service):
    kept = await created(service, birthDate="1990-01-01", gender="male")
    heard = await service.get(f"/fhir/Patient/{kept['id']}?_elements=birthDate")
    assert heard.json.keys() == {"resourceType", "id", "meta", "birthDate"}
    assert heard.json["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_header_injection_finds_no_way_in(service):
    heard = await service.get("/fhir/Patient/a%0d%0aSet-Cookie:%20x=1")
    assert heard.status == 404
    assert "set-cookie" not in heard.headers
    echoed = await service.get("/health/live", x_request_id="a b<script>")
    assert echoed.headers["x-request-id"] != "a b<script>"
    kept = await service.get("/health/live", x_request_id="my-id.1")
    assert kept.headers["x-request-id"] == "my-id.1"


async def test_very_long_address_is_refused(service):
    heard = await service.get("/fhir/Patient?name=" + "x" * 60_000)
    assert heard.status in (200, 400, 414, 431)


async def test_answer_is_indented_and_packed_on_request(service):
    kept = await created(
        service, text={"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{"x" * 2000}</div>'}
    )
    heard = await service.get(f"/fhir/Patient/{kept['id']}?_pretty=true", accept_encoding="gzip")
    assert heard.headers["content-encoding"] == "gzip"
    assert heard.body.startswith(b'{\n  "resourceType"')


async def test_packed_request_is_read(service):
    import gzip

    body = gzip.compress(b'{"resourceType":"Patient"}')
    assert (await service.post("/fhir/Patient", body, content_encoding="gzip")).status == 201
