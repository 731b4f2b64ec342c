"""Searches and histories over HTTP: bundles, links, paging, parts, strict and lenient."""

import asyncio
from secrets import token_hex

import pytest

from polyclinic.fhir.validate import validate
from polyclinic.repository.changed import MOST_CHANGED


@pytest.fixture(scope="module")
async def family(service):
    """Keep seven patients of one unusual name and return it."""
    name = f"Zz{token_hex(4)}"
    for number in range(7):
        body = {
            "resourceType": "Patient",
            "name": [{"family": name}],
            "birthDate": f"199{number}-01-01",
            "active": True,
        }
        assert (await service.post("/fhir/Patient", body)).status == 201
    return name


def linked(bundle, relation):
    return next((link["url"] for link in bundle["link"] if link["relation"] == relation), None)


async def walked(service, url):
    """Return the entries of all pages from ``url`` on."""
    entries = []
    while url:
        heard = await service.get(url)
        assert heard.status == 200, heard.body
        entries += heard.json.get("entry", [])
        url = linked(heard.json, "next")
    return entries


async def test_search_answers_a_searchset(service, family):
    bundle = (await service.get(f"/fhir/Patient?family={family}")).json
    assert (bundle["type"], bundle["total"], len(bundle["entry"])) == ("searchset", 7, 7)
    assert validate(bundle) == []
    for entry in bundle["entry"]:
        assert entry["search"] == {"mode": "match"}
        assert entry["fullUrl"] == f"{service.root}/fhir/Patient/{entry['resource']['id']}"


async def test_self_link_says_what_was_understood(service, family):
    bundle = (await service.get(f"/fhir/Patient?family={family}&birthdate=ge1990&_format=json")).json
    assert linked(bundle, "self") == f"{service.root}/fhir/Patient?family={family}&birthdate=ge1990"


async def test_search_without_a_match_has_no_entry(service):
    bundle = (await service.get("/fhir/Patient?family=nobody-has-this-name")).json
    assert bundle["total"] == 0
    assert "entry" not in bundle


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8])
async def test_pages_hold_every_match_once(service, family, count):
    entries = await walked(service, f"/fhir/Patient?family={family}&_count={count}&_sort=birthdate")
    dates = [entry["resource"]["birthDate"] for entry in entries]
    assert dates == [f"199{number}-01-01" for number in range(7)]


async def kept_observation(service, code, id, subject, **more):
    """Keep an Observation that is found by ``code`` and of which the id ends with ``id``."""
    body = {"resourceType": "Observation", "id": f"{code}-{id}", "status": "final", "code": {"text": "x"}, **more}
    body |= {"identifier": [{"value": code}], "subject": {"reference": subject}}
    assert (await service.put(f"/fhir/Observation/{code}-{id}", body)).status == 201


async def sorted_ids(service, code, sort):
    entries = await walked(service, f"/fhir/Observation?identifier={code}&_sort={sort}&_count=3")
    return "".join(entry["resource"]["id"][-1] for entry in entries)


@pytest.mark.parametrize("sort, order", [("subject,_id", "adbc"), ("-subject,_id", "cbad")])
async def test_a_reference_is_sorted_by_what_it_leads_to_however_it_is_written(service, sort, order):
    code = f"Ww{token_hex(4)}"
    await kept_observation(service, code, "a", "Patient/1")
    await kept_observation(service, code, "b", f"{service.root}/fhir/Patient/2")
    await kept_observation(service, code, "c", "Patient/3/_history/1")
    await kept_observation(service, code, "d", f"{service.root}/fhir/Patient/1/_history/7")
    assert await sorted_ids(service, code, sort) == order


@pytest.mark.parametrize("sort", ["subject", "-subject"])
async def test_a_contained_subject_has_no_place_in_an_order(service, sort):
    code = f"Uu{token_hex(4)}"
    await kept_observation(service, code, "a", "#x", contained=[{"resourceType": "Patient", "id": "x"}])
    await kept_observation(service, code, "b", "Patient/1")
    assert await sorted_ids(service, code, sort) == "ba"


async def test_pages_stay_stable_while_data_changes(service):
    name = f"Yy{token_hex(4)}"
    for _ in range(4):
        await service.post("/fhir/Patient", {"resourceType": "Patient", "name": [{"family": name}]})
    first = (await service.get(f"/fhir/Patient?family={name}&_count=2")).json
    seen = [entry["resource"]["id"] for entry in first["entry"]]
    await service.delete(f"/fhir/Patient/{seen[0]}")
    rest = await walked(service, linked(first, "next"))
    assert len({*seen, *(entry["resource"]["id"] for entry in rest)}) == len(seen) + len(rest) == 4


