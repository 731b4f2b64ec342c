"""What $find is asked with: parameters as what is looked for, and what has to be asked of records before.

Source: IHE ITI Scheduling 1.0, ITI-115 (https://profiles.ihe.net/ITI/Scheduling/ITI-115.html)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from polyclinic.fhir.outcome import Invalid, Issue, Unacceptable
from polyclinic.kit.rest.operations.model import Arguments
from polyclinic.kit.rest.written import validated
from polyclinic.services.scheduling.actions.surroundings import Surroundings
from polyclinic.services.scheduling.api import parameters as read
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.seeking import Seek, check_between
from polyclinic.services.scheduling.rules.timing import Times, times_wished

_NAMES = {"practitioner": "actors", "service-type-reference": "services", "schedule": "schedules"}


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for, at which ``times``, and what is to be told of the search itself."""

    seek: Seek
    times: Times
    told: tuple[Issue, ...] = ()


def sought(given: Arguments, base: str) -> Sought:
    """Return what is looked for. Refuses: ``Unacceptable``, ``NotSupported``."""
    start, end = read.instant(given, "start"), read.instant(given, "end", last=True)
    if start is None or end is None:
        raise Unacceptable("$find needs start and end", at="start" if start is None else "end")
    check_between((start, end))
    times = _times(given)
    named: Mapping[str, Any] = {field: read.references(given, name, base) for name, field in _NAMES.items()}
    seek = Seek(
        (start, end),
        **named,
        places=read.references(given, "location-reference", base) or None,
        organizations=read.references(given, "organization", base) or None,
        types=read.codes(given, "visit-type"),
        specialties=read.codes(given, "specialty"),
        patients=read.references(given, "patient-reference", base),
        duration=times.duration,
        overbook=read.truth(given, "overbook"),
        but=read.references(given, "ignore-appointment", base),
    )
    return Sought(seek, times)


async def asked_around(
    found: Sought, given: Arguments, surroundings: Surroundings, directory: Directory, now: datetime
) -> Sought:
    """Return what is looked for with what records knows of it: places by their names, and where patients live.

    Refuses: ``Unavailable`` where places are not known, ``Invalid`` for what is no Patient.
    """
    seek = found.seek
    patients = [_patient(each) for each in given.given if each["name"] == "patient-resource"]
    where, told = await surroundings.jurisdictions(seek.patients, patients, directory, now.date())
    texts = dict.fromkeys(text for name, text in _texts(given) if name == "location-string")
    places = [place for text in texts for place in await surroundings.places(text)]
    if texts:
        seek = replace(seek, places=_both(seek.places, tuple(dict.fromkeys(places))))
    return replace(found, seek=replace(seek, jurisdictions=where), told=tuple(told))


def _both(asked: tuple[str, ...] | None, named: tuple[str, ...]) -> tuple[str, ...]:
    return named if asked is None else tuple(place for place in asked if place in named)


def _texts(given: Arguments) -> list[tuple[str, str]]:
    texts = [(each["name"], each.get("valueString")) for each in given.given]
    for name, text in texts:
        if name == "location-string" and not (text and text.strip()):
            raise Unacceptable("location-string is a text", at=name)
    return [(name, text) for name, text in texts if text is not None]


def _patient(parameter: Mapping[str, Any]) -> dict[str, Any]:
    resource = parameter.get("resource")
    if type(resource) is not dict or resource.get("resourceType") != "Patient":
        raise Invalid("patient-resource holds a Patient", at="patient-resource")
    validated(resource)
    return resource


def _times(given: Arguments) -> Times:
    found = given.one("timing")
    if found is None:
        return Times()
    if "valueTiming" not in found:
        raise Unacceptable("timing is a Timing", at="timing")
    return times_wished(found["valueTiming"])
