"""Lanes: which place each of several overlapping occupations has, so that no place is given twice."""

from collections.abc import Sequence

from polyclinic.services.scheduling.model import Busy, Interval


def vacant(busy: Sequence[Busy], wanted: Interval, most: int) -> int | None:
    """Return the lowest of ``most`` lanes that is free during all of ``wanted``, None if there is none."""
    used = {each.lane for each in busy if each.begin < wanted[1] and each.end > wanted[0]}
    return next((lane for lane in range(most) if lane not in used), None)


def recoloured(busy: Sequence[Busy], wanted: Interval) -> list[int]:
    """Return lanes for all of ``busy`` and, last, for ``wanted``, so that none of those that overlap share one.

    In order of their begins each takes the lowest lane that is free then: no lane reaches the number of those that
    overlap its begin, so that as many lanes do as ever overlap.
    """
    spans = [*((each.begin, each.end) for each in busy), wanted]
    lanes = [0] * len(spans)
    running: list[tuple[int, int]] = []  # end and lane
    for index in sorted(range(len(spans)), key=spans.__getitem__):
        begin, end = spans[index]
        running = [each for each in running if each[0] > begin]
        used = {lane for _, lane in running}
        lanes[index] = next(lane for lane in range(len(used) + 1) if lane not in used)
        running.append((end, lanes[index]))
    return lanes
