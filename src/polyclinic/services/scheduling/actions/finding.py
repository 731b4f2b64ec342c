"""Finding: openings from the rules and from what is taken at this moment."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from heapq import merge
from itertools import islice

from polyclinic.repository.connect import Session
from polyclinic.services.scheduling.model import Calendar, Diary, Interval, Opening, Service, Wish
from polyclinic.services.scheduling.rules.openings import openings
from polyclinic.services.scheduling.rules.reasons import why_not
from polyclinic.services.scheduling.rules.stored import offers_slots
from polyclinic.services.scheduling.rules.terms import terms_of
from polyclinic.services.scheduling.store import occupations, slots

Found = tuple[Opening, Service]
_AROUND = 8 * 86_400
"""Seconds around a visit in which buffers may lie (a week at most) and its day."""


async def find(  # noqa: PLR0913 - all it is asked with
    session: Session,
    wishes: Sequence[Wish],
    between: Interval,
    now: datetime,
    *,
    most: int,
    but: Sequence[str] = (),
    only: Callable[[Opening, Service], bool] = lambda opening, service: True,
) -> list[Found]:
    """Return up to ``most`` openings that start in [begin, end), in order of time, each with its service.

    ``only`` those that it says are wished.
    """
    diary = await diary_of(session, wishes, between, now, but=but)
    return list(islice((each for each in found_in(diary, wishes, between) if only(*each)), most))


def found_in(diary: Diary, wishes: Iterable[Wish], between: Interval) -> Iterator[Found]:
    """Return the openings of all ``wishes`` that start in [begin, end), in order of time, each with its service."""
    return merge(*(_of_one(wish, diary, between) for wish in wishes), key=lambda each: each[0].start)


def _of_one(wish: Wish, diary: Diary, between: Interval) -> Iterator[Found]:
    return ((opening, wish.service) for opening in openings(wish, diary, between))


async def objections(session: Session, wish: Wish, start: int, now: datetime, *, but: Sequence[str] = ()) -> list[str]:
    """Return why no visit of ``wish`` can start at ``start``; none where one can."""
    diary = await diary_of(session, [wish], (start, start + 1), now, but=but)
    return why_not(wish, diary, start)


async def diary_of(
    session: Session, wishes: Iterable[Wish], between: Interval, now: datetime, *, but: Sequence[str] = ()
) -> Diary:
    """Return what is taken of all who are wished for, around [begin, end)."""
    wishes = list(wishes)
    calendars = {calendar.name: (calendar, wish) for wish in wishes for role in wish.roles for calendar in role}
    actors = {actor for calendar, _ in calendars.values() for actor in (*calendar.actors, calendar.name)}
    actors |= {companion for wish in wishes for companion in wish.companions}
    around = between[0] - _AROUND, between[1] + _AROUND
    busy = await occupations.diary(session, sorted(actors), around, now, but=but)
    limited = [pair for pair in calendars.values() if terms_of(*pair, leads=True).parameters.most_per_day]
    counts = await _counts(session, limited, around, now, but) if limited else {}
    bare = [name for name, (calendar, wish) in calendars.items() if offers_slots(calendar, wish.service)]
    return Diary(int(now.timestamp()), busy, counts, await slots_of(session, bare, between) if bare else {})


async def slots_of(
    session: Session, schedules: Sequence[str], between: Interval
) -> dict[str, list[tuple[int, int, str]]]:
    """Return by Schedule its stored Slots that are free and start in [begin, end), of each of ``schedules``."""
    found: dict[str, list[tuple[int, int, str]]] = {name: [] for name in schedules}
    for each in await slots.free(session, schedules, *between):
        found[each.schedule].append((each.begin, each.end, each.slot))
    return found


async def _counts(
    session: Session, limited: Sequence[tuple[Calendar, Wish]], around: Interval, now: datetime, but: Sequence[str]
) -> dict[tuple[str, date], int]:
    """Return how many visits of each calendar start on each local day: those of its first actor."""
    firsts = [calendar.actors[0] for calendar, _ in limited if calendar.actors]
    starts: dict[str, list[int]] = {}
    for actor, start in await occupations.starts(session, firsts, *around, now, but=but):
        starts.setdefault(actor, []).append(start)
    counts: Counter[tuple[str, date]] = Counter()
    for calendar, wish in limited:
        zone = terms_of(calendar, wish, leads=True).zone
        for start in starts.get(calendar.actors[0], ()) if calendar.actors else ():
            counts[calendar.name, datetime.fromtimestamp(start, zone).date()] += 1
    return counts
