"""What everybody may know: free times as Slots, and the Schedules and Locations they belong to, nothing private.

Source: SMART Scheduling Links 1.0.0, https://build.fhir.org/ig/HL7/smart-scheduling-links/specification.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from polyclinic.services.scheduling.model import Calendar, Diary, Interval, Opening, Service, Wish
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.proposals import Proposal, id_of
from polyclinic.services.scheduling.rules.seeking import Seek, wishes_of
from polyclinic.services.scheduling.rules.terms import never, terms_of
from polyclinic.services.scheduling.rules.times import DAY
from polyclinic.services.scheduling.rules.visits import Resource, concepts_of, instant_of

WEEKS = 4
"""How many weeks are published, this one included; they begin on Monday, 00:00 UTC."""
INTERVAL = 300
"""Seconds after which clients ask again: what is published holds until then, unless somebody is quicker."""
BASES = (
    "http://hl7.org/fhir/uv/smart-scheduling-links/StructureDefinition/",
    "http://fhir-registry.smarthealthit.org/StructureDefinition/",
)
"""Where the extensions are defined: HL7's guide, and the one before it, which clients know as well."""
_CAPACITY = f"{BASES[1]}slot-capacity"
_SPECIALTY = f"{BASES[1]}specialty"
_MONDAY = 4 * DAY  # 1970-01-05
_OF_SCHEDULES = ("id", "active", "serviceCategory", "serviceType", "specialty", "planningHorizon")
_OF_LOCATIONS = (
    "id", "identifier", "status", "operationalStatus", "name", "alias", "description", "mode", "type", "telecom",
    "address", "physicalType", "position", "managingOrganization", "partOf", "hoursOfOperation",
    "availabilityExceptions", "endpoint",
)  # fmt: skip
_PUBLIC_ACTORS = ("Location/", "HealthcareService/", "Practitioner/", "PractitionerRole/", "Device/")


def weeks(now: int) -> list[Interval]:
    """Return the weeks that are published at ``now``."""
    begin = now - (now - _MONDAY) % (7 * DAY)
    return [(begin + each * 7 * DAY, begin + (each + 1) * 7 * DAY) for each in range(WEEKS)]


def name_of(week: Interval) -> str:
    """Return what a week is called: its Monday."""
    return datetime.fromtimestamp(week[0], UTC).date().isoformat()


def holds_until(now: int) -> int:
    """Return until when what is published at ``now`` has to hold by the rules: the end of the interval."""
    return now - now % INTERVAL + INTERVAL


def public_wishes(directory: Directory, between: Interval) -> list[Wish]:
    """Return a wish for each service that everybody may know."""
    names = sorted(name for name, service in directory.services.items() if service.public and service.active)
    return wishes_of(Seek(between, services=tuple(names)), directory) if names else []


def given_by(wishes: Iterable[Wish]) -> dict[str, list[Service]]:
    """Return the services that are given by each calendar that leads visits, by its name."""
    given: dict[str, list[Service]] = {}
    for wish in wishes:
        for calendar in wish.roles[0]:
            if not never(terms_of(calendar, wish, leads=True)):
                given.setdefault(calendar.name, []).append(wish.service)
    return given


def places_of(given: Mapping[str, Sequence[Service]], directory: Directory) -> list[str]:
    """Return where visits are given: the Locations (references) of calendars and services, each once, in order."""
    actors = (actor for name in given for actor in directory.calendars[name].actors)
    said = [*actors, *(place for services in given.values() for service in services for place in service.places)]
    return sorted({each for each in said if each.startswith("Location/")})


def slot_of(opening: Opening, service: Service, diary: Diary, directory: Directory) -> Resource | None:
    """Return an opening as a free Slot; $book takes its id as that of a proposal. None where no id can name it."""
    leader = opening.calendars[0]
    keys = tuple(directory.keys[calendar.name] for calendar in opening.calendars)
    duration = opening.end - opening.start
    id = id_of(Proposal(opening.start, duration, keys, directory.keys.get(service.name, 0)))
    if id is None:
        return None
    zone = directory.parameters_of(leader, service).timezone
    slot = {
        "resourceType": "Slot",
        "id": id,
        "extension": list(_extensions(id, opening, service, diary, directory)),
        "serviceType": concepts_of(service.types),
        "specialty": concepts_of(leader.specialties or service.specialties),
        "schedule": {"reference": leader.name},
        "status": "free",
        "start": instant_of(opening.start, zone),
        "end": instant_of(opening.end, zone),
    }
    return {name: value for name, value in slot.items() if value}


def link_to(id: str, base: str) -> str:
    """Return the booking link of a Slot; ``base`` has a slash at its end."""
    return f"{base}Appointment/$bookable?slot={id}"


def schedule_of(schedule: Resource, services: Sequence[Service]) -> Resource:
    """Return what everybody may know of a Schedule that gives ``services``: its rules are its own affair.

    Its places, and what it gives where it does not say so, are those of the services.
    """
    told: Resource = {"resourceType": "Schedule"}
    told |= {name: schedule[name] for name in _OF_SCHEDULES if name in schedule}
    types = frozenset(code for service in services for code in service.types)
    told.setdefault("serviceType", concepts_of(types))
    actors = [each for each in schedule["actor"] if each.get("reference", "").startswith(_PUBLIC_ACTORS)]
    known = {each["reference"] for each in actors}
    places = dict.fromkeys(place for service in services for place in service.places)
    told["actor"] = [*actors, *({"reference": place} for place in places if place not in known)]
    specialties = (coding for each in schedule.get("specialty", ()) for coding in each.get("coding", ()))
    told["extension"] = [{"url": _SPECIALTY, "valueCoding": coding} for coding in specialties]
    return {name: value for name, value in told.items() if value}


def location_of(location: Resource) -> Resource:
    """Return what everybody may know of a Location."""
    return {"resourceType": "Location"} | {name: location[name] for name in _OF_LOCATIONS if name in location}


def _extensions(
    id: str, opening: Opening, service: Service, diary: Diary, directory: Directory
) -> Iterator[dict[str, Any]]:
    for base in BASES:
        yield {"url": f"{base}booking-deep-link", "valueUrl": link_to(id, directory.base)}
        if service.phone:
            yield {"url": f"{base}booking-phone", "valueString": service.phone}
    capacity = directory.parameters_of(opening.calendars[0], service).capacity or 1
    if capacity > 1:
        yield {"url": _CAPACITY, "valueInteger": max(1, capacity - _most_taken(opening.calendars[0], opening, diary))}


def _most_taken(calendar: Calendar, opening: Opening, diary: Diary) -> int:
    """Return how many places are taken at some time of a visit, at most."""
    every = (diary.busy.get(actor, ()) for actor in calendar.actors)
    return max((sum(b.begin < opening.end and b.end > opening.start for b in busy) for busy in every), default=0)
