"""The grid of starts: every so many minutes by the wall clock, counted from local midnight.

A time that the zone skips is never a start; one that comes twice is a start once, the first time. Every day begins
a grid of its own, so a change of the clock shifts nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from polyclinic.services.scheduling.rules.intervals import Intervals, clip, meets
from polyclinic.services.scheduling.rules.times import DAY
from polyclinic.services.scheduling.rules.zones import clock_at, local_day, moment


@dataclass(frozen=True, slots=True)
class Grid:
    """Starts every ``interval`` seconds of wall clock in ``zone``, the first ``offset`` after midnight."""

    zone: ZoneInfo
    interval: int
    offset: int = 0

    def starts(self, day: int, within: Intervals) -> Iterator[int]:
        """Yield the starts of local day ``day`` (an ordinal) that are in ``within``, in order."""
        begin, end, is_even = local_day(self.zone, day)
        if is_even:
            return self._even_starts(begin, clip(within, (begin, end)))
        return self._shown_starts(day, within)

    def has(self, instant: int) -> bool:
        """Whether ``instant`` is a start."""
        clock, is_first = clock_at(self.zone, instant)
        return is_first and (clock - self._first) % self.interval == 0

    @property
    def _first(self) -> int:
        return self.offset % self.interval

    def _even_starts(self, midnight: int, within: Intervals) -> Iterator[int]:
        anchor = midnight + self._first
        for low, high in within:
            yield from range(max(anchor, low + (anchor - low) % self.interval), high, self.interval)

    def _shown_starts(self, day: int, within: Intervals) -> Iterator[int]:
        for clock in range(self._first, DAY, self.interval):
            instant, is_shown = moment(self.zone, day, clock)
            if is_shown and meets(within, (instant, instant + 1)):
                yield instant
