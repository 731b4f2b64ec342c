"""What the conformance tests share: resources in, questions asked over HTTP, answers compared with the oracle's."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from polyclinic.kit.testing import Client

Key = tuple[str, str]
Pairs = tuple[tuple[str, str], ...]


async def put_all(client: Client, resources: list[dict[str, Any]]) -> list[str]:
    """PUT resources in one transaction; return their ``lastUpdated``."""
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in resources
    ]
    return [entry["response"]["lastModified"] for entry in await _transact(client, entries)]


async def delete_all(client: Client, keys: list[Key]) -> None:
    await _transact(client, [{"request": {"method": "DELETE", "url": "/".join(key)}} for key in keys])


async def _transact(client: Client, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    heard = await client.post("/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert heard.status == 200, heard.body.decode()
    return heard.json.get("entry", [])


async def complete(client: Client) -> None:
    """Wait until all resources are indexed by all search parameters."""
    for _ in range(400):
        told = (await client.get("/fhir/SearchParameter/$reindex")).json["parameter"]
        if next(each["valueBoolean"] for each in told if each["name"] == "complete"):
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the reindex did not end")


async def ask(client: Client, path: str, pairs: Pairs, *, count: int = 1000) -> tuple[list[Key], set[Key]]:
    """Return the matches of a search in order, and what was included with them, over all pages."""
    matches, included = [], set()
    async for page in pages(client, path, pairs, count=count):
        matches += page["match"]
        included.update(page["include"])
    return matches, included - set(matches)


async def pages(client: Client, path: str, pairs: Pairs, *, count: int) -> AsyncIterator[dict[str, list[Key]]]:
    """Yield the pages of a search, each as its resources by search mode."""
    url = f"{path}?{urlencode([*pairs, ('_count', str(count))])}"
    while url:
        heard = await client.get(url)
        assert heard.status == 200, f"GET {url}\nanswers {heard.status}: {heard.body.decode()}"
        found: dict[str, list[Key]] = {"match": [], "include": [], "outcome": []}
        for entry in heard.json.get("entry", ()):
            found[entry["search"]["mode"]].append(_address(entry))
        yield found
        url = next((link["url"] for link in heard.json["link"] if link["relation"] == "next"), "")


def _address(entry: dict[str, Any]) -> Key:
    """Return type and id of what an entry is about; of a contained resource those of its container, and its own id."""
    _, type, id = entry.get("fullUrl", "//").rsplit("/", 2)
    return type, id


async def count(client: Client, path: str, pairs: Pairs) -> int:
    """Return how many there are, as ``_summary=count`` tells."""
    heard = await client.get(f"{path}?{urlencode([*pairs, ('_summary', 'count')])}")
    assert heard.status == 200, heard.body.decode()
    return heard.json["total"]


def difference(question: str, ours: object, theirs: object, resources: list[dict[str, Any]]) -> str:
    """Return what a failure has to say: the question, both answers, and the resources that they differ in."""
    lines = [question, f"the service answers {_shown(ours)}", f"the oracle answers  {_shown(theirs)}"]
    return "\n".join([*lines, *(json.dumps(one, default=_plain, ensure_ascii=False) for one in resources)])


def _shown(answer: object) -> str:
    if isinstance(answer, list | set):
        listed = answer if isinstance(answer, list) else sorted(answer)
        return " ".join("/".join(key) if isinstance(key, tuple) else str(key) for key in listed) or "nothing"
    return str(answer)


def _plain(value: object) -> object:
    assert isinstance(value, Decimal | datetime)
    return float(value) if isinstance(value, Decimal) else value.isoformat()