async def test_a_page_that_more_changed_than_is_kept_apart_says_so(service):
    def entry(number, name):
        body = {"resourceType": "Organization", "id": f"many{number}", "name": name}
        return {"resource": body, "request": {"method": "PUT", "url": f"Organization/many{number}"}}

    for name in ("a", "b"):
        entries = [entry(number, name) for number in range(MOST_CHANGED + 1)]
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
        assert (await service.post("/fhir", bundle)).status == 200
        if name == "a":
            following = linked((await service.get("/fhir/Organization?_sort=name&_count=5")).json, "next")
    page = (await service.get(following)).json
    assert [entry["search"]["mode"] for entry in page["entry"]] == ["match"] * 5 + ["outcome"]
    (issue,) = page["entry"][5]["resource"]["issue"]
    assert (issue["severity"], issue["code"]) == ("warning", "incomplete")


async def test_search_by_form_is_the_same(service, family):
    form = f"family={family}&_count=3".encode()
    heard = await service.post(
        "/fhir/Patient/_search?active=true", form, content_type="application/x-www-form-urlencoded"
    )
    assert heard.status == 200
    assert len(heard.json["entry"]) == 3
    assert len(await walked(service, linked(heard.json, "next"))) == 4
    wrong = await service.post("/fhir/Patient/_search", {"family": family})
    assert wrong.status == 415
    binary = await service.post("/fhir/Patient/_search", b"\xff", content_type="application/x-www-form-urlencoded")
    assert binary.status == 400


@pytest.mark.parametrize("parameters", ["_summary=count", "_count=0"])
async def test_count_answers_without_resources(service, family, parameters):
    bundle = (await service.get(f"/fhir/Patient?family={family}&{parameters}")).json
    assert bundle["total"] == 7
    assert "entry" not in bundle


async def test_unknown_parameter_is_refused_by_name(service):
    heard = await service.get("/fhir/Patient?shoesize=44")
    assert (heard.status, heard.places) == (400, ["shoesize"])


async def test_lenient_search_tells_what_it_left_out(service, family):
    heard = await service.get(f"/fhir/Patient?family={family}&shoesize=44", prefer="handling=lenient")
    assert heard.status == 200
    told = heard.json["entry"][-1]
    assert told["search"] == {"mode": "outcome"}
    assert "shoesize" in told["resource"]["issue"][0]["diagnostics"]
    assert "shoesize" not in linked(heard.json, "self")


async def test_elements_are_a_marked_part(service, family):
    bundle = (await service.get(f"/fhir/Patient?family={family}&_elements=birthDate&_count=1")).json
    (entry,) = bundle["entry"]
    assert entry["resource"].keys() == {"resourceType", "id", "meta", "birthDate"}
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_summary_text_and_data(service):
    name = f"Xx{token_hex(4)}"
    div = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
    body = {"resourceType": "Patient", "name": [{"family": name}], "text": {"status": "generated", "div": div}}
    await service.post("/fhir/Patient", body)
    text = (await service.get(f"/fhir/Patient?family={name}&_summary=text")).json["entry"][0]["resource"]
    data = (await service.get(f"/fhir/Patient?family={name}&_summary=data")).json["entry"][0]["resource"]
    assert text.keys() == {"resourceType", "id", "meta", "text"}
    assert data.keys() == {"resourceType", "id", "meta", "name"}


async def test_summary_true_has_what_r4_marks_and_what_is_mandatory(service):
    name = f"Ww{token_hex(4)}"
    body = {
        "resourceType": "Patient",
        "name": [{"family": name}],
        "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        "maritalStatus": {"text": "married"},
        "contact": [{"name": {"family": "x"}}],
        "communication": [{"language": {"text": "French"}}],
        "link": [{"other": {"reference": "Patient/1"}, "type": "seealso"}],
    }
    assert (await service.post("/fhir/Patient", body)).status == 201
    (entry,) = (await service.get(f"/fhir/Patient?family={name}&_summary=true")).json["entry"]
    assert entry["resource"].keys() == {"resourceType", "id", "meta", "name", "link"}
    assert entry["resource"]["link"] == body["link"]
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"


@pytest.mark.parametrize("cursor", ["nonsense", "", "WyIx", "%F0%9F%98%80", "x" * 5000])
@pytest.mark.parametrize("path", ["/fhir/Patient", "/fhir/_history", "/fhir/Patient/_history"])
async def test_position_that_was_never_given_out_is_refused(service, path, cursor):
    heard = await service.get(f"{path}?_cursor={cursor}")
    assert heard.status == 400, heard.body


