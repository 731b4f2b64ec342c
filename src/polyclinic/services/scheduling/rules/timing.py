"""Timing as a wish: on which days, at which times of day, within which period a visit may be.

Only what can be judged exactly of each opening is read; how often something is repeated is not a wish for one visit.
Source: https://hl7.org/fhir/R4/datatypes.html#Timing
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.services.scheduling.model import Opening, Service, Stretch
from polyclinic.services.scheduling.rules.opening_hours import WEEKDAYS
from polyclinic.services.scheduling.rules.times import clock_of, edge_of, stretch_of, zone_of
from polyclinic.services.scheduling.rules.zones import clock_at, day_of, span_of

_READ = frozenset({"dayOfWeek", "timeOfDay", "boundsPeriod", "duration", "durationUnit"})
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Times:
    """When a visit is wished: it starts at one of ``events`` (instants or local days), on one of ``weekdays`` (Monday
    is 0), at one of ``clocks`` (seconds after midnight), and lies ``within``. What is None does not matter.

    ``duration`` is in seconds.
    """

    events: frozenset[int | date] | None = None
    weekdays: frozenset[int] | None = None
    clocks: frozenset[int] | None = None
    within: Stretch | None = None
    duration: int | None = None

    def suit(self, opening: Opening, service: Service) -> bool:
        """Whether an opening is wished, by the clock of its leading calendar; one without a clock suits no wish."""
        if (self.events, self.weekdays, self.clocks, self.within) == (None, None, None, None):
            return True
        zone = zone_of(opening.calendars[0].parameters.timezone or service.parameters.timezone or "")
        if zone is None:
            return False
        day, (clock, _) = date.fromordinal(day_of(zone, opening.start)), clock_at(zone, opening.start)
        begin, end = span_of(self.within or Stretch(), zone)
        return (
            (self.events is None or bool(self.events & {opening.start, day}))
            and (self.weekdays is None or day.weekday() in self.weekdays)
            and (self.clocks is None or clock in self.clocks)
            and begin <= opening.start
            and opening.end <= end
        )


def times_wished(timing: dict[str, Any]) -> Times:
    """Return what a valid R4 Timing wishes. Refuses: ``NotSupported``, ``Unacceptable``, both naming the element."""
    repeat = timing.get("repeat", {})
    for name in sorted(timing.keys() & {"code"}):
        raise NotSupported("a code of timing is not supported", at=f"timing.{name}")
    for name in sorted(repeat.keys() - _READ):
        raise NotSupported(f"{name} of timing is not supported: only {', '.join(sorted(_READ))}", at=f"timing.{name}")
    try:
        return Times(
            _set(edge_of(each, last=False) for each in timing.get("event", ())),
            _set(WEEKDAYS.index(each) for each in repeat.get("dayOfWeek", ())),
            _set(clock_of(each) for each in repeat.get("timeOfDay", ())),
            stretch_of(repeat["boundsPeriod"]) if "boundsPeriod" in repeat else None,
            _duration(repeat),
        )
    except ValueError as error:
        raise Unacceptable("timing names a time that there is not", at="timing") from error


def _set(found: Iterable[Any]) -> frozenset[Any] | None:
    return frozenset(found) or None


def _duration(repeat: dict[str, Any]) -> int | None:
    if "duration" not in repeat:
        return None
    factor = _UNITS.get(repeat["durationUnit"])
    seconds = repeat["duration"] * (factor or 0)
    if factor is None or not 0 < seconds <= _UNITS["d"] or seconds != int(seconds):
        raise Unacceptable("a visit lasts up to a day, in s, min, h or d", at="timing.duration")
    return int(seconds)
