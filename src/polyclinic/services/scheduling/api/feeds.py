"""Calendar feeds over HTTP: $calendar-feed makes, lists and revokes addresses; $calendar is what is at them."""

from typing import Any

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import CALENDAR
from polyclinic.kit.http.statuses import MethodNotAllowed
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import Arguments, Operation, answered, arguments
from polyclinic.kit.rest.targets import ID, Target
from polyclinic.services.scheduling.actions.feeding import Announcer
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.model import Feed
from polyclinic.services.scheduling.rules.calendars import REFRESH

_SECRET = {"cache-control": "no-store"}


class Feeds:
    """Where people get their calendars."""

    def __init__(self, announcer: Announcer) -> None:
        self._announcer = announcer

    def operations(self) -> tuple[Operation, ...]:
        """Return what is offered."""
        schedules, appointments = frozenset({"Schedule"}), frozenset({"Appointment"})
        return (
            Operation(
                "calendar-feed", "urn:polyclinic:schedule-calendar-feed", self._of_schedule, ("instance",), schedules
            ),
            Operation(
                "calendar-feed", "urn:polyclinic:patient-calendar-feed", self._of_patient, ("type",), appointments
            ),
            Operation(
                "calendar", "urn:polyclinic:calendar", self._calendar, ("type",), appointments, answers=(CALENDAR,)
            ),
        )

    async def _of_schedule(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "names", "revoke"))
        return await self._serve(endpoint, call, f"Schedule/{target.id}", given)

    async def _of_patient(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        given = read.checked(arguments(call, "patient-reference", "revoke"))
        patient = read.reference(given, "patient-reference", endpoint.base) or ""
        if not patient.startswith("Patient/") or not ID.fullmatch(patient.removeprefix("Patient/")):
            raise Unacceptable(
                "$calendar-feed needs patient-reference, a reference to a Patient here", at="patient-reference"
            )
        return await self._serve(endpoint, call, patient, given)

    async def _serve(self, endpoint: Endpoint, call: Call, subject: str, given: Arguments) -> Answer:
        """List the feeds of ``subject``, or make one, or end the one that is to be revoked."""
        names, revoked = read.truth(given, "names"), _key(given)
        if call.method == "POST" and revoked is None:
            feed, token = await self._announcer.make(endpoint.repository, subject, names=names)
            url = {"name": "url", "valueUrl": f"{endpoint.base}/Appointment/$calendar?token={token}"}
            return Answer(200, answered(_told(feed), url), dict(_SECRET))
        if revoked is not None:
            if call.method != "POST":
                raise MethodNotAllowed(
                    f"{call.method[:20]} of $calendar-feed with revoke is not offered", allow=("POST",)
                )
            await self._announcer.end(endpoint.repository, subject, revoked)
        standing = await self._announcer.standing(endpoint.repository, subject)
        told = answered(*map(_told, standing)) if standing else b'{"resourceType":"Parameters"}'
        return Answer(200, told, dict(_SECRET))

    async def _calendar(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        token = arguments(call, "token").text("token")
        if token is None:
            raise Unacceptable("$calendar needs the parameter token", at="token")
        found = await self._announcer.calendar(endpoint.repository, token)
        headers = {"etag": f'W/"{found.tag}"', "cache-control": f"private, max-age={int(REFRESH.total_seconds())}"}
        if found.tag in call.headers.get("if-none-match", ""):
            return Answer(304, headers=headers)
        return Answer(200, await found.written(), headers | {"content-type": f"{CALENDAR}; charset=utf-8"})


def _key(given: Arguments) -> int | None:
    """Return the id of the feed that is to be revoked. Refuses: ``Unacceptable`` for what is no such id."""
    text = given.text("revoke")
    if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Unacceptable("revoke is the id of a feed", at="revoke")
    return int(text) if text else None


def _told(feed: Feed) -> dict[str, Any]:
    parts = [
        {"name": "id", "valueString": str(feed.key)},
        {"name": "made", "valueInstant": feed.made.isoformat(timespec="seconds")},
        {"name": "names", "valueBoolean": feed.names},
    ]
    return {"name": "feed", "part": parts}
