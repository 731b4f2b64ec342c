"""When a visit fits one calendar: its hours, limits and buffers, and what its actors are taken with."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from polyclinic.services.scheduling.model import Busy, Diary, Interval
from polyclinic.services.scheduling.rules.intervals import (
    Intervals,
    crowded,
    difference,
    first_ending_after,
    intersection,
    union,
)
from polyclinic.services.scheduling.rules.terms import Terms
from polyclinic.services.scheduling.rules.zones import day_of, local_day


@dataclass(frozen=True, slots=True)
class Fitting:
    """Where visits fit into ``diary``; what has been worked out once is kept."""

    diary: Diary
    _taken: dict[tuple[str, int, int], Intervals] = field(default_factory=dict)

    def starts(self, terms: Terms, within: Interval, duration: int) -> Intervals:
        """Return the instants in [begin, end) at which a visit of ``duration`` could start.

        The visit is within the opening hours; its buffers may stick out of them, but meet no occupation that takes
        the last place. The grid is not looked at.
        """
        earliest, latest = terms.may_start(self.diary.now, duration)
        begin, end = max(within[0], earliest), min(within[1], latest)
        if begin >= end:
            return []
        last = duration - 1
        hours = terms.open((begin, end + last))
        starts: Intervals = [(from_, to - last) for from_, to in hours if to - from_ > last]
        for actor in terms.taken_as:
            taken = self.taken(actor, terms.capacity, terms.extra)
            if not taken or not starts:
                continue
            starts = difference(starts, _kept_from(taken, starts, before=terms.before, after=last + terms.after))
        return difference(starts, self.full_days(terms, (begin, end)))

    def starts_of_companion(self, actor: str, starts: Intervals, duration: int) -> Intervals:
        """Return those of ``starts`` at which ``actor``, who has no calendar, is free for ``duration``."""
        taken = self.taken(actor, 1, 0)
        return difference(starts, _kept_from(taken, starts, before=0, after=duration - 1)) if starts else starts

    def taken(self, actor: str, capacity: int, extra: int) -> Intervals:
        """Return when ``actor`` can take no more of ``capacity`` visits, of which ``extra`` are overbooked ones."""
        key = (actor, capacity, extra)
        if key not in self._taken:
            self._taken[key] = full(self.diary.busy.get(actor, ()), capacity, extra=extra)
        return self._taken[key]

    def full_days(self, terms: Terms, within: Interval) -> list[Interval]:
        """Return the local days, of those that [begin, end) touches, on which no more visits may start."""
        most = terms.parameters.most_per_day
        if most is None:
            return []
        days = range(day_of(terms.zone, within[0]), day_of(terms.zone, within[1] - 1) + 1)
        name, counts = terms.calendar.name, self.diary.counts
        full = (day for day in days if counts.get((name, date.fromordinal(day)), 0) >= most)
        return union(local_day(terms.zone, day)[:2] for day in full)


def full(busy: Sequence[Busy], capacity: int, *, extra: int = 0) -> list[Interval]:
    """Return when no more of ``capacity`` visits can be taken.

    An occupation given under a lower limit keeps it while it lasts, raised by ``extra`` overbooked visits, but for 0,
    which closes for all.
    """
    spans = [(each.begin, each.end) for each in busy]
    taken = crowded(spans, capacity)
    if capacity > 1:
        taken = union([*taken, *((each.begin, each.end) for each in busy if each.limit == 0)])
    for limit in {each.limit + extra for each in busy if each.limit} if capacity > 1 else ():
        if limit < capacity:
            keeping = union((e.begin, e.end) for e in busy if e.limit and e.limit + extra == limit)
            taken = union([*taken, *intersection(crowded(spans, limit), keeping)])
    return taken


def _kept_from(taken: Intervals, starts: Intervals, *, before: int, after: int) -> list[Interval]:
    """Return where no visit may start that takes its actor from ``before`` its start to ``after`` it, both included.

    Only what matters to ``starts``. Neighbours may overlap; begins and ends are both in order.
    """
    low, high = starts[0][0] - before, starts[-1][1] + after
    kept: list[Interval] = []
    for index in range(first_ending_after(taken, low), len(taken)):
        begin, end = taken[index]
        if begin >= high:
            break
        kept.append((begin - after, end + before))
    return kept
