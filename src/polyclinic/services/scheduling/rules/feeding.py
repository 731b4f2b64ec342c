"""What a calendar feed shows of each visit: the service and the place, and who comes only where that is asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from polyclinic.services.scheduling.model import Service
from polyclinic.services.scheduling.rules.calendars import STATUS, Entry
from polyclinic.services.scheduling.rules.claims import SCHEDULE, Resource, expires_of, times_of
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.reading import text_of

LOOK_BACK, LOOK_AHEAD = timedelta(days=30), timedelta(days=366)
"""From when to when a feed shows visits, by now."""
CANCELLED_SHOWN = timedelta(days=30)
"""How long what was cancelled is still shown, as cancelled."""
UNNAMED = "Appointment"


@dataclass(frozen=True, slots=True)
class Shown:
    """A visit that a feed shows. ``place`` and ``patients`` are references, with what the Appointment calls them."""

    appointment: Resource
    service: Service | None
    place: tuple[str, str | None] | None
    patients: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Known:
    """What others know: Locations and Patients by reference."""

    places: Mapping[str, Resource] = field(default_factory=dict)
    patients: Mapping[str, Resource] = field(default_factory=dict)


def is_shown(appointment: Resource, subject: str, directory: Directory, now: datetime) -> bool:
    """Whether the feed of ``subject`` shows a visit of its actors."""
    if appointment["status"] not in STATUS or times_of(appointment) is None:
        return False
    expires = expires_of(appointment)
    if appointment["status"] == "pending" and expires and expires <= now:
        return False
    if appointment["status"] == "cancelled" and _changed(appointment) < now - CANCELLED_SHOWN:
        return False
    named = _calendars_of(appointment, directory)
    return not subject.startswith("Schedule/") or not named or subject in named


def shown_of(appointment: Resource, directory: Directory) -> Shown:
    """Return what there is to show of a visit."""
    actors = {
        name: each["actor"].get("display")
        for each in appointment.get("participant", ())
        if (name := directory.local(each.get("actor", {})))
    }
    service = next((directory.services[name] for name in actors if name in directory.services), None)
    places = [(name, said) for name, said in actors.items() if name.startswith("Location/")]
    places += [(name, None) for name in service.places] if service else []
    patients = {name: said for name, said in actors.items() if name.startswith("Patient/")}
    return Shown(appointment, service, next(iter(places), None), patients)


def entry_of(shown: Shown, known: Known, directory: Directory, *, names: bool) -> Entry:
    """Return the event of a visit; with patients' ``names`` or not."""
    appointment = shown.appointment
    start, end = times_of(appointment) or (0, 0)
    people = [said or _name(known.patients.get(name)) for name, said in shown.patients.items()] if names else []
    return Entry(
        id=appointment["id"],
        version=int(appointment["meta"]["versionId"]),
        changed=_changed(appointment),
        start=start,
        end=end,
        status=appointment["status"],
        summary=": ".join([_title(shown), *filter(None, [", ".join(filter(None, people))])]),
        place=_place(shown, known),
        zone=_zone(shown, directory),
    )


def _changed(appointment: Resource) -> datetime:
    return datetime.fromisoformat(appointment["meta"]["lastUpdated"])


def _calendars_of(appointment: Resource, directory: Directory) -> list[str]:
    said = [each for each in appointment.get("extension", ()) if each.get("url") == SCHEDULE]
    return [name for each in said if (name := directory.local(each.get("valueReference", {})))]


def _title(shown: Shown) -> str:
    said = [shown.service.title] if shown.service else []
    said += [text_of(each) for each in shown.appointment.get("serviceType", ())]
    return next((each for each in said if each), UNNAMED)


def _place(shown: Shown, known: Known) -> str | None:
    if shown.place is None:
        return None
    name, said = shown.place
    location = known.places.get(name, {})
    return ", ".join(filter(None, [said or location.get("name"), _address(location.get("address", {}))])) or None


def _address(address: Resource) -> str:
    city = " ".join(address[name] for name in ("city", "state", "postalCode") if name in address)
    return str(address.get("text") or ", ".join([*address.get("line", ()), *([city] if city else [])]))


def _name(patient: Resource | None) -> str | None:
    name: Resource = next(iter((patient or {}).get("name", ())), {})
    parts = [*name.get("given", ()), *([name["family"]] if "family" in name else [])]
    return name.get("text") or " ".join(parts) or None


def _zone(shown: Shown, directory: Directory) -> str | None:
    """Return the time zone of where a visit is given: that of its calendar, else of its service."""
    calendars = [directory.calendars.get(name) for name in _calendars_of(shown.appointment, directory)]
    said = [directory.parameters_of(calendar, shown.service).timezone for calendar in calendars if calendar]
    said += [shown.service.parameters.timezone] if shown.service else []
    return next((each for each in said if each), None)
