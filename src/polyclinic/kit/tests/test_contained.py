"""Resources inside others, searched over HTTP: what is told of them, and what is refused.

Source: https://hl7.org/fhir/R4/search.html#contained
"""

from secrets import token_hex
from urllib.parse import urlencode

import pytest

from polyclinic.fhir.validate import validate


@pytest.fixture(scope="module")
async def kept(service):
    """Keep a Practitioner, and three Observations that contain one of the same unusual name; return name and ids."""
    name = f"Cc{token_hex(4)}"
    inside = {"resourceType": "Practitioner", "id": "p", "name": [{"family": name}], "gender": "female"}
    around = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "performer": [{"reference": "#p"}],
    }
    heard = [await service.post("/fhir/Practitioner", {**inside, "id": "ignored"})]
    heard += [await service.post("/fhir/Observation", {**around, "contained": [inside]}) for _ in range(3)]
    assert [each.status for each in heard] == [201] * 4, heard[-1].body
    return name, [each.json["id"] for each in heard]


async def entries(service, query):
    heard = await service.get(f"/fhir/Practitioner?{query}")
    assert heard.status == 200, heard.body
    assert validate(heard.json) == []
    assert heard.json["total"] == len(heard.json.get("entry", ()))
    return heard.json["entry"]


async def test_without_it_only_resources_by_themselves_are_found(service, kept):
    name, ids = kept
    assert [one["resource"]["id"] for one in await entries(service, f"family={name}")] == ids[:1]


async def test_a_container_is_answered_as_the_match(service, kept):
    name, ids = kept
    found = await entries(service, f"family={name}&_contained=true")
    assert {one["fullUrl"] for one in found} == {f"{service.root}/fhir/Observation/{id}" for id in ids[1:]}
    assert all(one["search"] == {"mode": "match"} for one in found)
    assert all(one["resource"]["contained"][0]["name"][0]["family"] == name for one in found)


async def test_a_contained_resource_has_an_address_within_its_container(service, kept):
    name, ids = kept
    found = await entries(service, f"family={name}&_contained=true&_containedType=contained")
    assert {one["fullUrl"] for one in found} == {f"{service.root}/fhir/Observation/{id}#p" for id in ids[1:]}
    assert all((one["resource"]["resourceType"], one["resource"]["id"]) == ("Practitioner", "p") for one in found)


async def test_both_are_answered_together_page_by_page(service, kept):
    name, _ = kept
    url, found = f"/fhir/Practitioner?family={name}&_contained=both&_total=accurate&_count=3", []
    while url:
        page = (await service.get(url)).json
        assert page["total"] == 4
        found += [one["fullUrl"] for one in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert len(found) == len(set(found)) == 4


async def test_they_are_searched_by_form_and_counted(service, kept):
    asked = {"family": kept[0], "_contained": "true", "_containedType": "contained", "_elements": "gender"}
    form = urlencode(asked).encode()
    heard = await service.post("/fhir/Practitioner/_search", form, content_type="application/x-www-form-urlencoded")
    assert [set(one["resource"]) for one in heard.json["entry"]] == [{"resourceType", "id", "meta", "gender"}] * 3
    assert (await service.get(f"/fhir/Practitioner?{urlencode({**asked, '_summary': 'count'})}")).json["total"] == 3


async def test_they_are_searched_over_types_but_are_in_nobodys_compartment_by_their_id(service, kept):
    name, ids = kept
    over = (await service.get(f"/fhir?_type=Practitioner,Patient&_contained=true&gender=female&name={name}")).json
    assert over["total"] == 3
    nobody = (await service.get(f"/fhir/Practitioner/p/Practitioner?_contained=true&family={name}")).json
    assert nobody["total"] == 0
    assert (await service.get(f"/fhir/Practitioner/{ids[0]}/Practitioner?_contained=both")).json["total"] == 1


@pytest.mark.parametrize("prefer", ["handling=strict", "handling=lenient"])
@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("_contained=perhaps", "_contained"),
        ("_contained=true&_containedType=parcel", "_containedType"),
        ("_contained=true&_sort=family", "_sort"),
        ("_contained=both&_include=Practitioner:*", "_include"),
        ("_contained=both&_has:Observation:performer:code=x", "_has:Observation:performer:code"),
    ],
)
async def test_what_makes_no_sense_with_it_is_refused_by_name(service, query, named, prefer):
    heard = await service.get(f"/fhir/Practitioner?{query}", prefer=prefer)
    assert heard.status == 400
    assert heard.json["issue"][0]["expression"] == [named]


async def test_a_condition_is_about_resources_by_themselves(service, kept):
    name, ids = kept
    heard = await service.delete(f"/fhir/Practitioner?family={name}&_contained=both")
    assert heard.status == 400
    assert (await service.get(f"/fhir/Practitioner/{ids[0]}")).status == 200
