"""The directory: every calendar and service there is, found by name and by who is on it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from polyclinic.services.scheduling.model import Calendar, Parameters, Service


@dataclass(frozen=True, slots=True)
class Directory:
    """All rules as they stood after the change with that ``number``. ``keys`` are short numbers for their names.

    ``base`` is the address below which references are our own, with a slash at its end.
    """

    base: str = ""
    number: int = 0
    keys: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[int, str] = field(default_factory=dict)
    calendars: Mapping[str, Calendar] = field(default_factory=dict)
    services: Mapping[str, Service] = field(default_factory=dict)
    by_actor: Mapping[str, tuple[Calendar, ...]] = field(default_factory=dict)

    def with_changes(self, number: int, changes: Iterable[tuple[int, str, Calendar | Service | None]]) -> "Directory":
        """Return the directory after ``changes``: key, name, and what stands (None: nothing any more)."""
        keys, names = dict(self.keys), dict(self.names)
        calendars, services = dict(self.calendars), dict(self.services)
        for key, name, stands in changes:
            keys[name], names[key] = key, name
            calendars.pop(name, None)
            services.pop(name, None)
            if isinstance(stands, Calendar):
                calendars[name] = stands
            elif isinstance(stands, Service):
                services[name] = stands
        return Directory(self.base, number, keys, names, calendars, services, _by_actor(calendars.values()))

    def local(self, element: Mapping[str, Any]) -> str | None:
        """Return what a Reference refers to, such as Practitioner/7, without our base and without a version."""
        said = element.get("reference")
        if not isinstance(said, str):
            return None
        return self.locals([said])[0]

    def locals(self, references: Iterable[str]) -> tuple[str, ...]:
        """Return references without our base and without versions."""
        return tuple(each.partition("/_history/")[0].removeprefix(self.base) for each in references)

    def service_of(self, calendar: Calendar) -> Service:
        """Return the first service that a calendar gives visits of; one without rules where it names none."""
        found = (self.services[name] for name in calendar.services if name in self.services)
        return next(found, Service(name=""))

    def parameters_of(self, calendar: Calendar, service: Service | None = None) -> Parameters:
        """Return how visits are given from ``calendar``: as it says, else as the service says."""
        return calendar.parameters.over((service or self.service_of(calendar)).parameters)

    def calendar_for(self, actor: str, service: Service | None) -> Calendar | None:
        """Return the calendar by which ``actor`` gives visits of ``service``, any of theirs if none offers it."""
        of_actor = self.by_actor.get(actor, ())
        if service is not None:
            for calendar in of_actor:
                if service.name in calendar.services:
                    return calendar
        return of_actor[0] if of_actor else None


def _by_actor(calendars: Iterable[Calendar]) -> dict[str, tuple[Calendar, ...]]:
    found: dict[str, tuple[Calendar, ...]] = {}
    for calendar in sorted(calendars, key=lambda each: (not each.active, each.name)):
        for actor in calendar.actors:
            found[actor] = (*found.get(actor, ()), calendar)
    return found
