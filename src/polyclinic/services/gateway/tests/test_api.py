"""The gateway in front of two services, over HTTP."""

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.kit.testing import running
from polyclinic.services.gateway.main import create

PATIENT = {"resourceType": "Patient"}
SLOT = {
    "resourceType": "Slot",
    "schedule": {"reference": "Schedule/1"},
    "status": "free",
    "start": "2026-01-01T10:00:00Z",
    "end": "2026-01-01T10:15:00Z",
}


def bundle(type, *entries):
    listed = [
        {"request": {"method": method, "url": url}, **({"resource": resource} if resource else {})}
        for method, url, resource in entries
    ]
    return {"resourceType": "Bundle", "type": type, "entry": listed}


def statuses(heard):
    return [entry["response"]["status"][:3] for entry in heard.json["entry"]]


async def test_transaction_of_one_owner_goes_to_it(house):
    heard = await house.gateway.post(
        "/fhir",
        bundle("transaction", ("POST", "Patient", PATIENT), ("POST", "Practitioner", {"resourceType": "Practitioner"})),
    )
    assert (heard.status, heard.json["type"]) == (200, "transaction-response")
    location = heard.json["entry"][0]["response"]["location"]
    assert (await house.people.get(f"/fhir/{location}")).status == 200


async def test_preference_and_packing_pass_through(house):
    import gzip

    from polyclinic.fhir.json import encode

    body = gzip.compress(encode(bundle("transaction", ("POST", "Patient", PATIENT))))
    heard = await house.gateway.post("/fhir", body, content_encoding="gzip", prefer="return=representation")
    assert heard.json["entry"][0]["resource"]["resourceType"] == "Patient"


async def test_batch_of_several_owners_is_answered_in_order(house):
    heard = await house.gateway.post(
        "/fhir",
        bundle(
            "batch",
            ("POST", "Patient", PATIENT),
            ("POST", "Slot", SLOT),
            ("POST", "Slot", {**SLOT, "status": "none"}),
            ("GET", "Nonsense/1", None),
            ("GET", "metadata", None),
            ("GET", "Patient?_summary=count", None),
            ("GET", "http://the-house/fhir/Slot?_summary=count", None),
        ),
    )
    assert heard.status == 200, heard.body
    assert statuses(heard) == ["201", "201", "400", "404", "200", "200", "200"]
    assert validate(heard.json) == []
    kinds = [entry["response"].get("location", "").partition("/")[0] for entry in heard.json["entry"]]
    assert kinds[:2] == ["Patient", "Slot"]
    assert heard.json["entry"][2]["response"]["outcome"]["issue"][0]["expression"] == [
        "Bundle.entry[2].resource.status"
    ]


async def test_transaction_of_several_owners_is_refused_naming_them(house):
    heard = await house.gateway.post(
        "/fhir", bundle("transaction", ("POST", "Patient", PATIENT), ("POST", "Slot", SLOT))
    )
    assert (heard.status, heard.codes) == (400, ["not-supported"])
    assert "diary, people" in heard.said


async def test_bundle_of_another_kind_is_refused(house):
    assert (await house.gateway.post("/fhir", bundle("collection"))).status == 400
    assert (await house.gateway.post("/fhir", PATIENT)).status == 400
    assert (await house.gateway.post("/fhir", b"{")).status == 400
    assert (await house.gateway.post("/fhir", b"<Bundle/>", content_type="application/fhir+xml")).status == 415


@pytest.mark.parametrize("mode", ["full", "normative"])
async def test_metadata_takes_the_modes_that_ask_for_a_capability_statement(mode, house):
    assert (await house.gateway.get(f"/fhir/metadata?mode={mode}&_format=json")).status == 200


@pytest.mark.parametrize(("query", "named"), [("x=1", "x"), ("mode=terminology", "mode"), ("mode=no", "mode")])
async def test_metadata_ignores_no_parameter(query, named, house):
    heard = await house.gateway.get(f"/fhir/metadata?{query}")
    assert (heard.status, heard.places) == (400, [named])


