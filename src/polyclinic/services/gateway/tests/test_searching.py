"""Searches over several services, over HTTP: what is merged, what is refused by name, what is told."""

import pytest

PEOPLE_AND_DIARY = "_type=Patient,Appointment"
WHEN = {"start": "2026-01-01T10:00:00Z", "end": "2026-01-01T10:15:00Z"}


@pytest.fixture(scope="module")
async def patient(house):
    """Keep a patient with two appointments, and return the id of all three."""
    id = "of-the-search"
    assert (await house.gateway.put(f"/fhir/Patient/{id}", {"resourceType": "Patient", "id": id})).status == 201
    for number in ("1", "2"):
        body = {"resourceType": "Appointment", "id": f"{id}-{number}", "status": "proposed", **WHEN} | {
            "participant": [{"actor": {"reference": f"Patient/{id}"}, "status": "accepted"}]
        }
        assert (await house.gateway.put(f"/fhir/Appointment/{id}-{number}", body)).status == 201
    return id


def ids(heard, mode="match"):
    return [each["resource"]["id"] for each in heard.json.get("entry", ()) if each["search"]["mode"] == mode]


def link(heard, relation):
    return next((each["url"] for each in heard.json["link"] if each["relation"] == relation), None)


@pytest.mark.parametrize("path", ["", "Patient/of-the-search/*"])
@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("_include=*", "_include"),
        ("_include:iterate=Appointment:patient", "_include:iterate"),
        ("_revinclude=Appointment:patient", "_revinclude"),
        ("_contained=true", "_contained"),
        ("_explain=true", "_explain"),
        ("_sort=identifier", "_sort"),
        ("_sort=-nonsense", "_sort"),
        ("_count=x", "_count"),
        ("_cursor=x", "_cursor"),
        ("_cursor=eyJhIjoiIn0", "_cursor"),
        ("no-such=1", "no-such"),
        ("identifier:in=x", "identifier:in"),
    ],
)
async def test_what_cannot_be_merged_is_refused_by_name(house, patient, path, asked, named):
    heard = await house.gateway.get(f"/fhir/{path}?{PEOPLE_AND_DIARY}&{asked}")
    assert (heard.status, heard.places[0]) == (400, named), heard.body


@pytest.mark.parametrize("asked", ["_include=*", "no-such=1", "gender=male", "_contained=both"])
async def test_what_cannot_be_merged_is_left_out_aloud_by_all_where_the_client_is_lenient(house, patient, asked):
    name = asked.partition("=")[0]
    query = f"{PEOPLE_AND_DIARY}&{asked}&identifier:missing=true&_id={patient},{patient}-1"
    for more in ("", "&_summary=count"):
        heard = await house.gateway.get(f"/fhir/?{query}{more}", prefer="handling=lenient")
        (outcome,) = (each["resource"] for each in heard.json["entry"] if each["search"]["mode"] == "outcome")
        assert [name in issue["diagnostics"] for issue in outcome["issue"]] == [True]
        assert name not in link(heard, "self")
        assert heard.json["total"] == 2


async def test_parts_of_resources_are_merged_by_what_is_left_out(house, patient):
    heard = await house.gateway.get(f"/fhir/Patient/{patient}/*?_sort=-_lastUpdated&_elements=status&_count=2")
    assert ids(heard) == [f"{patient}-2", f"{patient}-1"]
    first = heard.json["entry"][0]["resource"]
    assert first.keys() == {"resourceType", "id", "meta", "status", "participant"}
    assert first["meta"]["tag"][-1]["code"] == "SUBSETTED"
    assert link(heard, "self").endswith(f"/Patient/{patient}/*?_sort=-_lastUpdated&_elements=status&_count=2")


async def test_next_page_is_told_by_a_link(house, patient):
    heard = await house.gateway.get(f"/fhir/Patient/{patient}/*?_sort=_id&_count=2&_total=accurate")
    assert (ids(heard), heard.json["total"]) == ([patient, f"{patient}-1"], 3)
    last = await house.gateway.get(link(heard, "next").replace("http://the-house", ""))
    assert (ids(last), last.json["total"], link(last, "next")) == ([f"{patient}-2"], 3, None)


async def test_changes_between_pages_neither_repeat_nor_skip(house, patient):
    path, seen = f"/fhir/?{PEOPLE_AND_DIARY}&_sort=_id&_count=1", []
    while path:
        heard = await house.gateway.get(path)
        seen += ids(heard)
        before = {"resourceType": "Patient", "id": f"a-{len(seen)}"}
        assert (await house.gateway.put(f"/fhir/Patient/{before['id']}", before)).status == 201
        path = (link(heard, "next") or "").replace("http://the-house", "")
    assert seen == [patient, f"{patient}-1", f"{patient}-2"]


async def test_search_of_one_service_is_answered_by_it(house, patient):
    heard = await house.gateway.get(f"/fhir/?_type=Appointment&_include=Appointment:slot&_id={patient}-1")
    assert ids(heard) == [f"{patient}-1"]


async def test_form_asks_what_an_address_asks(house, patient):
    form = f"{PEOPLE_AND_DIARY}&_id={patient},{patient}-1"
    asked = {"content_type": "application/x-www-form-urlencoded"}
    heard = await house.gateway.send("POST", "/fhir/_search", form.encode(), **asked)
    assert sorted(ids(heard)) == [patient, f"{patient}-1"]
    inside = await house.gateway.send("POST", f"/fhir/Patient/{patient}/_search", b"_sort=_id", **asked)
    assert ids(inside) == [patient, f"{patient}-1", f"{patient}-2"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/fhir/Slot/1/*", 404),
        ("/fhir/Nonsense/1/*", 404),
        ("/fhir/?_type=Nonsense", 404),
        ("/fhir/Patient/1/*?_type=Slot", 400),
        ("/fhir/_history?_type=Patient", 400),
        ("/fhir/_history?_cursor=0", 400),
        ("/fhir/Patient/no-such/$everything", 404),
        ("/fhir/Patient/of-the-search/$everything?_type=Nonsense", 404),
        ("/fhir/Patient/of-the-search/$everything?flavour=sweet", 400),
        ("/fhir/Patient/of-the-search/$everything?_count=1&_cursor=WzksIiJd", 400),
        ("/fhir/Appointment/1/$everything", 400),
    ],
)
async def test_what_is_not_there_is_refused(house, patient, path, status):
    heard = await house.gateway.get(path)
    assert (heard.status, heard.json["resourceType"]) == (status, "OperationOutcome"), heard.body


async def test_everything_is_taken_by_a_parameters_resource_too(house, patient):
    body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCode": "Appointment"}]}
    heard = await house.gateway.post(f"/fhir/Patient/{patient}/$everything", body)
    assert sorted(ids(heard)) == [f"{patient}-1", f"{patient}-2"]
    gone = await house.gateway.delete(f"/fhir/Patient/{patient}/$everything")
    assert (gone.status, gone.headers["allow"]) == (405, "GET, HEAD, POST")
