"""GET metadata tells what is there, all of it and no more: each request that it promises works, all else is refused."""

import asyncio

import pytest
from aiohttp import ClientSession, TCPConnector
from told.asking import Asking, all_of
from told.interactions import FORM, INTERACTIONS, JSON_PATCH, LANGUAGE, live
from told.least import every_type, least
from told.questions import modified, question

from polyclinic.fhir.definitions import search_parameters
from polyclinic.fhir.validate import validate

BATCH = {
    "resourceType": "Bundle",
    "type": "batch",
    "entry": [{"request": {"method": "GET", "url": "Patient?_count=1"}}],
}
OF_THE_SYSTEM = {
    "batch": ("POST", "", BATCH),
    "transaction": ("POST", "", BATCH | {"type": "transaction"}),
    "history-system": ("GET", "_history?_count=1", None),
    "search-system": ("GET", "?_type=Patient&_count=1", None),
}
OPERATIONS = {
    "everything": ("GET", "Patient/{patient}/$everything"),
    "validate": ("POST", "Patient/$validate"),
    "meta": ("GET", "Patient/{patient}/$meta"),
    "meta-add": ("POST", "Patient/{patient}/$meta-add"),
    "meta-delete": ("POST", "Patient/{patient}/$meta-delete"),
    "later": ("GET", "Patient/$later?id={later}"),
    "reindex": ("GET", "SearchParameter/$reindex"),
    "bulk-publish": ("GET", "$bulk-publish"),
    "lastn": ("GET", "Observation/$lastn?patient=Patient/{patient}&max=1"),
}
NOT_TOLD = ("$everything", "$validate", "$meta", "$meta-add", "$meta-delete", "$lastn", "$expand", "$no-such-operation")
PATHS = {
    "read": ("GET", "{type}/1"),
    "update": ("PUT", "{type}/1"),
    "patch": ("PATCH", "{type}/1"),
    "delete": ("DELETE", "{type}/1"),
    "create": ("POST", "{type}"),
    "search-type": ("GET", "{type}"),
    "history-type": ("GET", "{type}/_history"),
}


@pytest.fixture(scope="module")
async def ask(house):
    async with ClientSession(connector=TCPConnector(limit=0)) as session:
        yield Asking(session, house.base_url)


@pytest.fixture(scope="module")
async def rest(ask):
    statement = (await ask("GET", "metadata")).expect(200).json
    assert not [issue for issue in validate(statement) if issue.severity != "warning"]
    (rest,) = statement["rest"]
    return rest


@pytest.fixture(scope="module")
async def patient(ask):
    said = (await ask("POST", "Patient", least("Patient"))).expect(201)
    return said.json["id"]


@pytest.fixture(scope="module")
async def later(ask):
    """Return the id of an answer that is there to be fetched."""
    said = (await ask("GET", "Patient?_count=1", prefer="respond-async")).expect(202)
    id = said.headers["content-location"].rpartition("=")[2]
    while (await ask("GET", f"Patient/$later?id={id}")).status == 202:
        await asyncio.sleep(0.05)
    return id


@pytest.mark.parametrize("type", every_type())
def test_the_least_resource_is_sound(type):
    assert [issue for issue in validate(least(type)) if issue.severity != "warning"] == []


async def test_every_interaction_told_of_a_type_works(ask, rest):
    await all_of(live(ask, told) for told in rest["resource"])


async def test_every_interaction_told_of_the_system_works(ask, rest):
    for item in rest["interaction"]:
        method, path, body = OF_THE_SYSTEM[item["code"]]
        (await ask(method, path, body)).expect(200)