async def test_bundle_over_several_owners_ignores_no_parameter(house):
    shared = bundle("batch", ("POST", "Patient", PATIENT), ("POST", "Slot", SLOT))
    heard = await house.gateway.post("/fhir?x=1", shared)
    assert (heard.status, heard.places) == (400, ["x"])


async def test_metadata_is_that_of_the_house(house):
    heard = await house.gateway.get("/fhir/metadata")
    (rest,) = heard.json["rest"]
    assert [resource["type"] for resource in rest["resource"]] == ["Appointment", "Patient", "Practitioner", "Slot"]
    assert validate(heard.json) == []
    assert (await house.gateway.get("/fhir/metadata", if_none_match=heard.headers["etag"])).status == 304


async def test_single_requests_are_handed_on(house):
    made = await house.gateway.post("/fhir/Patient", {**PATIENT, "name": [{"family": "Über"}]}, prefer="return=minimal")
    assert (made.status, made.body) == (201, b"")
    address = made.headers["location"].removeprefix("http://the-house")
    read = await house.gateway.get(address)
    assert (read.status, read.headers["etag"]) == (200, 'W/"1"')
    assert (await house.gateway.get(address.partition("/_history")[0], if_none_match='W/"1"')).status == 304
    found = await house.gateway.get("/fhir/Patient?family=%C3%BCber")
    assert found.json["total"] == 1
    assert (await house.gateway.send("HEAD", address)).status == 200


async def test_patches_and_operations_are_handed_on(house):
    made = await house.gateway.post("/fhir/Patient", PATIENT)
    address = f"/fhir/Patient/{made.json['id']}"
    change = [{"op": "add", "path": "/gender", "value": "female"}]
    patched = await house.gateway.send("PATCH", address, change, content_type="application/json-patch+json")
    assert (patched.status, patched.json["gender"]) == (200, "female")
    meta = await house.gateway.get(f"{address}/$meta")
    assert meta.json["parameter"][0]["valueMeta"]["versionId"] == "2"
    refused = await house.gateway.post("/fhir/$convert", PATIENT)
    assert (refused.status, refused.codes, "$convert" in refused.said) == (400, ["not-supported"], True)


async def test_an_operation_at_the_base_goes_to_its_owner(house):
    for path in ("/fhir/$today", "/fhir/%24today", "/fhir/Slot/$today"):
        heard = await house.gateway.get(f"{path}?_pretty=true", accept="text/calendar")
        assert (heard.status, heard.headers["content-type"]) == (200, "text/calendar"), path
        assert (heard.headers["cache-control"], heard.body[:15]) == ("max-age=60", b"BEGIN:VCALENDAR")
    for path in ("/fhir/metadata", "/fhir/Slot", "/fhir/Patient/$today"):
        assert (await house.gateway.get(path, accept="text/calendar")).status in (400, 406), path


async def test_transaction_that_asks_several_services_is_refused_naming_the_entry(house):
    heard = await house.gateway.post(
        "/fhir", bundle("transaction", ("POST", "Patient", PATIENT), ("GET", "Patient/1/$everything", None))
    )
    assert (heard.status, heard.codes, heard.places) == (400, ["not-supported"], ["Bundle.entry[1]"])


async def test_unknown_addresses_are_not_found(house):
    for path in ("/fhir/Nonsense", "/fhir/Basic/1", "/", "/x"):
        heard = await house.gateway.get(path)
        assert (heard.status, heard.json["resourceType"]) == (404, "OperationOutcome")
    assert (await house.gateway.delete("/fhir")).status == 405


