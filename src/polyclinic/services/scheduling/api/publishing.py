"""Publishing over HTTP: the manifest $bulk-publish, the files it names, and where their booking links lead.

Source: SMART Scheduling Links 1.0.0, https://build.fhir.org/ig/HL7/smart-scheduling-links/specification.html
"""

from collections.abc import Iterable
from datetime import UTC, datetime

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import NotFound, Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import NDJSON
from polyclinic.kit.rest.endpoint import Endpoint, etag_of, http_date
from polyclinic.kit.rest.operations.model import Operation, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.services.scheduling.actions.publishing import Publisher
from polyclinic.services.scheduling.rules.publishing import INTERVAL, name_of
from polyclinic.services.scheduling.rules.visits import Resource

_FILE = "Schedule/$published"
_TYPES = ("Location", "Schedule", "Slot")


class Newsstand:
    """Where everybody gets the free times of public services.

    It remembers since when each file has been as it is; every process does for itself, so that only an entity tag or
    the very date it told say that nothing has changed.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._since: dict[str, tuple[str, str]] = {}

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        schedules, appointments = frozenset({"Schedule"}), frozenset({"Appointment"})
        return (
            Operation("bulk-publish", "urn:polyclinic:bulk-publish", self._manifest, at=("system",)),
            Operation(
                "published", "urn:polyclinic:schedule-published", self._file, ("type",), schedules, answers=(NDJSON,)
            ),
            Operation("bookable", "urn:polyclinic:appointment-bookable", self._bookable, ("type",), appointments),
        )

    async def _manifest(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        arguments(call, "_since")  # which servers may leave aside
        weeks = [f"_type=Slot&week={name_of(week)}" for week in self._publisher.weeks()]
        files = ["_type=Location", "_type=Schedule", *weeks]
        now = int(endpoint.now().timestamp())
        moment = datetime.fromtimestamp(now - now % INTERVAL, UTC)
        states = await self._publisher.states(endpoint.repository)
        hint = {"extension": {"state": states}} if states else {}
        manifest = {
            "transactionTime": moment.isoformat(),
            "request": f"{endpoint.base}/$bulk-publish",
            "output": [{"type": _type_of(file), "url": f"{endpoint.base}/{_FILE}?{file}", **hint} for file in files],
            "error": [],
        }
        body = encode(manifest)
        headers = _headers(etag_of(body), http_date(moment)) | {"content-type": "application/json"}
        return _unless_known(call, headers) or Answer(200, body, headers)

    async def _file(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = arguments(call, "_type", "week", "_since")
        type, week = given.text("_type"), given.text("week")
        if type not in _TYPES:
            raise Unacceptable(f"_type is one of {', '.join(_TYPES)}", at="_type")
        if type == "Slot":
            return await self._slots(endpoint, call, week)
        if week is not None:
            raise Unacceptable("week is said of Slots only", at="week")
        if type == "Location":
            return self._whole(endpoint, call, type, await self._publisher.locations(endpoint.repository))
        return self._whole(endpoint, call, type, await self._publisher.schedules(endpoint.repository))

    async def _slots(self, endpoint: Endpoint, call: Call, week: str | None) -> Answer:
        within = next((each for each in self._publisher.weeks() if name_of(each) == week), None)
        if within is None:
            raise NotFound("week is the Monday of a week that $bulk-publish names", at="week")
        found = await self._publisher.week(endpoint.repository, within)
        headers = self._headers_of(endpoint, name_of(within), f'W/"{found.tag}"')
        return _unless_known(call, headers) or Answer(200, headers=headers, pieces=found.pieces())

    def _whole(self, endpoint: Endpoint, call: Call, name: str, resources: Iterable[Resource]) -> Answer:
        body = b"".join(encode(resource) + b"\n" for resource in resources)
        headers = self._headers_of(endpoint, name, etag_of(body))
        return _unless_known(call, headers) or Answer(200, body, headers)

    async def _bookable(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = arguments(call, "slot", "source", "booking-referral")
        slot = given.text("slot")
        if slot is None:
            raise Unacceptable("$bookable needs the parameter slot: the id of a published Slot", at="slot")
        appointment = await self._publisher.bookable(endpoint.repository, slot)
        return Answer(200, encode(appointment), {"cache-control": "no-store"})

    def _headers_of(self, endpoint: Endpoint, name: str, tag: str) -> dict[str, str]:
        known = self._since.get(name)
        if known is None or known[0] != tag:
            weeks = {name_of(week) for week in self._publisher.weeks()}
            kept = {each: since for each, since in self._since.items() if each in weeks or each in _TYPES}
            known = tag, http_date(endpoint.now())
            self._since = kept | {name: known}
        return _headers(*known) | {"content-type": NDJSON}


def _type_of(file: str) -> str:
    return file.partition("&")[0].removeprefix("_type=")


def _headers(tag: str, modified: str) -> dict[str, str]:
    return {"etag": tag, "last-modified": modified, "cache-control": f"public, max-age={INTERVAL}"}


def _unless_known(call: Call, headers: dict[str, str]) -> Answer | None:
    """Return 304 where the client has what ``headers`` tell of; an entity tag outranks a date (RFC 9110, 13.2.2)."""
    tags = call.headers.get("if-none-match")
    if tags is None:
        known = call.headers.get("if-modified-since") == headers["last-modified"]
    else:
        known = headers["etag"].removeprefix("W/") in tags
    told = {name: value for name, value in headers.items() if name != "content-type"}
    return Answer(304, headers=told) if known else None
