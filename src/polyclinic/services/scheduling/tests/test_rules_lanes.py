"""Nobody shares a lane with whom they overlap, and no lane is used without need."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from polyclinic.services.scheduling.model import Busy
from polyclinic.services.scheduling.rules.intervals import crowded
from polyclinic.services.scheduling.rules.lanes import recoloured, vacant

SPANS = some.tuples(some.integers(0, 40), some.integers(1, 12)).map(lambda span: (span[0], span[0] + span[1]))


def in_lanes(spans):
    """Return occupations as they come to be: one after the other, each in the first lane that is free."""
    busy: list[Busy] = []
    for begin, end in spans:
        lane = vacant(busy, (begin, end), len(busy) + 1)
        assert lane is not None
        busy.append(Busy(begin, end, lane))
    return busy


def overlap(left, right):
    return left[0] < right[1] and right[0] < left[1]


FIRST_FIT = {
    "nobody there": ([], 2, 0),
    "one there": ([Busy(10, 20, 0)], 2, 1),
    "one there in another lane": ([Busy(10, 20, 1)], 2, 0),
    "one before and one after": ([Busy(0, 10, 0), Busy(20, 30, 0)], 1, 0),
    "all taken": ([Busy(5, 11, 0), Busy(19, 30, 1)], 2, None),
    "beyond the lanes": ([Busy(10, 20, 7)], 1, 0),
}


@pytest.mark.parametrize("case", FIRST_FIT)
def test_lowest_free_lane_is_taken(case):
    busy, most, lane = FIRST_FIT[case]
    assert vacant(busy, (10, 20), most) == lane


def test_lanes_are_changed_where_first_fit_finds_none_though_there_is_room():
    busy = [Busy(0, 10, 0), Busy(20, 30, 1)]
    wanted = (5, 25)
    assert vacant(busy, wanted, 2) is None
    lanes = recoloured(busy, wanted)
    assert max(lanes) == 1
    assert lanes[0] == lanes[1] != lanes[2]


@given(some.lists(SPANS, max_size=14), SPANS)
def test_first_fit_never_gives_a_lane_twice(spans, wanted):
    busy = in_lanes([*spans, wanted])
    for left, right in combinations(busy, 2):
        assert left.lane != right.lane or not overlap((left.begin, left.end), (right.begin, right.end))


@given(some.lists(SPANS, max_size=14), SPANS)
def test_as_many_lanes_are_used_as_ever_overlap(spans, wanted):
    lanes = recoloured(in_lanes(spans), wanted)
    every = [*spans, wanted]
    for left, right in combinations(range(len(every)), 2):
        assert lanes[left] != lanes[right] or not overlap(every[left], every[right])
    most = max(lanes) + 1
    assert crowded(every, most)
    assert not crowded(every, most + 1)


@given(some.lists(SPANS, max_size=14), SPANS, some.integers(1, 4))
def test_whoever_has_room_gets_a_lane(spans, wanted, most):
    held: list[tuple[int, int]] = []
    for span in spans:
        if not crowded([*held, span], most + 1):
            held.append(span)
    if not crowded([*held, wanted], most + 1):
        assert max(recoloured(in_lanes(held), wanted)) < most
