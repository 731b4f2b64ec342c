"""Opening hours as FHIR writes them: the extension's and HealthcareService's availableTime and notAvailable.

Source: https://hl7.org/fhir/R4/healthcareservice-definitions.html#HealthcareService.availableTime
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from polyclinic.services.scheduling.model import Hours, Stretch, Window
from polyclinic.services.scheduling.rules.parts import Found, Reading, window_parts
from polyclinic.services.scheduling.rules.times import DAY, clock_of, closing_clock_of, stretch_of

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def hours_of(parts: Mapping[str, Sequence[Found]], reading: Reading) -> Hours:
    """Return the opening hours that the parts of the extension say."""
    windows = (_window(window_parts(found, reading), reading) for found in parts.get("availableTime", ()))
    closures = (_closure(found, reading) for found in parts.get("notAvailable", ()))
    return Hours(_present(windows), _present(closures))


def native_hours_of(resource: dict[str, Any], reading: Reading) -> Hours:
    """Return the opening hours of a HealthcareService's own elements.

    A notAvailable without ``during`` is a sentence for people: nothing can be reckoned with it.
    """
    windows = (
        _window(_elements(each, f"HealthcareService.availableTime[{index}]"), reading)
        for index, each in enumerate(resource.get("availableTime", ()))
    )
    closures = (
        _closure(Found(each["during"], f"HealthcareService.notAvailable[{index}].during"), reading)
        for index, each in enumerate(resource.get("notAvailable", ()))
        if "during" in each
    )
    return Hours(_present(windows), _present(closures))


def _present(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(each for each in found if each is not None)


def _elements(window: dict[str, Any], at: str) -> dict[str, list[Found]]:
    found = {name: [Found(value, f"{at}.{name}")] for name, value in window.items() if name != "daysOfWeek"}
    days = window.get("daysOfWeek", ())
    return {**found, "daysOfWeek": [Found(day, f"{at}.daysOfWeek[{index}]") for index, day in enumerate(days)]}


def _window(parts: Mapping[str, Sequence[Found]], reading: Reading) -> Window | None:
    """Return one weekly window; without days it is of every day, without times or with allDay of all of it.

    An end at or before the start crosses midnight.
    """
    weekdays = frozenset(_weekday(found, reading) for found in parts.get("daysOfWeek", ())) or frozenset(range(7))
    if _first(parts, "allDay"):
        return Window(weekdays, 0, DAY)
    try:
        begin = clock_of(_first(parts, "availableStartTime") or "00:00:00")
        end = closing_clock_of(_first(parts, "availableEndTime") or "00:00:00")
    except ValueError:
        reading.refuse("it has a time that no clock shows", _place(parts))
        return None
    return Window(weekdays, begin, end if end > begin else end + DAY)


def _first(parts: Mapping[str, Sequence[Found]], name: str) -> Any:
    return parts[name][0].value if name in parts else None


def _place(parts: Mapping[str, Sequence[Found]]) -> str:
    return next(parts[name][0].at for name in ("availableStartTime", "availableEndTime") if name in parts)


def _weekday(found: Found, reading: Reading) -> int:
    if found.value in WEEKDAYS:
        return WEEKDAYS.index(found.value)
    reading.refuse(f"{found.value!r} is no day of the week: {', '.join(WEEKDAYS)}", found.at)
    return 0


def _closure(found: Found, reading: Reading) -> Stretch | None:
    try:
        if type(found.value) is str:
            return _whole_days(found.value)
        if found.value.keys() & {"start", "end"}:
            return stretch_of(found.value)
        raise ValueError("it neither starts nor ends")
    except ValueError as error:
        reading.refuse(f"it is no stretch of time: {error}", found.at)
        return None


def _whole_days(text: str) -> Stretch:
    day = stretch_of({"start": text, "end": text})
    assert isinstance(day.begin, date)
    return day
