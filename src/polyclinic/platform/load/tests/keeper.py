"""A small FHIR server for the tests of load: it keeps what it is sent, and fails as networks do."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import web


class Torn(Exception):
    """The connection is cut."""


@dataclass
class Keeper:
    """Resources by ``Type/id``; ``before`` and ``after`` a Bundle is kept something may go wrong."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    bundles: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refuses: Callable[[dict[str, Any]], bool] = lambda resource: False
    before: list[web.Response | type[Torn]] = field(default_factory=list)
    after: list[web.Response | type[Torn]] = field(default_factory=list)
    url: str = ""

    def counts(self) -> Counter[str]:
        return Counter(key.split("/")[0] for key in self.kept)

    async def metadata(self, request):
        return web.json_response({"resourceType": "CapabilityStatement"})

    async def read(self, request):
        key = f"{request.match_info['type']}/{request.match_info['id']}"
        self.asked.append(key)
        status = 410 if key in self.gone else 200 if key in self.kept else 404
        return web.json_response(self.kept.get(key, {}), status=status)

    async def bundle(self, request):
        try:
            bundle = json.loads(await request.read())
        except ValueError:
            return web.json_response({"resourceType": "OperationOutcome", "issue": [_issue("")]}, status=400)
        self.bundles.append(bundle)
        if failure := self._next(self.before, request):
            return failure
        answer = self._transaction(bundle) if bundle["type"] == "transaction" else self._batch(bundle)
        return self._next(self.after, request) or answer

    def _next(self, failures, request):
        if not failures:
            return None
        failure = failures.pop(0)
        if failure is Torn:
            request.transport.abort()
            return web.Response()
        return failure

    def _transaction(self, bundle):
        wrong = [number for number, entry in enumerate(bundle["entry"]) if self.refuses(entry["resource"])]
        if wrong:
            issues = [_issue(f"Bundle.entry[{number}].resource.birthDate") for number in wrong]
            return web.json_response({"resourceType": "OperationOutcome", "issue": issues}, status=422)
        return _answered([self._keep(entry) for entry in bundle["entry"]])

    def _batch(self, bundle):
        outcome = {"resourceType": "OperationOutcome", "issue": [_issue("Patient.birthDate")]}
        return _answered(
            [
                {"status": "422", "outcome": outcome} if self.refuses(entry["resource"]) else self._keep(entry)
                for entry in bundle["entry"]
            ]
        )

    def _keep(self, entry):
        resource, request = entry["resource"], entry["request"]
        if request["method"] == "POST":
            self.kept[f"{resource['resourceType']}/{uuid4()}"] = resource
            return {"status": "201"}
        assert request["url"] == f"{resource['resourceType']}/{resource['id']}"
        known = request["url"] in self.kept
        self.kept[request["url"]] = resource
        return {"status": "200" if known else "201"}


def _issue(location):
    return {"severity": "error", "code": "value", "diagnostics": "this is no date", "expression": [location]}


def _answered(responses):
    entries = [{"response": response} for response in responses]
    return web.json_response({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})


@asynccontextmanager
async def serving(keeper: Keeper) -> AsyncIterator[Keeper]:
    """Serve ``keeper`` at ``keeper.url`` on a free port."""
    app = web.Application(client_max_size=2**28)
    app.router.add_get("/fhir/metadata", keeper.metadata)
    app.router.add_get("/fhir/{type}/{id}", keeper.read)
    app.router.add_post("/fhir", keeper.bundle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    keeper.url = f"http://127.0.0.1:{runner.addresses[0][1]}/fhir"
    try:
        yield keeper
    finally:
        await runner.cleanup()
