"""Lists that several services keep, each sorted, merged page by page as one server would have sorted them.

A position holds how far each service's part is told, by the position that the service itself has sealed. Where only
some of a service's page were told it is asked once more for just these, to learn the position behind them.
"""

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from heapq import merge

import msgspec

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Issue, Unacceptable, Unavailable
from polyclinic.fhir.search.ranks import Rank
from polyclinic.services.gateway.actions.handing import Gateway, Page, Part, ask
from polyclinic.services.gateway.model import Item

Found = tuple[bytes, Item]
"""An entry as it came, and what is read of it."""
Positions = dict[str, str | None]
"""By service how far its part is told: where it goes on, empty at the beginning, None at the end."""

_positions = msgspec.json.Decoder(Positions)
_MANY_CHANGES = "what is listed changes faster than it can be read; ask again in a few seconds"


@dataclass(frozen=True, slots=True)
class Merged:
    """A page of a merged list, what the services noticed, and the position of the next page, None at the end."""

    found: list[Found]
    issues: list[Issue]
    next: str | None


async def merged(
    gateway: Gateway, parts: Sequence[Part], cursor: str | None, count: int, rank: Callable[[Item], Rank]
) -> Merged:
    """Return the first ``count`` behind ``cursor``, by ``rank``, of what the services have in their ``parts``.

    Refuses: whatever a service refuses; ``Unacceptable`` for a cursor of something else.
    """
    positions = _opened(cursor, parts)
    going = [part for part in parts if positions[part.service] is not None]
    asked = (ask(gateway, part, *_at(positions[part.service]), ("_count", str(count))) for part in going)
    listed = await asyncio.gather(*asked)
    ranked = [[(rank(found[1]), number, found) for found in page.found] for number, page in enumerate(listed)]
    first = list(merge(*ranked, key=lambda each: each[0]))[:count]
    told = [[found[1].mark for _, number, found in first if number == each] for each in range(len(going))]
    behind = (
        _behind(gateway, part, positions[part.service], page, marks)
        for part, page, marks in zip(going, listed, told, strict=True)
    )
    positions |= zip((part.service for part in going), await asyncio.gather(*behind), strict=True)
    return Merged([found for _, _, found in first], distinct(page.issues for page in listed), _closed(positions))


def distinct(issues: Iterable[Iterable[Issue]]) -> list[Issue]:
    """Return all issues, each once."""
    return list(dict.fromkeys(issue for each in issues for issue in each))


def _at(position: str | None) -> list[tuple[str, str]]:
    return [("_cursor", position)] if position else []


async def _behind(
    gateway: Gateway, part: Part, start: str | None, page: Page, told: Sequence[tuple[str, str]]
) -> str | None:
    """Return the position behind those entries of ``page``, which begins at ``start``, that are ``told``.

    Refuses: ``Unavailable`` where it cannot be told because too much changes meanwhile.
    """
    if not told or len(told) == len(page.found):
        return page.next if told or not page.found else start
    last, any_of_them = {told[-1]}, set(told)
    count = len(told)
    for wanted in (last, last, last, any_of_them, any_of_them):  # the last one may have been deleted meanwhile
        again = await ask(gateway, part, *_at(start), ("_count", str(count)))
        places = [place for place, (_, item) in enumerate(again.found, 1) if item.mark in wanted]
        if places and places[-1] == len(again.found):
            return again.next
        count = places[-1] if places else count + len(told)
    raise Unavailable(_MANY_CHANGES)


def _opened(cursor: str | None, parts: Sequence[Part]) -> Positions:
    services = {part.service for part in parts}
    if cursor is None:
        return dict.fromkeys(services, "")
    try:
        found = _positions.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, msgspec.DecodeError) as error:
        raise _foreign() from error
    if found.keys() != services:
        raise _foreign()
    return found


def _foreign() -> Unacceptable:
    return Unacceptable("_cursor is not one that this list gave out", at="_cursor")


def _closed(positions: Positions) -> str | None:
    if all(position is None for position in positions.values()):
        return None
    return urlsafe_b64encode(encode(positions)).decode().rstrip("=")
