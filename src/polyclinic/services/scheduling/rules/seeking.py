"""Seeking: which services and calendars a search for openings means, and what it may ask.

Source of the parameters: IHE ITI Scheduling 1.0, ITI-115 (https://profiles.ihe.net/ITI/Scheduling/ITI-115.html)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.services.scheduling.model import Calendar, Code, Interval, Service, Wish
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.stored import offers_slots

LONGEST = 31 * 86_400
"""Seconds that one search for openings looks over, at most."""
NO_SERVICE = Service(name="")


@dataclass(frozen=True, slots=True)
class Seek:
    """What somebody looks for. Values of one criterion are alternatives, in order of preference.

    ``actors`` are practitioners, ``places`` Locations and ``organizations`` who provide the service (both None: they
    do not matter). ``patients`` must all be free, ``overbook``: places beyond the capacity count, ``but`` are
    Appointments whose time counts as free, ``duration`` is in seconds.
    """

    between: Interval
    services: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()
    actors: tuple[str, ...] = ()
    places: tuple[str, ...] | None = None
    organizations: tuple[str, ...] | None = None
    types: tuple[Code, ...] = ()
    specialties: tuple[Code, ...] = ()
    jurisdictions: frozenset[Code] = frozenset()
    patients: tuple[str, ...] = ()
    duration: int | None = None
    overbook: bool = False
    but: tuple[str, ...] = ()


def check_between(between: Interval) -> None:
    """Check the stretch that is looked over. Refuses: ``Unacceptable``."""
    begin, end = between
    if end <= begin:
        raise Unacceptable("'end' is not after 'start'", at="end")
    if end - begin > LONGEST:
        raise Unacceptable(f"from 'start' to 'end' are more than {LONGEST // 86_400} days; ask for less", at="end")


def wishes_of(seek: Seek, directory: Directory) -> list[Wish]:
    """Return a wish for each service that is meant. Refuses: ``Unacceptable`` for a name that stands for nothing."""
    _check_names(seek, directory)
    wishes = [_wish(service, seek, directory) for service in _services(seek, directory)]
    if not seek.services and seek.organizations is None and not any(wish.service is NO_SERVICE for wish in wishes):
        wishes.append(_of_slots(_wish(NO_SERVICE, seek, directory), frozenset(seek.types)))
    return [wish for wish in wishes if wish.roles[0]]


def _of_slots(wish: Wish, types: frozenset[Code]) -> Wish:
    """Return the wish for stored Slots: of calendars that have no rules and give visits of one of ``types``, if any."""
    leading = (each for each in wish.roles[0] if offers_slots(each, wish.service))
    return replace(wish, roles=(tuple(each for each in leading if not types or each.types & types),))


def wish_for(service: Service | None, calendars: Sequence[Calendar], seek: Seek) -> Wish:
    """Return the wish for a visit of ``service`` with just these ``calendars``, each in a role of its own."""
    return Wish(
        service or NO_SERVICE,
        tuple((calendar,) for calendar in calendars),
        companions=seek.patients,
        specialties=frozenset(seek.specialties),
        jurisdictions=seek.jurisdictions,
        duration=seek.duration,
        overbook=seek.overbook,
    )


def _check_names(seek: Seek, directory: Directory) -> None:
    for name in seek.services:
        if name not in directory.services:
            raise Unacceptable(f"there is no {name[:96]} here", at="service-type-reference")
    for name in seek.schedules:
        if name not in directory.calendars:
            raise Unacceptable(f"there is no {name[:96]} here", at="schedule")


def _services(seek: Seek, directory: Directory) -> Iterator[Service]:
    if seek.services:
        named = [directory.services[name] for name in seek.services]
    elif seek.schedules:
        leading = [directory.calendars[name] for name in seek.schedules]
        named = _offered_by(leading, directory) or [NO_SERVICE]
    else:
        named = [service for _, service in sorted(directory.services.items())]
    wanted, providers = frozenset(seek.types), seek.organizations
    typed = (service for service in named if not wanted or service.types & wanted)
    return (service for service in typed if providers is None or service.organization in providers)


def _offered_by(calendars: Sequence[Calendar], directory: Directory) -> list[Service]:
    names = dict.fromkeys(name for calendar in calendars for name in calendar.services)
    return [directory.services[name] for name in names if name in directory.services]


def _wish(service: Service, seek: Seek, directory: Directory) -> Wish:
    calendars = [directory.calendars[name] for name in seek.schedules] or sorted(
        directory.calendars.values(), key=lambda calendar: calendar.name
    )
    roles = [_leading(calendars, seek)]
    for need in service.needs:
        named = [calendar for calendar in calendars if calendar.kinds & need]
        roles.append(tuple(named or (each for each in directory.calendars.values() if each.kinds & need)))
    if seek.places is not None:
        roles = _at(seek.places, roles, service)
    return Wish(
        service,
        tuple(map(tuple, roles)),
        companions=seek.patients,
        specialties=frozenset(seek.specialties),
        jurisdictions=seek.jurisdictions,
        duration=seek.duration,
        overbook=seek.overbook,
    )


def _leading(calendars: Sequence[Calendar], seek: Seek) -> tuple[Calendar, ...]:
    """Return the calendars that can lead a visit: no room or device, and with one of the actors asked for."""
    leading = [calendar for calendar in calendars if not calendar.kinds]
    if not seek.actors:
        return tuple(leading)
    wanted = (
        next((rank for rank, actor in enumerate(seek.actors) if actor in calendar.actors), None) for calendar in leading
    )
    ranked = [(rank, calendar) for rank, calendar in zip(wanted, leading, strict=True) if rank is not None]
    return tuple(calendar for _, calendar in sorted(ranked, key=lambda pair: pair[0]))


def _at(places: tuple[str, ...], roles: Sequence[tuple[Calendar, ...]], service: Service) -> list[tuple[Calendar, ...]]:
    """Return ``roles`` as far as a visit is at one of ``places``: where the calendar is that leads, or else the room
    beside it; a calendar that names no place is where its service is given."""
    leading = [each for each in roles[0] if _place_of(each, service) & frozenset(places)]
    if leading:
        return [_preferred(leading, places), *roles[1:]]
    for number, role in enumerate(roles[1:], 1):
        if there := [each for each in role if frozenset(each.actors) & frozenset(places)]:
            return [*roles[:number], _preferred(there, places), *roles[number + 1 :]]
    return [(), *roles[1:]]


def _place_of(calendar: Calendar, service: Service) -> frozenset[str]:
    return frozenset(actor for actor in calendar.actors if actor.startswith("Location/")) or frozenset(service.places)


def _preferred(calendars: Sequence[Calendar], places: tuple[str, ...]) -> tuple[Calendar, ...]:
    def rank(calendar: Calendar) -> int:
        return next((rank for rank, place in enumerate(places) if place in calendar.actors), len(places))

    return tuple(sorted(calendars, key=rank))
