"""Stored Slots: what a Schedule without rules offers, as other servers do.

Such a Schedule has no scheduling-parameters: nobody knows how long its visits are, nor when it is open. What is offered
are those of its Slots that are free, each whole, as visits of no service in particular.
Source: https://hl7.org/fhir/R4/slot.html
"""

from collections.abc import Iterator

from polyclinic.services.scheduling.model import Calendar, Diary, Hours, Interval, Opening, Parameters, Service
from polyclinic.services.scheduling.rules.fitting import Fitting
from polyclinic.services.scheduling.rules.intervals import meets
from polyclinic.services.scheduling.rules.terms import Terms


def offers_slots(calendar: Calendar, service: Service) -> bool:
    """Whether stored Slots are what the calendar offers of the service."""
    bare = calendar.parameters == Parameters() and calendar.hours == Hours()
    return bare and not service.name and not calendar.services and not calendar.kinds


def slot_of(calendar: Calendar, diary: Diary, visit: Interval) -> str | None:
    """Return the free Slot (its reference) that is just that long, None without one."""
    return next((slot for begin, end, slot in diary.slots.get(calendar.name, ()) if (begin, end) == visit), None)


def slot_openings(terms: Terms, fitting: Fitting, within: Interval) -> Iterator[Opening]:
    """Yield the free Slots that start in [begin, end) and whose time nobody has, in order of time."""
    for begin, end, slot in fitting.diary.slots.get(terms.calendar.name, ()):
        earliest, latest = terms.may_start(fitting.diary.now, end - begin)
        in_time = max(within[0], earliest) <= begin < min(within[1], latest)
        if in_time and terms.wish.duration in (None, end - begin) and _is_free(terms, fitting, (begin, end)):
            yield Opening(begin, end, (terms.calendar,), (slot,))


def _is_free(terms: Terms, fitting: Fitting, visit: Interval) -> bool:
    everybody = (*terms.taken_as, *terms.wish.companions)
    return not any(meets(fitting.taken(actor, 1, 0), visit) for actor in everybody)
