"""The parts of the scheduling-parameters extension: what each is called, what it holds and what it may say.

Resources are valid R4 already: what is judged here is only what the rules of scheduling add.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from polyclinic.fhir.outcome import Issue
from polyclinic.services.scheduling.model import PARAMETERS_URL, Parameters
from polyclinic.services.scheduling.rules.times import DAY, zone_of

MINUTE, HOUR = 60, 3600
_UNITS = {"s": 1, "min": MINUTE, "h": HOUR, "d": DAY, "wk": 7 * DAY}
_UCUM = "http://unitsofmeasure.org"
_YEARS = 3660 * DAY


class Found(NamedTuple):
    """A value of the extension and the FHIRPath of where it stands."""

    value: Any
    at: str


@dataclass(slots=True)
class Reading:
    """The issues that come up while a resource is read."""

    issues: list[Issue] = field(default_factory=list)

    def refuse(self, sentence: str, at: str, *, code: str = "value") -> None:
        """Note what is wrong with the element ``at``."""
        self.issues.append(Issue(code, sentence, at))


class Bounds(NamedTuple):
    """Which field of ``Parameters`` a part fills, and from where to where it may go, both included."""

    field: str
    low: int
    high: int


DURATIONS = {
    "duration": Bounds("duration", MINUTE, DAY),
    "bufferBefore": Bounds("buffer_before", 0, 7 * DAY),
    "bufferAfter": Bounds("buffer_after", 0, 7 * DAY),
    "alignmentInterval": Bounds("alignment_interval", MINUTE, DAY),
    "alignmentOffset": Bounds("alignment_offset", 0, DAY - MINUTE),
    "minimumNotice": Bounds("minimum_notice", 0, _YEARS),
    "bookingHorizon": Bounds("booking_horizon", MINUTE, _YEARS),
    "cancellationNotice": Bounds("cancellation_notice", 0, _YEARS),
    "offerWindow": Bounds("offer_window", MINUTE, 7 * DAY),
}
NUMBERS = {
    "capacity": (Bounds("capacity", 1, 10_000), "valuePositiveInt"),
    "overbook": (Bounds("overbook", 0, 10_000), "valueUnsignedInt"),
    "mostPerDay": (Bounds("most_per_day", 1, 10_000), "valuePositiveInt"),
    "offersAtOnce": (Bounds("offers_at_once", 1, 20), "valuePositiveInt"),
    "offerTries": (Bounds("offer_tries", 1, 1000), "valuePositiveInt"),
}
_ELEMENTS: Mapping[str, tuple[str, ...]] = {
    "timezone": ("valueCode",),
    **{name: ("valueDuration",) for name in DURATIONS},
    **{name: (element,) for name, (_, element) in NUMBERS.items()},
    "service": ("valueReference",),
    "jurisdiction": ("valueCodeableConcept",),
    "kind": ("valueCodeableConcept",),
    "needs": ("valueCodeableConcept",),
    "publish": ("valueBoolean",),
    "availableTime": ("extension",),
    "notAvailable": ("valuePeriod", "valueDate"),
}
_REPEATED = frozenset({"service", "jurisdiction", "needs", "availableTime", "notAvailable"})
_ONLY_OF = {"Schedule": ("service", "jurisdiction", "kind"), "HealthcareService": ("needs", "publish")}
_WINDOW: Mapping[str, tuple[str, ...]] = {
    "daysOfWeek": ("valueCode",),
    "allDay": ("valueBoolean",),
    "availableStartTime": ("valueTime",),
    "availableEndTime": ("valueTime",),
}


def parts_of(resource: dict[str, Any], reading: Reading) -> dict[str, list[Found]]:
    """Return the parts of the resource's scheduling-parameters by name, empty without the extension."""
    kind = resource["resourceType"]
    extensions = [(i, e) for i, e in enumerate(resource.get("extension", ())) if e.get("url") == PARAMETERS_URL]
    for index, _ in extensions[1:]:
        reading.refuse("scheduling-parameters are said twice", f"{kind}.extension[{index}]", code="structure")
    if not extensions:
        return {}
    at = f"{kind}.extension[{extensions[0][0]}]"
    found = split(Found(extensions[0][1], at), _ELEMENTS, _REPEATED, reading)
    for only, names in _ONLY_OF.items():
        for name in names if only != kind else ():
            if name in found:
                reading.refuse(f"{name} can only be said of a {only}", found.pop(name)[0].at, code="structure")
    return found