async def test_owner_that_is_down_is_named(house):
    services = {"people": house.people.root, "diary": "http://127.0.0.1:9"}
    async with running(create, services=services, owners={"Patient": "people", "Slot": "diary"}) as gateway:
        ready = await gateway.get("/health/ready")
        assert (ready.status, ready.json["ready"]) == (200, True)
        assert "diary" in ready.json["misses"][0]
        down = await gateway.get("/fhir/Slot/1")
        assert (down.status, down.codes) == (503, ["transient"])
        assert "diary" in down.said
        mixed = await gateway.post("/fhir", bundle("batch", ("POST", "Slot", SLOT), ("POST", "Patient", PATIENT)))
        assert statuses(mixed) == ["503", "201"]
        told = (await gateway.get("/fhir/metadata")).json["rest"][0]
        assert [resource["type"] for resource in told["resource"]] == ["Patient", "Practitioner"]
        assert "diary" in told["documentation"]


async def test_what_concerns_all_services_names_the_one_that_is_down(house):
    services = {"people": house.people.root, "diary": "http://127.0.0.1:9"}
    owners = {"Patient": "people", "Appointment": "diary"}
    patient = (await house.people.post("/fhir/Patient", PATIENT)).json["id"]
    async with running(create, services=services, owners=owners) as gateway:
        for path in ("", "?_summary=count", "/_history", f"/Patient/{patient}/*", f"/Patient/{patient}/$everything"):
            heard = await gateway.get(f"/fhir{path}")
            assert (heard.status, heard.codes, "diary" in heard.said) == (503, ["transient"], True), path
        assert (await gateway.get("/fhir?_type=Patient&_count=1")).status == 200


async def test_history_goes_to_the_only_owner(house):
    async with running(create, services={"people": house.people.root}, owners={"Patient": "people"}) as gateway:
        await gateway.post("/fhir/Patient", PATIENT)
        heard = await gateway.get("/fhir/_history?_count=1")
        assert (heard.status, heard.json["type"]) == (200, "history")


async def test_operations_on_the_system_go_to_the_only_owner(house):
    services = {"people": house.people.root}
    async with running(create, services=services, owners={"Patient": "people"}) as gateway:
        told = (await gateway.get("/fhir/metadata")).json["rest"][0]["operation"]
        assert "later" in {each["name"] for each in told}
        begun = await gateway.get("/fhir?_type=Patient&_id=nobody", prefer="respond-async")
        assert begun.status == 202
        id = begun.headers["content-location"].partition("$later?id=")[2]
        assert (await gateway.get(f"/fhir/$later?id={id}")).status in (200, 202)
        assert (await gateway.delete(f"/fhir/$later?id={id}")).status == 202
        unknown = await gateway.get("/fhir/$no-such-operation")
        assert (unknown.status, unknown.codes) == (400, ["not-supported"])
        assert "$no-such-operation" in unknown.said
    several = await house.gateway.get("/fhir/$later?id=1")
    assert (several.status, several.codes) == (400, ["not-supported"])
    assert "$later" in several.said


async def test_meta_of_everything_has_the_labels_of_all_services(house):
    mine, both = {"system": "http://tags", "code": "mine"}, {"code": "both"}
    await house.gateway.post("/fhir/Patient", PATIENT | {"meta": {"tag": [mine, both], "profile": ["http://p"]}})
    await house.gateway.post("/fhir/Slot", SLOT | {"meta": {"tag": [both], "profile": ["http://a"]}})
    heard = await house.gateway.get("/fhir/$meta")
    assert (heard.status, validate(heard.json)) == (200, [])
    (parameter,) = heard.json["parameter"]
    assert parameter["valueMeta"] == {"profile": ["http://a", "http://p"], "tag": [both, mine]}
    assert (await house.gateway.get("/fhir/$meta?colour=red")).places == ["colour"]
    told = (await house.gateway.get("/fhir/metadata")).json["rest"][0]
    assert [each["name"] for each in told["operation"]] == ["meta"]


async def test_papers_of_a_request_travel_on(house, capfd):
    heard = await house.gateway.get("/fhir/Patient/nobody", x_request_id="travels-1")
    assert heard.headers["x-request-id"] == "travels-1"
