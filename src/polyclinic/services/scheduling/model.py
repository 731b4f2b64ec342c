"""The words of scheduling: when somebody is open, what a visit asks for, and what is taken.

Instants are whole seconds since 1970 UTC, lengths of time whole seconds; intervals are half-open, [begin, end).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Literal, TypeAlias

Interval: TypeAlias = tuple[int, int]
"""[begin, end), two instants."""

Code: TypeAlias = tuple[str, str]
"""System (empty where there is none) and code."""

Edge: TypeAlias = int | date | None
"""One end of a stretch: an instant, a local day, or open."""

PARAMETERS_URL = "urn:polyclinic:extension:scheduling-parameters"
"""The extension of Schedule and HealthcareService that says the rules."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How visits are given; what is None is not said.

    ``timezone`` is an IANA name. ``capacity`` is how many visits an actor takes at a time, ``overbook`` how many more
    where overbooking is asked for, ``most_per_day`` how many may start on one local day. All others are seconds:
    ``minimum_notice`` and ``booking_horizon`` from now to a start, ``cancellation_notice`` from a cancellation to it.
    Time that becomes free is offered to ``offers_at_once`` of those who wait, for the seconds of ``offer_window``, and
    after that to the next, ``offer_tries`` times at most.
    """

    timezone: str | None = None
    duration: int | None = None
    buffer_before: int | None = None
    buffer_after: int | None = None
    alignment_interval: int | None = None
    alignment_offset: int | None = None
    capacity: int | None = None
    overbook: int | None = None
    minimum_notice: int | None = None
    booking_horizon: int | None = None
    cancellation_notice: int | None = None
    most_per_day: int | None = None
    offer_window: int | None = None
    offers_at_once: int | None = None
    offer_tries: int | None = None

    def over(self, defaults: "Parameters") -> "Parameters":
        """Return these parameters, and what they do not say as ``defaults`` say it."""
        said = {name: getattr(self, name) for name in _PARAMETERS}
        return Parameters(**{k: getattr(defaults, k) if value is None else value for k, value in said.items()})


_PARAMETERS = tuple(each.name for each in fields(Parameters))


@dataclass(frozen=True, slots=True)
class Window:
    """Open on these ``weekdays`` (Monday is 0), from ``begin`` to ``end``: seconds of wall clock after midnight.

    An ``end`` beyond 86400 is on the next day.
    """

    weekdays: frozenset[int]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """From ``begin`` to ``end``; a local day is meant whole, whichever end it is."""

    begin: Edge = None
    end: Edge = None


@dataclass(frozen=True, slots=True)
class Hours:
    """When somebody is open: in any of ``windows`` and in none of ``closures``. No windows: nothing is said of them."""

    windows: tuple[Window, ...] = ()
    closures: tuple[Stretch, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """What a HealthcareService says about its visits. ``name`` is its reference, such as HealthcareService/7.

    ``needs`` are what a visit takes beside the calendar that leads, such as a room: one calendar of each kind.
    ``title`` is what people call it, ``phone`` where they can book it, ``places`` (Locations, references) where it is
    given, ``organization`` (a reference) who provides it. ``public``: everybody may know its free times.
    """

    name: str
    parameters: Parameters = Parameters()
    hours: Hours = Hours()
    types: frozenset[Code] = frozenset()
    specialties: frozenset[Code] = frozenset()
    needs: tuple[frozenset[Code], ...] = ()
    places: tuple[str, ...] = ()
    organization: str | None = None
    active: bool = True
    title: str | None = None
    phone: str | None = None
    public: bool = False


@dataclass(frozen=True, slots=True)
class Calendar:
    """What a Schedule says: who (``actors``, references) gives visits of which ``services``, and when.

    ``name`` is its reference, such as Schedule/7. ``services`` are references; with none, ``types`` say what is
    offered. ``jurisdictions`` are where its clinician is licensed; none: it does not matter. ``kinds`` say what it is
    where it does not lead a visit, such as a room.
    """

    name: str
    actors: tuple[str, ...]
    parameters: Parameters = Parameters()
    hours: Hours = Hours()
    horizon: Stretch = Stretch()
    services: tuple[str, ...] = ()
    types: frozenset[Code] = frozenset()
    specialties: frozenset[Code] = frozenset()
    jurisdictions: frozenset[Code] = frozenset()
    kinds: frozenset[Code] = frozenset()
    active: bool = True


@dataclass(frozen=True, slots=True)
class Busy:
    """One occupation of an actor, buffers included, in its ``lane``.

    ``limit`` is the capacity under which it was given: while it lasts, no more than that may overlap. 0 closes the
    actor to everybody.
    """

    begin: int
    end: int
    lane: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """A visit of ``service`` with one calendar of each of ``roles``; calendars of a role come in order of preference.

    The first role leads: its calendar says how long the visit lasts. ``companions`` are actors without a calendar who
    must be free as well, such as the patient. ``specialties``: one of them, if any. ``jurisdictions``: where the
    patient is. ``duration`` is how long the visit is asked to be; the rules go before it. ``overbook``: places beyond
    the capacity count.
    """

    service: Service
    roles: tuple[tuple[Calendar, ...], ...]
    companions: tuple[str, ...] = ()
    specialties: frozenset[Code] = frozenset()
    jurisdictions: frozenset[Code] = frozenset()
    duration: int | None = None
    overbook: bool = False


@dataclass(frozen=True, slots=True)
class Diary:
    """What is taken already, and what time it is.

    ``busy`` is by actor, in any order; ``counts`` is how many visits start by calendar (its name) and local day;
    ``slots`` are free Slots by calendar, for those without rules: begin, end and reference, in order.
    """

    now: int
    busy: Mapping[str, Sequence[Busy]] = field(default_factory=dict)
    counts: Mapping[tuple[str, date], int] = field(default_factory=dict)
    slots: Mapping[str, Sequence[tuple[int, int, str]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opening:
    """A visit that can be given: [start, end) without buffers, with one calendar for each role.

    ``slots`` are the stored Slots that it takes, if any.
    """

    start: int
    end: int
    calendars: tuple[Calendar, ...]
    slots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Recurrence:
    """How a series goes on after its first visit, at the same wall clock: every so many (``interval``) of ``each``.

    ``timezone`` is an IANA name. Of a week, ``weekdays`` are meant (Monday is 0), of a month its ``day_of_month`` or
    its ``nth`` ``weekday`` (-1 is the last); what is not said is as with the first visit. ``dates`` are all days there
    are, and no pattern then. It ends after ``until`` and after ``count`` visits, whichever comes first. Those excluded,
    by day or by number (the first visit is 1), are counted and not held.
    """

    each: Literal["day", "week", "month", "year"]
    interval: int = 1
    timezone: str | None = None
    weekdays: frozenset[int] = frozenset()
    day_of_month: int | None = None
    nth: int | None = None
    weekday: int | None = None
    dates: tuple[date, ...] = ()
    until: date | None = None
    count: int | None = None
    excluded_days: frozenset[date] = frozenset()
    excluded_numbers: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One visit of a series: its ``number`` from 1, its local ``day``, and its start.

    ``start`` is None where the clock skips that time on that day.
    """

    number: int
    day: date
    start: int | None


@dataclass(frozen=True, slots=True)
class Feed:
    """A calendar feed: the visits of ``subject`` (a Schedule or a Patient), with patients' ``names`` or not.

    ``key`` is 0 until it is kept.
    """

    subject: str
    names: bool
    made: datetime
    key: int = 0