def window_parts(window: Found, reading: Reading) -> dict[str, list[Found]]:
    """Return the parts of one availableTime by name."""
    return split(window, _WINDOW, frozenset({"daysOfWeek"}), reading)


def split(
    whole: Found, known: Mapping[str, Sequence[str]], repeated: frozenset[str], reading: Reading
) -> dict[str, list[Found]]:
    """Return the parts of an extension by name; ``known`` says as which elements each part may be said.

    Of a part that has parts itself, the value is the part. What is unknown, misshapen or said too often is refused.
    """
    found: dict[str, list[Found]] = {}
    for index, part in enumerate(whole.value.get("extension", ())):
        at = f"{whole.at}.extension[{index}]"
        name = part.get("url")
        elements = known.get(name)
        if elements is None:
            reading.refuse(f"there is no part {name!r}, only {', '.join(known)}", at, code="extension")
            continue
        element = next((each for each in elements if each in part), None)
        if element is None:
            reading.refuse(f"{name} is said as {' or '.join(elements)}", at, code="structure")
        elif name in found and name not in repeated:
            reading.refuse(f"{name} is said twice", at, code="structure")
        else:
            value = Found(part, at) if element == "extension" else Found(part[element], f"{at}.value")
            found.setdefault(name, []).append(value)
    return found


def parameters_of(parts: Mapping[str, Sequence[Found]], reading: Reading) -> Parameters:
    """Return what ``parts`` say of how visits are given."""
    said: dict[str, Any] = {}
    if "timezone" in parts:
        said["timezone"] = _timezone(parts["timezone"][0], reading)
    for name, bounds in DURATIONS.items():
        if name in parts:
            said[bounds.field] = seconds_of(name, parts[name][0], bounds, reading)
    for name, (bounds, _) in NUMBERS.items():
        if name in parts:
            said[bounds.field] = _bounded(name, parts[name][0], bounds, reading)
    _check_offset(said, parts, reading)
    return Parameters(**said)


def _timezone(found: Found, reading: Reading) -> str | None:
    if zone_of(found.value) is not None:
        return str(found.value)
    reading.refuse(f"{found.value[:64]!r} is no time zone of the IANA database", found.at)
    return None


def seconds_of(name: str, found: Found, bounds: Bounds, reading: Reading) -> int | None:
    """Return the seconds of a Duration that is within ``bounds``; None where it is refused."""
    factor = _UNITS.get(found.value.get("code"))
    if (
        factor is None
        or found.value.get("system") != _UCUM
        or "value" not in found.value
        or "comparator" in found.value
    ):
        reading.refuse(f"{name} is a value in {', '.join(_UNITS)} of {_UCUM}, without comparator", found.at)
        return None
    value = found.value["value"]
    if not -_YEARS <= value <= _YEARS:
        reading.refuse(f"{name} is out of reach", found.at)
        return None
    seconds = value * factor
    if seconds != int(seconds):
        reading.refuse(f"{name} is no whole number of seconds", found.at)
        return None
    return _bounded(name, Found(int(seconds), found.at), bounds, reading, unit=" seconds")


def _bounded(name: str, found: Found, bounds: Bounds, reading: Reading, *, unit: str = "") -> int | None:
    if bounds.low <= found.value <= bounds.high:
        return int(found.value)
    reading.refuse(f"{name} is {found.value}{unit}; it goes from {bounds.low} to {bounds.high}{unit}", found.at)
    return None


def _check_offset(said: Mapping[str, Any], parts: Mapping[str, Sequence[Found]], reading: Reading) -> None:
    interval, offset = said.get("alignment_interval"), said.get("alignment_offset")
    if interval and offset and offset >= interval:
        reading.refuse("alignmentOffset is not shorter than alignmentInterval", parts["alignmentOffset"][0].at)
