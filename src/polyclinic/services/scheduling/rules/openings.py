"""Openings: when a visit can be given, by which calendars together, in order of time.

Worked out day by day and only as far as somebody reads on. Of each leading calendar and start there is one opening;
every other role is filled with the first calendar of its preference that is free and shares no actor.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from itertools import chain

from polyclinic.services.scheduling.model import Calendar, Diary, Interval, Opening, Wish
from polyclinic.services.scheduling.rules.fitting import Fitting
from polyclinic.services.scheduling.rules.intervals import Intervals, intersection, meets, union
from polyclinic.services.scheduling.rules.stored import slot_openings
from polyclinic.services.scheduling.rules.terms import Terms, never, terms_of
from polyclinic.services.scheduling.rules.zones import REACH, day_of, local_day


def openings(wish: Wish, diary: Diary, between: Interval) -> Iterator[Opening]:
    """Return the openings that start in [begin, end), by start, then by preference of the leading calendar."""
    between = max(between[0], REACH.start), min(between[1], REACH.stop)
    search = _Search(wish, Fitting(diary), between, [_able(role, wish, leads=False) for role in wish.roles[1:]])
    found = [search.led_by(terms, rank) for rank, terms in enumerate(_able(wish.roles[0], wish, leads=True))]
    return (opening for _, _, opening in merge(*found, *_by_slots(search)))


def _by_slots(search: "_Search") -> Iterator[Iterator[tuple[int, int, Opening]]]:
    """Yield the openings of each leading calendar that offers stored Slots, behind all others that start then."""
    wish, slots = search.wish, search.fitting.diary.slots
    for rank, calendar in enumerate(wish.roles[0]) if slots and len(wish.roles) == 1 else ():
        terms = terms_of(calendar, wish, leads=True)
        if calendar.name in slots and not never(terms, by_slots=True):
            yield _ranked(slot_openings(terms, search.fitting, search.between), len(wish.roles[0]) + rank)


def _ranked(found: Iterator[Opening], rank: int) -> Iterator[tuple[int, int, Opening]]:
    return ((opening.start, rank, opening) for opening in found)


def _able(role: Sequence[Calendar], wish: Wish, *, leads: bool) -> list[Terms]:
    """Return the terms of those calendars of a role that give such visits at all."""
    every = (terms_of(calendar, wish, leads=leads) for calendar in role)
    return [terms for terms in every if not never(terms)]


@dataclass(frozen=True, slots=True)
class _Search:
    wish: Wish
    fitting: Fitting
    between: Interval
    helpers: list[list[Terms]]
    _starts: dict[tuple[int, int, Interval, int], Intervals] = field(default_factory=dict)

    def led_by(self, leader: Terms, rank: int) -> Iterator[tuple[int, int, Opening]]:
        """Yield the openings of a leading calendar after their start and its rank."""
        begin, end = self.between
        earliest, latest = leader.may_start(self.fitting.diary.now, leader.duration)
        begin, end = max(begin, earliest), min(end, latest)
        if begin >= end or leader.grid is None:
            return
        for day in range(day_of(leader.zone, begin), day_of(leader.zone, end - 1) + 1):
            from_, to, _ = local_day(leader.zone, day)
            within = max(begin, from_), min(end, to)
            for start in leader.grid.starts(day, self._starts_of_all(leader, within)):
                calendars = self._filled(start, within, leader.duration, (leader.calendar,))
                if calendars:
                    yield start, rank, Opening(start, start + leader.duration, calendars)

    def _starts_of_all(self, leader: Terms, within: Interval) -> Intervals:
        """Return when the leader, the companions and some calendar of each other role are free."""
        duration = leader.duration
        starts = self.fitting.starts(leader, within, duration)
        for companion in self.wish.companions:
            starts = self.fitting.starts_of_companion(companion, starts, duration)
        for role, helpers in enumerate(self.helpers):
            if not starts:
                break
            every = (self._starts_of(role, index, within, duration) for index in range(len(helpers)))
            starts = intersection(starts, union(chain.from_iterable(every)))
        return starts

    def _starts_of(self, role: int, index: int, within: Interval, duration: int) -> Intervals:
        key = (role, index, within, duration)
        if key not in self._starts:
            self._starts[key] = self.fitting.starts(self.helpers[role][index], within, duration)
        return self._starts[key]

    def _filled(
        self, start: int, within: Interval, duration: int, chosen: tuple[Calendar, ...]
    ) -> tuple[Calendar, ...] | None:
        """Return ``chosen`` and one calendar for each role that is left, None if that cannot be."""
        role = len(chosen) - 1
        if role == len(self.helpers):
            return chosen
        for index, terms in enumerate(self.helpers[role]):
            if share_actors(terms.calendar, chosen) or (terms.grid is not None and not terms.grid.has(start)):
                continue
            if meets(self._starts_of(role, index, within, duration), (start, start + 1)):
                filled = self._filled(start, within, duration, (*chosen, terms.calendar))
                if filled:
                    return filled
        return None


def share_actors(calendar: Calendar, chosen: Sequence[Calendar]) -> bool:
    """Whether one of the calendar's actors is also one of those chosen already."""
    return any(actor in other.actors for other in chosen for actor in calendar.actors)
