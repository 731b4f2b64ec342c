"""Set algebra of time: sorted, disjoint, half-open intervals of whole seconds.

``Intervals`` are always normal: sorted, none empty, and between two neighbours there is a gap. So equal sets are equal
lists. Times are [begin, end), in seconds since 1970 UTC; the algebra holds for any integers.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import TypeAlias

from polyclinic.services.scheduling.model import Interval

Intervals: TypeAlias = Sequence[Interval]

_FAR = 1 << 62


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Return what any of ``intervals`` covers; they may come in any order, overlap, and be empty."""
    merged: list[Interval] = []
    first, last = 0, -_FAR
    for begin, end in sorted(intervals):
        if begin >= end:
            continue
        if begin > last:
            if last != -_FAR:
                merged.append((first, last))
            first, last = begin, end
        elif end > last:
            last = end
    if last != -_FAR:
        merged.append((first, last))
    return merged


def intersection(left: Intervals, right: Intervals) -> list[Interval]:
    """Return what both cover."""
    both: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        begin = max(left[i][0], right[j][0])
        end = min(left[i][1], right[j][1])
        if begin < end:
            both.append((begin, end))
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
    return both


def difference(whole: Intervals, taken: Intervals) -> list[Interval]:
    """Return what ``whole`` covers and ``taken`` does not. Costs only the part of ``taken`` that ``whole`` reaches."""
    left: list[Interval] = []
    for begin, end in whole:
        for index in range(first_ending_after(taken, begin), len(taken)):
            from_, to = taken[index]
            if from_ >= end:
                break
            if from_ > begin:
                left.append((begin, from_))
            begin = to
        if begin < end:
            left.append((begin, end))
    return left


def gaps(taken: Intervals, within: Interval) -> list[Interval]:
    """Return what of ``within`` is not ``taken``."""
    return difference([within] if within[0] < within[1] else [], taken)


def clip(intervals: Intervals, within: Interval) -> list[Interval]:
    """Return what ``intervals`` cover of ``within``."""
    low, high = within
    clipped: list[Interval] = []
    for index in range(first_ending_after(intervals, low), len(intervals)):
        begin, end = intervals[index]
        if begin >= high:
            break
        clipped.append((max(begin, low), min(end, high)))
    return clipped


def shift(intervals: Intervals, by: int) -> list[Interval]:
    """Return ``intervals`` moved by ``by`` seconds."""
    return [(begin + by, end + by) for begin, end in intervals]


def pad(intervals: Intervals, *, before: int, after: int) -> list[Interval]:
    """Return ``intervals`` grown by ``before`` at each begin and ``after`` at each end; negative ones shrink them."""
    return union((begin - before, end + after) for begin, end in intervals)


def covers(intervals: Intervals, wanted: Interval) -> bool:
    """Whether ``intervals`` cover all of ``wanted``, which is not empty."""
    index = first_ending_after(intervals, wanted[0])
    return index < len(intervals) and intervals[index][0] <= wanted[0] and wanted[1] <= intervals[index][1]


def meets(intervals: Intervals, wanted: Interval) -> bool:
    """Whether ``intervals`` cover any of ``wanted``, which is not empty."""
    index = first_ending_after(intervals, wanted[0])
    return index < len(intervals) and intervals[index][0] < wanted[1]


def crowded(intervals: Iterable[Interval], at_least: int) -> list[Interval]:
    """Return where ``at_least`` of ``intervals`` overlap; they may come in any order. ``at_least`` is positive."""
    if at_least == 1:
        return union(intervals)
    full: list[Interval] = []
    ends: list[int] = []
    for begin, end in sorted(intervals):
        if begin >= end:
            continue
        while ends and ends[0] <= begin:
            heappop(ends)
        heappush(ends, end)
        if len(ends) >= at_least:
            _extend(full, begin, sorted(ends)[-at_least])
    return full


def _extend(full: list[Interval], begin: int, end: int) -> None:
    """Add to ``full`` an interval that begins no earlier than its last."""
    if full and begin <= full[-1][1]:
        full[-1] = (full[-1][0], max(full[-1][1], end))
    else:
        full.append((begin, end))


def first_ending_after(intervals: Intervals, instant: int) -> int:
    """Return the index of the first of ``intervals`` that ends after ``instant``."""
    return bisect_right(intervals, instant, key=itemgetter(1))
