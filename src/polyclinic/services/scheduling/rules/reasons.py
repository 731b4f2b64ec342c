"""Why a visit cannot be given at one wished start: every reason, in sentences that name nobody but who gives it.

No reasons: the start is one of ``openings``. Both judge by the same terms and the same fitting.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from polyclinic.services.scheduling.model import Calendar, Diary, Interval, Wish
from polyclinic.services.scheduling.rules.fitting import Fitting
from polyclinic.services.scheduling.rules.intervals import covers, meets
from polyclinic.services.scheduling.rules.openings import share_actors
from polyclinic.services.scheduling.rules.stored import slot_of
from polyclinic.services.scheduling.rules.terms import Terms, never, terms_of
from polyclinic.services.scheduling.rules.zones import REACH, clock_at


def why_not(wish: Wish, diary: Diary, start: int) -> list[str]:
    """Return every reason why no visit of ``wish`` can start at ``start``, each once; none where one can.

    Where a role has several calendars and none is free, the reasons of all are told.
    """
    return next(why_not_each(wish, diary, [start]))


def why_not_each(wish: Wish, diary: Diary, starts: Iterable[int]) -> Iterator[list[str]]:
    """Yield for each of ``starts`` every reason why no visit of ``wish`` can start then, whatever the others."""
    fitting = Fitting(diary)
    leaders = [terms_of(calendar, wish, leads=True) for calendar in wish.roles[0]]
    for start in starts:
        yield _why_not(leaders, fitting, start)


def _why_not(leaders: Sequence[Terms], fitting: Fitting, start: int) -> list[str]:
    if start not in REACH:
        return ["that is not a time anybody plans for"]
    reasons: dict[str, None] = {}
    for leader in leaders:
        against_it = list(_against_leader(leader, fitting, start))
        if not against_it:
            return []
        reasons |= dict.fromkeys(against_it)
    return list(reasons) or ["nobody gives such a visit"]


def _against_leader(leader: Terms, fitting: Fitting, start: int) -> Iterator[str]:
    wish, duration = leader.wish, leader.duration
    yield from against(leader, fitting, start, duration)
    if not duration:
        return
    free: list[list[Calendar]] = []
    for role in wish.roles[1:]:
        told = {c: list(against(terms_of(c, wish, leads=False), fitting, start, duration)) for c in role}
        free.append([calendar for calendar, reasons in told.items() if not reasons])
        if not free[-1]:
            yield from (reason for reasons in told.values() for reason in reasons)
            yield from () if role else ("nobody is there for one of the roles",)
    if all(free) and not _can_be_filled(free, (leader.calendar,)):
        yield "the same person, room or device would be needed twice"
    for companion in wish.companions:
        if not fitting.starts_of_companion(companion, [(start, start + 1)], duration):
            yield "the patient has another visit then"


def _can_be_filled(roles: Sequence[Sequence[Calendar]], chosen: tuple[Calendar, ...]) -> bool:
    if not roles:
        return True
    fitting = (calendar for calendar in roles[0] if not share_actors(calendar, chosen))
    return any(_can_be_filled(roles[1:], (*chosen, calendar)) for calendar in fitting)


def against(terms: Terms, fitting: Fitting, start: int, duration: int) -> Iterator[str]:
    """Yield what speaks against a visit of one calendar from ``start`` for ``duration``; 0 is one nobody knows."""
    by_slots = terms.leads and terms.calendar.name in fitting.diary.slots
    yield from never(terms, by_slots=by_slots)
    if by_slots:
        yield from _too_early_or_late(terms, fitting.diary.now, start, duration)
        if slot_of(terms.calendar, fitting.diary, (start, start + duration)) is None:
            yield f"{terms.calendar.name} has no free Slot that is just then"
        yield from _taken(terms, fitting, (start, start + duration))
        return
    if terms.parameters.timezone is None:
        return
    yield from _too_early_or_late(terms, fitting.diary.now, start, duration)
    yield from _off_grid(terms, start)
    if duration:
        yield from _not_open(terms, (start, start + duration))
        yield from _taken(terms, fitting, (start - terms.before, start + duration + terms.after))
    if fitting.full_days(terms, (start, start + 1)):
        yield f"{terms.calendar.name} takes {terms.parameters.most_per_day} visits a day, and has them"


def _too_early_or_late(terms: Terms, now: int, start: int, duration: int) -> Iterator[str]:
    name, parameters, planned = terms.calendar.name, terms.parameters, terms.planned
    notice, horizon = parameters.minimum_notice or 0, parameters.booking_horizon
    if start < now:
        yield f"{shown(start, terms.zone)} is in the past"
    elif start < now + notice:
        yield f"{name} wants to know {lasting(notice)} before, so not before {shown(now + notice, terms.zone)}"
    if horizon is not None and start > now + horizon:
        yield f"{name} is booked {lasting(horizon)} ahead at most, until {shown(now + horizon, terms.zone)}"
    if start < planned[0]:
        yield f"{name} is planned from {shown(planned[0], terms.zone)} on"
    if start + duration > planned[1]:
        yield f"{name} is planned until {shown(planned[1], terms.zone)}"


def _off_grid(terms: Terms, start: int) -> Iterator[str]:
    grid = terms.grid
    if grid is None or grid.has(start):
        return
    if not clock_at(terms.zone, start)[1]:
        yield f"{shown(start, terms.zone)} is the second time the clock shows this; visits start the first time"
        return
    first = f"{grid.offset % grid.interval // 60} minutes past midnight" if grid.offset else "midnight"
    yield f"visits of {terms.calendar.name} start every {lasting(grid.interval)} from {first} in {terms.zone.key}"


def _not_open(terms: Terms, visit: Interval) -> Iterator[str]:
    if covers(terms.open(visit), visit):
        return
    times = f"from {shown(visit[0], terms.zone)} to {shown(visit[1], terms.zone)}"
    if meets(terms.closed, visit):
        yield f"{terms.calendar.name} is closed, exceptionally, {times}"
    else:
        yield f"{terms.calendar.name} is not open {times}"


def _taken(terms: Terms, fitting: Fitting, occupied: Interval) -> Iterator[str]:
    for actor in terms.taken_as:
        if meets(fitting.taken(actor, terms.capacity, terms.extra), occupied):
            times = f"from {shown(occupied[0], terms.zone)} to {shown(occupied[1], terms.zone)}"
            yield f"{actor} is taken {times}" + (", buffers included" if terms.before or terms.after else "")


def shown(instant: int, zone: ZoneInfo) -> str:
    """Return an instant as a clock in ``zone`` shows it, to the second if need be; far away ones in words."""
    if instant not in REACH:
        return "the end of time" if instant > 0 else "the beginning of time"
    local = datetime.fromtimestamp(instant, zone)
    return local.isoformat(timespec="seconds" if local.second else "minutes")


def lasting(seconds: int) -> str:
    """Return a length of time in words, in the largest unit that it is whole in."""
    for unit, length in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds and seconds % length == 0:
            return f"{seconds // length} {unit if seconds > length else unit[:-1]}"
    return f"{seconds} seconds"
