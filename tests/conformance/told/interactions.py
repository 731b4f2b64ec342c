"""One request for each interaction that a CapabilityStatement can tell of a type, and for the rules around it."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

from .asking import Asking, Said
from .least import least

JSON_PATCH = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
LANGUAGE = [{"op": "add", "path": "/language", "value": "rm"}]

Deed = Callable[[Asking, str, str], Awaitable[Said]]
"""Asks for an interaction with the resource of a type and an id."""


async def read(ask: Asking, type: str, id: str) -> Said:
    await ask("HEAD", f"{type}/{id}")
    return (await ask("GET", f"{type}/{id}")).expect(200)


async def vread(ask: Asking, type: str, id: str) -> Said:
    return (await ask("GET", f"{type}/{id}/_history/1")).expect(200)


async def update(ask: Asking, type: str, id: str) -> Said:
    return (await ask("PUT", f"{type}/{id}", least(type) | {"id": id, "language": "de"})).expect(200)


async def patch(ask: Asking, type: str, id: str) -> Said:
    return (await ask("PATCH", f"{type}/{id}", LANGUAGE, kind=JSON_PATCH)).expect(200)


async def history_of_instance(ask: Asking, type: str, id: str) -> Said:
    said = (await ask("GET", f"{type}/{id}/_history")).expect(200)
    assert said.json["entry"][0]["resource"]["id"] == id, said
    return said


async def history_of_type(ask: Asking, type: str, id: str) -> Said:
    return (await ask("GET", f"{type}/_history?_count=1")).expect(200)


async def search(ask: Asking, type: str, id: str) -> Said:
    by_form = await ask("POST", f"{type}/_search", f"_id={id}".encode(), kind=FORM)
    said = (await ask("GET", f"{type}?_id={id}")).expect(200)
    for answer in (said, by_form.expect(200)):
        assert [entry["resource"]["id"] for entry in answer.json["entry"]] == [id], answer
    return said


async def delete(ask: Asking, type: str, id: str) -> Said:
    (await ask("DELETE", f"{type}/{id}")).expect(200, 204)
    return (await ask("GET", f"{type}/{id}")).expect(410)


INTERACTIONS: dict[str, Deed] = {
    "read": read,
    "vread": vread,
    "search-type": search,
    "history-instance": history_of_instance,
    "history-type": history_of_type,
    "patch": patch,
    "update": update,
    "delete": delete,
}
"""By code of type-restful-interaction, in an order in which each leaves what the next needs, after create."""


async def live(ask: Asking, told: dict[str, Any]) -> None:
    """Let one resource of the type that ``told`` describes live through all that is told of it."""
    type, codes = told["type"], [item["code"] for item in told["interaction"]]
    unknown = set(codes) - {"create", *INTERACTIONS}
    assert not unknown, f"{type}: no request is known for {unknown}"
    id = await _made(ask, told, codes)
    for code, deed in INTERACTIONS.items():
        if code == "delete":
            await _rules(ask, told, id)
        if code in codes:
            await deed(ask, type, id)


async def _made(ask: Asking, told: dict[str, Any], codes: list[str]) -> str:
    type, id = told["type"], f"told-{uuid4().hex}"
    if told.get("updateCreate"):
        (await ask("PUT", f"{type}/{id}", least(type) | {"id": id})).expect(201)
    if "create" not in codes:
        return id
    said = (await ask("POST", type, least(type))).expect(201)
    return str(said.headers["location"].split(f"/{type}/")[1].split("/")[0])


async def _rules(ask: Asking, told: dict[str, Any], id: str) -> None:
    type = told["type"]
    if told.get("conditionalRead") in ("not-match", "full-support"):
        seen = await ask("GET", f"{type}/{id}")
        (await ask("GET", f"{type}/{id}", If_None_Match=seen.headers["etag"])).expect(304)
    if told.get("conditionalCreate"):
        (await ask("POST", type, least(type), If_None_Exist=f"_id={id}")).expect(200)
    if told.get("conditionalUpdate"):
        (await ask("PUT", f"{type}?_id={id}", least(type) | {"language": "en"})).expect(200)
    if told.get("conditionalDelete", "not-supported") != "not-supported":
        (await ask("DELETE", f"{type}?_id=nobody-of-this-name")).expect(200, 204)
    if told.get("versioning") == "versioned-update":
        (await ask("PUT", f"{type}/{id}", least(type) | {"id": id})).expect(400, 412)
    if told.get("versioning") != "no-version":
        stale = await ask("PUT", f"{type}/{id}", least(type) | {"id": id}, If_Match='W/"999"')
        stale.expect(409, 412)
