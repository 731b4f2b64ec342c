"""Interval arithmetic is set arithmetic: judged against sets of whole numbers."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as some

from polyclinic.services.scheduling.rules.intervals import (
    clip,
    covers,
    crowded,
    difference,
    gaps,
    intersection,
    meets,
    pad,
    shift,
    union,
)

NUMBERS = some.integers(-20, 40)
LOOSE = some.lists(some.tuples(NUMBERS, NUMBERS), max_size=12)
NORMAL = LOOSE.map(union)
SPAN = some.tuples(NUMBERS, some.integers(1, 15)).map(lambda span: (span[0], span[0] + span[1]))


def points(intervals):
    return {point for begin, end in intervals for point in range(begin, end)}


def is_normal(intervals):
    apart = all(left[1] < right[0] for left, right in pairwise(intervals))
    return apart and all(begin < end for begin, end in intervals)


@given(LOOSE)
def test_union_covers_what_any_covers(loose):
    assert points(union(loose)) == points(loose)
    assert is_normal(union(loose))


@given(NORMAL, NORMAL)
def test_intersection_covers_what_both_cover(left, right):
    both = intersection(left, right)
    assert points(both) == points(left) & points(right)
    assert is_normal(both)


@given(NORMAL, NORMAL)
def test_difference_covers_what_is_left(whole, taken):
    left = difference(whole, taken)
    assert points(left) == points(whole) - points(taken)
    assert is_normal(left)


@given(NORMAL, some.tuples(NUMBERS, NUMBERS))
def test_gaps_are_what_is_free_within(taken, within):
    assert points(gaps(taken, within)) == points([within]) - points(taken)


@given(NORMAL, SPAN)
def test_clip_keeps_what_is_within(intervals, within):
    clipped = clip(intervals, within)
    assert points(clipped) == points(intervals) & points([within])
    assert is_normal(clipped)


@given(NORMAL, some.integers(-9, 9))
def test_shift_moves_every_point(intervals, by):
    assert points(shift(intervals, by)) == {point + by for point in points(intervals)}


@given(NORMAL, some.integers(0, 5), some.integers(0, 5))
def test_pad_grows_every_interval(intervals, before, after):
    grown = pad(intervals, before=before, after=after)
    assert points(grown) == {p + d for p in points(intervals) for d in range(-before, after + 1)}
    assert is_normal(grown)


@given(NORMAL, some.integers(0, 5), some.integers(0, 5))
def test_negative_pad_leaves_where_a_longer_thing_fits(intervals, before, after):
    inside = points(intervals)
    fits = {p for p in inside if all(p + d in inside for d in range(-before, after + 1))}
    assert points(pad(intervals, before=-before, after=-after)) == fits


@given(NORMAL, SPAN)
def test_covers_all_and_meets_any(intervals, wanted):
    assert covers(intervals, wanted) == (points([wanted]) <= points(intervals))
    assert meets(intervals, wanted) == bool(points([wanted]) & points(intervals))


@given(LOOSE, some.integers(1, 5))
def test_crowded_is_where_so_many_overlap(loose, at_least):
    everywhere = [point for begin, end in loose for point in range(begin, end)]
    full = crowded(loose, at_least)
    assert points(full) == {point for point in everywhere if everywhere.count(point) >= at_least}
    assert is_normal(full)