async def test_position_given_twice_is_refused(service):
    assert (await service.get("/fhir/Patient?_cursor=a&_cursor=b")).status == 400


async def test_values_with_odd_letters_survive_links(service):
    name = "Größe & Söhne |$, +100% \u2028"
    kept = await service.post("/fhir/Patient", {"resourceType": "Patient", "name": [{"family": name}]})
    assert kept.status == 201
    from urllib.parse import quote

    escaped = name.replace("\\", "\\\\").replace("|", "\\|").replace("$", "\\$").replace(",", "\\,")
    bundle = (await service.get(f"/fhir/Patient?family:exact={quote(escaped)}")).json
    again = (await service.get(linked(bundle, "self"))).json
    assert bundle["total"] == again["total"] == 1


async def test_history_of_an_instance_is_newest_first(service):
    kept = (await service.post("/fhir/Patient", {"resourceType": "Patient"})).json
    address = f"/fhir/Patient/{kept['id']}"
    await service.put(address, {**kept, "active": True})
    await service.delete(address)
    bundle = (await service.get(f"{address}/_history")).json
    assert bundle["type"] == "history"
    assert validate(bundle) == []
    asked = [(entry["request"]["method"], entry["response"]["etag"]) for entry in bundle["entry"]]
    assert asked == [("DELETE", 'W/"3"'), ("PUT", 'W/"2"'), ("POST", 'W/"1"')]
    assert ["resource" in entry for entry in bundle["entry"]] == [False, True, True]
    assert len(await walked(service, f"{address}/_history?_count=1")) == 3


async def test_history_of_nothing_is_not_found(service):
    assert (await service.get("/fhir/Patient/nobody/_history")).status == 404


async def test_history_since_a_moment(service):
    kept = (await service.post("/fhir/Organization", {"resourceType": "Organization", "name": "a"})).json
    moment = kept["meta"]["lastUpdated"]
    found = await walked(service, f"/fhir/Organization/_history?_since={moment}")
    assert kept["id"] in {entry["resource"]["id"] for entry in found}
    assert (await service.get("/fhir/Organization/_history?_since=2999-01-01")).json.get("entry") is None
    assert (await service.get("/fhir/Organization/_history?_since=yesterday")).status == 400
    assert (await service.get("/fhir/Organization/_history?color=red")).status == 400


async def test_history_at_a_time_is_what_stood_then(service):
    kept = (await service.post("/fhir/Organization", {"resourceType": "Organization", "name": "a"})).json
    address = f"/fhir/Organization/{kept['id']}"
    await asyncio.sleep(0.02)
    changed = (await service.put(address, {**kept, "active": True})).json
    await asyncio.sleep(0.02)
    await service.delete(address)
    first, second = kept["meta"]["lastUpdated"], changed["meta"]["lastUpdated"]

    async def versions(query):
        bundle = (await service.get(f"{address}/_history?{query}")).json
        assert validate(bundle) == []
        return [entry["response"]["etag"] for entry in bundle.get("entry", ())]

    assert await versions(f"_at={first}") == ['W/"1"']
    assert await versions(f"_at={second}") == ['W/"2"']
    assert await versions(f"_at={second[:10]}") == ['W/"3"', 'W/"2"', 'W/"1"']
    assert await versions(f"_at={second[:4]}&_since={second}") == ['W/"3"', 'W/"2"']
    assert await versions("_at=2999") == ['W/"3"']
    assert await versions("_at=1999-12") == []
    for scope in ("/fhir/Organization/_history", "/fhir/_history"):
        entries = await walked(service, f"{scope}?_at={second}&_count=3")
        mine = [entry for entry in entries if entry["fullUrl"].endswith(kept["id"])]
        assert [entry["response"]["etag"] for entry in mine] == ['W/"2"']


@pytest.mark.parametrize("value", ["yesterday", "gt2020", "", "2020&_at=2021", "2020-13", "2020-02-30"])
async def test_history_at_no_time_is_refused(service, value):
    heard = await service.get(f"/fhir/Organization/_history?_at={value}")
    assert (heard.status, heard.places) == (400, ["_at"])


async def test_history_of_all_pages_over_types(service):
    await service.post("/fhir/Organization", {"resourceType": "Organization", "name": "b"})
    entries = await walked(service, "/fhir/_history?_count=3")
    assert {"Organization", "Patient"} <= {entry["fullUrl"].split("/")[-2] for entry in entries}
    places = [(entry["fullUrl"], entry["response"]["etag"]) for entry in entries]
    assert len(set(places)) == len(places)
