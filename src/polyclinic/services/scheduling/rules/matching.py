"""Matching: which of the time that became free suits somebody who waits, judged by one diary for all of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.services.scheduling.model import Diary, Interval, Opening, Parameters, Wish
from polyclinic.services.scheduling.rules.directory import Directory
from polyclinic.services.scheduling.rules.openings import openings
from polyclinic.services.scheduling.rules.seeking import wishes_of
from polyclinic.services.scheduling.rules.terms import Terms, terms_of
from polyclinic.services.scheduling.rules.waiting import Waiting, could_suit, narrowed, suits, takes

OFFER_WINDOW, OFFERS_AT_ONCE, OFFER_TRIES = 30 * 60, 1, 3
"""What holds where neither Schedule nor HealthcareService says it: seconds, and numbers."""
_MOST_OPENINGS = 1000


@dataclass(frozen=True, slots=True)
class Gap:
    """Time of ``actors`` that became free: [begin, end)."""

    actors: tuple[str, ...]
    span: Interval


@dataclass(frozen=True, slots=True)
class Place:
    """A time that can be offered: an ``opening``, what was wished for, and the terms of the calendar that leads."""

    opening: Opening
    wish: Wish
    terms: Terms

    @property
    def key(self) -> tuple[str, int]:
        """The calendar that leads and the start, as offers name them."""
        return self.terms.calendar.name, self.opening.start

    @property
    def window(self) -> int:
        """Seconds that an offer of it stands."""
        return self._parameters.offer_window or OFFER_WINDOW

    @property
    def at_once(self) -> int:
        """How many are offered it at once."""
        return self._parameters.offers_at_once or OFFERS_AT_ONCE

    @property
    def tries(self) -> int:
        """How often it is offered, one after another."""
        return self._parameters.offer_tries or OFFER_TRIES

    @property
    def _parameters(self) -> Parameters:
        return self.terms.parameters


@dataclass(frozen=True, slots=True)
class Prospect:
    """What of a ``gap`` might suit somebody who waits: visits of ``wish`` that start in ``between``.

    ``terms`` are those of the calendars that may lead, by name. The visit ends before the one that it would replace
    starts (``before``), and is none that was ``refused`` (calendar and start).
    """

    waiting: Waiting
    gap: Gap
    wish: Wish
    terms: Mapping[str, Terms]
    between: Interval
    before: int | None
    refused: frozenset[tuple[str, int]]

    def places(self, diary: Diary) -> list[Place]:
        """Return what can be offered of it, in order of time."""
        found = islice(openings(self.wish, diary, self.between), _MOST_OPENINGS)
        places = (Place(opening, self.wish, self.terms[opening.calendars[0].name]) for opening in found)
        return [place for place in places if self._suits(place, diary.now)]

    def _suits(self, place: Place, now: int) -> bool:
        opening = place.opening
        return (
            takes(opening, self.gap.actors, self.gap.span)
            and opening.start >= now + place.window
            and (self.before is None or opening.end <= self.before)
            and place.key not in self.refused
            and suits(self.waiting, (opening.start, opening.end), place.terms.zone, now=now)
        )


def prospects_of(
    waiting: Waiting,
    gap: Gap,
    directory: Directory,
    now: int,
    *,
    before: int | None,
    refused: frozenset[tuple[str, int]],
) -> Iterator[Prospect]:
    """Yield what of ``gap`` might suit ``waiting``, as far as that can be said without a diary."""
    try:
        wishes = wishes_of(waiting.seek, directory)
    except Unacceptable:  # its service or schedule is gone
        return
    for whole in wishes:
        wish = narrowed(whole, gap.actors)
        if wish is None:
            continue
        terms = {calendar.name: terms_of(calendar, wish, leads=True) for calendar in wish.roles[0]}
        between = _between(waiting, gap, max(each.duration for each in terms.values()), now, before)
        zones = {each.zone for each in terms.values()}
        if between[0] < between[1] and any(could_suit(waiting, gap.span, zone, now=now) for zone in zones):
            yield Prospect(waiting, gap, wish, terms, between, before, refused)


def places_of(prospects: Iterable[Prospect], diary: Diary) -> list[Place]:
    """Return the places of all of ``prospects``, in order of time."""
    found = (place for prospect in prospects for place in prospect.places(diary))
    return sorted(found, key=lambda place: place.opening.start)


def _between(waiting: Waiting, gap: Gap, longest: int, now: int, before: int | None) -> Interval:
    """Return [from, to) of the starts to look at; the longest visit may start that long before the gap."""
    begin, end = gap.span
    return max(begin - longest, now + waiting.notice), end if before is None else min(end, before)
