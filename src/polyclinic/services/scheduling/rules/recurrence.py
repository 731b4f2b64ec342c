"""R5's Appointment.recurrenceTemplate in its cross-version extension for R4: read, or refused with every fault.

Source: https://hl7.org/fhir/R5/appointment-definitions.html#Appointment.recurrenceTemplate and
https://hl7.org/fhir/uv/xver-r5.r4/0.1.0/StructureDefinition-ext-R5-Appointment.recurrenceTemplate.html
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

from polyclinic.fhir.outcome import Invalid
from polyclinic.services.scheduling.model import Recurrence
from polyclinic.services.scheduling.rules.opening_hours import WEEKDAYS
from polyclinic.services.scheduling.rules.parts import Found, Reading, split
from polyclinic.services.scheduling.rules.series import MOST
from polyclinic.services.scheduling.rules.times import edge_of, zone_of

RECURRENCE_URL = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Appointment.recurrenceTemplate"

_Each = Literal["day", "week", "month", "year"]
_TYPES: Mapping[str, _Each] = {"d": "day", "wk": "week", "mo": "month", "a": "year"}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NTH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_LONGEST_INTERVAL = 366
_PARTS: Mapping[str, tuple[str, ...]] = {
    "timezone": ("valueCodeableConcept",),
    "recurrenceType": ("valueCodeableConcept",),
    "lastOccurrenceDate": ("valueDate",),
    "occurrenceCount": ("valuePositiveInt",),
    "occurrenceDate": ("valueDate",),
    "weeklyTemplate": ("extension",),
    "monthlyTemplate": ("extension",),
    "yearlyTemplate": ("extension",),
    "excludingDate": ("valueDate",),
    "excludingRecurrenceId": ("valuePositiveInt",),
}
_REPEATED = frozenset({"occurrenceDate", "excludingDate", "excludingRecurrenceId"})
_TEMPLATES: Mapping[_Each, tuple[str, Mapping[str, tuple[str, ...]]]] = {
    "week": ("weeklyTemplate", {day: ("valueBoolean",) for day in _DAYS} | {"weekInterval": ("valuePositiveInt",)}),
    "month": (
        "monthlyTemplate",
        {
            "dayOfMonth": ("valuePositiveInt",),
            "nthWeekOfMonth": ("valueCoding",),
            "dayOfWeek": ("valueCoding",),
            "monthInterval": ("valuePositiveInt",),
        },
    ),
    "year": ("yearlyTemplate", {"yearInterval": ("valuePositiveInt",)}),
}
_Parts = Mapping[str, Sequence[Found]]


def recurrence_of(appointment: dict[str, Any]) -> Recurrence | None:
    """Return how the series of a valid R4 Appointment goes on, None without the extension.

    Refuses: ``Invalid`` with every issue.
    """
    every = enumerate(appointment.get("extension", ()))
    found = [Found(e, f"Appointment.extension[{i}]") for i, e in every if e.get("url") == RECURRENCE_URL]
    if not found:
        return None
    reading = Reading()
    for again in found[1:]:
        reading.refuse("an appointment has one recurrenceTemplate at most", again.at, code="structure")
    parts = split(found[0], _PARTS, _REPEATED, reading)
    each = _type(parts, found[0].at, reading)
    template = _template(each, parts, reading)
    recurrence = Recurrence(each or "day", **_template_of(template, reading), **_bounds_of(parts, reading))
    _check_end(recurrence, parts, found[0].at, reading)
    if reading.issues:
        raise Invalid(issues=reading.issues)
    return recurrence


def _type(parts: _Parts, at: str, reading: Reading) -> _Each | None:
    if "recurrenceType" not in parts:
        reading.refuse("recurrenceType says whether it recurs by day, week, month or year", at, code="required")
        return None
    found = parts["recurrenceType"][0]
    each = next((_TYPES[code] for code in _codes(found) if code in _TYPES), None)
    if each is None:
        reading.refuse(f"recurrenceType is one of {', '.join(_TYPES)} of UCUM", found.at)
    return each


def _codes(found: Found) -> list[str]:
    return [coding["code"] for coding in found.value.get("coding", ()) if "code" in coding]


def _template(each: _Each | None, parts: _Parts, reading: Reading) -> _Parts:
    """Return the parts of the template of ``each``; a template of another kind, or beside dates, is refused."""
    own: _Parts = {}
    for kind, (name, known) in _TEMPLATES.items():
        if name not in parts:
            continue
        found = parts[name][0]
        if "occurrenceDate" in parts:
            reading.refuse(f"a series has dates or a {name}, not both", found.at, code="business-rule")
        elif each is not None and kind != each:
            reading.refuse(f"it recurs by {each}, so it has no {name}", found.at, code="business-rule")
        else:
            own = split(found, known, frozenset(), reading)
    return own


def _template_of(template: _Parts, reading: Reading) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name in ("weekInterval", "monthInterval", "yearInterval"):
        if name in template:
            said["interval"] = _number(template[name][0], _LONGEST_INTERVAL, reading)
    said["weekdays"] = frozenset(index for index, day in enumerate(_DAYS) if day in template and template[day][0].value)
    if "dayOfMonth" in template:
        said["day_of_month"] = _number(template["dayOfMonth"][0], 31, reading)
    _read_nth_weekday(template, said, reading)
    return said


def _read_nth_weekday(template: _Parts, said: dict[str, Any], reading: Reading) -> None:
    pair = [template[name][0] for name in ("nthWeekOfMonth", "dayOfWeek") if name in template]
    if len(pair) == 1:
        reading.refuse("nthWeekOfMonth and dayOfWeek are said together", pair[0].at, code="business-rule")
    if len(pair) < 2:
        return
    if "dayOfMonth" in template:
        reading.refuse("it is on a day of the month or on a weekday, not both", pair[0].at, code="business-rule")
    said["nth"] = _coded(pair[0], _NTH, reading)
    said["weekday"] = _coded(pair[1], {day: index for index, day in enumerate(WEEKDAYS)}, reading)


def _coded(found: Found, known: Mapping[str, int], reading: Reading) -> int | None:
    code = found.value.get("code")
    if code not in known:
        reading.refuse(f"its code is one of {', '.join(known)}", found.at)
    return known.get(code)


def _number(found: Found, most: int, reading: Reading) -> int:
    if found.value > most:
        reading.refuse(f"it is {found.value}; it goes to {most}", found.at)
    return int(found.value)


def _bounds_of(parts: _Parts, reading: Reading) -> dict[str, Any]:
    last = _dates("lastOccurrenceDate", parts, reading, last=True)
    count = parts.get("occurrenceCount")
    return {
        "timezone": _timezone(parts, reading),
        "dates": tuple(_dates("occurrenceDate", parts, reading)),
        "until": last[0] if last else None,
        "count": _number(count[0], MOST, reading) if count else None,
        "excluded_days": frozenset(_dates("excludingDate", parts, reading)),
        "excluded_numbers": frozenset(int(found.value) for found in parts.get("excludingRecurrenceId", ())),
    }


def _timezone(parts: _Parts, reading: Reading) -> str | None:
    if "timezone" not in parts:
        return None
    found = parts["timezone"][0]
    name = next((code for code in _codes(found) if zone_of(code)), None)
    if name is None:
        reading.refuse("it has no code that is a time zone of the IANA database", found.at)
    return name


def _dates(name: str, parts: _Parts, reading: Reading, *, last: bool = False) -> list[date]:
    found: list[date] = []
    for each in parts.get(name, ()):
        if len(each.value) < 10 and not last:
            reading.refuse(f"{name} is a whole date", each.at)
            continue
        try:
            day = edge_of(each.value, last=last)
        except ValueError:
            reading.refuse("no calendar has this date", each.at)
            continue
        if isinstance(day, date):
            found.append(day)
    return found


def _check_end(recurrence: Recurrence, parts: _Parts, at: str, reading: Reading) -> None:
    if len(recurrence.dates) >= MOST:
        reading.refuse(f"a series has {MOST} visits at most", parts["occurrenceDate"][-1].at, code="too-costly")
    if not {"occurrenceCount", "lastOccurrenceDate", "occurrenceDate"} & parts.keys():
        sentence = "a series ends: with an occurrenceCount, a lastOccurrenceDate or dates"
        reading.refuse(sentence, at, code="required")