async def test_every_operation_told_works(ask, rest, patient, later):
    told = [(None, each) for each in rest.get("operation", ())]
    told += [(one["type"], each) for one in rest["resource"] for each in one.get("operation", ())]
    for type, each in told:
        if each["name"] not in OPERATIONS:
            await offered(ask, type, each["name"])
            continue
        method, path = OPERATIONS[each["name"]]
        path = path if type else path.rpartition("/")[2]
        body = {"resourceType": "Parameters"} if "$meta-" in path else least("Patient") if method == "POST" else None
        if "$meta-" in path:
            body |= {"parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "x"}]}}]}
        if type == "Encounter" and path.startswith("Patient/{patient}"):
            made = (await ask("POST", "Encounter", least("Encounter"))).expect(201).json["id"]
            path = f"Encounter/{made}/{path.rpartition('/')[2]}"
        (await ask(method, path.format(patient=patient, later=later), body)).expect(200)


async def offered(ask, type, name):
    """See that an operation of a service's own is there, on its type or on a resource, whatever it says to nothing."""
    nothing = {"resourceType": "Parameters"}
    answers = [await ask("POST", f"{path}/${name}", nothing) for path in (type, f"{type}/nobody")]
    assert any(b"not offered" not in answer.body for answer in answers), (type, name)
    assert all(answer.status < 500 for answer in answers), (type, name)


async def test_every_search_parameter_told_is_answered(ask, rest):
    async def answered(type, told):
        (await ask("GET", f"{type}?{question(type, told)}")).expect(200)

    pairs = [(one["type"], told) for one in rest["resource"] for told in one.get("searchParam", ())]
    assert len(pairs) > 1000
    await all_of(answered(type, told) for type, told in pairs)


async def test_every_modifier_of_r4_is_answered_or_refused_by_name(ask, rest):
    async def answered(type, name, query):
        said = await ask("GET", f"{type}?{query}")
        if said.status != 200:
            said.refuses(name)

    async def of_type(type, told):
        one_of_each = {each["type"]: each for each in told}.values()
        for name, query in (pair for each in one_of_each for pair in modified(each)):
            await answered(type, name, query)

    await all_of(of_type(one["type"], one.get("searchParam", ())) for one in rest["resource"])


async def test_every_search_parameter_told_of_the_system_is_answered(ask, rest):
    for told in rest.get("searchParam", ()):
        (await ask("GET", f"?_type=Patient&{question('Patient', told)}")).expect(200)


async def test_every_include_told_is_answered(ask, rest):
    async def answered(type, name, value):
        (await ask("GET", f"{type}?_count=1&{name}={value}")).expect(200)

    asked = [(one["type"], "_include", value) for one in rest["resource"] for value in one.get("searchInclude", ())]
    asked += [
        (one["type"], "_revinclude", value) for one in rest["resource"] for value in one.get("searchRevInclude", ())
    ]
    await all_of(answered(*each) for each in asked)


async def test_search_parameter_that_is_not_told_is_refused_by_name(ask, rest):
    async def refused(type, name):
        (await ask("GET", f"{type}?{name}=1")).refuses(name)

    told = {one["type"]: {each["name"] for each in one.get("searchParam", ())} for one in rest["resource"]}
    asked = [(type, "no-such-parameter") for type in told]
    asked += [(type, name) for type, names in told.items() for name in search_parameters(type).keys() - names]
    await all_of(refused(type, name) for type, name in asked)


async def test_search_parameter_that_is_not_told_is_left_out_aloud_where_the_client_is_lenient(ask, rest):
    async def left_out(type):
        said = await ask("GET", f"{type}?no-such-parameter=1&_count=1", Prefer="handling=lenient")
        outcomes = [each["resource"] for each in said.expect(200).json["entry"] if each["search"]["mode"] == "outcome"]
        assert ["no-such-parameter" in outcome["issue"][0]["diagnostics"] for outcome in outcomes] == [True], said

    await all_of(left_out(one["type"]) for one in rest["resource"])


async def test_search_parameter_that_is_not_told_is_refused_in_a_form_and_a_condition_too(ask):
    (await ask("POST", "Patient/_search", b"flavour=sweet", kind=FORM)).refuses("flavour")
    (await ask("PUT", "Patient?flavour=sweet", least("Patient"))).refuses("flavour")
    (await ask("DELETE", "Patient?flavour=sweet")).refuses("flavour")
    (await ask("POST", "Patient", least("Patient"), If_None_Exist="flavour=sweet")).refuses("flavour")
    (await ask("GET", "Patient/1?flavour=sweet")).refuses("flavour")
    (await ask("GET", "Patient/_history?flavour=sweet")).refuses("flavour")
    (await ask("GET", "metadata?flavour=sweet")).refuses("flavour")


async def test_include_that_is_not_told_is_refused_by_name(ask, rest):
    async def refused(type, name, value):
        (await ask("GET", f"{type}?{name}={value}")).refuses(name)

    types = [one["type"] for one in rest["resource"]]
    asked = [(type, name, f"{type}:no-such-parameter") for type in types for name in ("_include", "_revinclude")]
    await all_of(refused(*each) for each in asked)


async def test_interaction_that_is_not_told_is_refused(ask, rest):
    async def refused(type, code):
        method, path = PATHS[code]
        body = LANGUAGE if method == "PATCH" else least(type) if method in ("PUT", "POST") else None
        kind = {"kind": JSON_PATCH} if method == "PATCH" else {}
        (await ask(method, path.format(type=type), body, **kind)).expect(404, 405)

    told = {one["type"]: {item["code"] for item in one["interaction"]} for one in rest["resource"]}
    asked = [(type, code) for type, codes in told.items() for code in PATHS.keys() - codes]
    asked += [(type, code) for type in every_type() if type not in told for code in PATHS]
    await all_of(refused(type, code) for type, code in asked)


async def test_interaction_with_the_system_that_is_not_told_is_refused(ask, rest):
    told = {item["code"] for item in rest["interaction"]}
    for code in OF_THE_SYSTEM.keys() - told:
        method, path, body = OF_THE_SYSTEM[code]
        (await ask(method, path, body)).expect(400, 404, 405)


async def test_operation_that_is_not_told_is_refused_by_name(ask, rest, patient):
    of_types = {each["name"].removeprefix("$") for one in rest["resource"] for each in one.get("operation", ())}
    told = of_types | {each["name"].removeprefix("$") for each in rest.get("operation", ())}
    for operation in NOT_TOLD:
        if operation.removeprefix("$") not in told:
            for path in (operation, f"Patient/{operation}", f"Patient/{patient}/{operation}"):
                (await ask("GET", path)).refuses(operation)


def test_every_interaction_of_r4_has_its_request():
    assert {"create", *INTERACTIONS} >= {"read", "vread", "update", "patch", "delete", "create", "search-type"}
