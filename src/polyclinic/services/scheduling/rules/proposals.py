"""The ids of proposals: what is proposed, packed, so that nothing has to be kept until somebody wants it.

An id says which calendars, which service, from when to when and for which inquiry. Whoever makes one up asks for what
any client may ask for: the rules are judged when it is held or booked.
"""

from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

PREFIX = "proposal."
LONGEST = 64
"""Characters of an id (https://hl7.org/fhir/R4/datatypes.html#id)."""
_FORM = 1
_MOST_CALENDARS = 12


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is proposed: keys of the service (0: none) and the calendars, seconds, and the inquiry's key (0: none)."""

    start: int
    duration: int
    calendars: tuple[int, ...]
    service: int = 0
    inquiry: int = 0


def id_of(proposal: Proposal) -> str | None:
    """Return the id of ``proposal``, None where there are so many calendars that no id can hold them."""
    numbers = (_FORM, proposal.start, proposal.duration, proposal.service, proposal.inquiry, *proposal.calendars)
    packed = bytes(byte for number in numbers for byte in _packed(number))
    text = PREFIX + b64encode(packed, b"-.").decode().rstrip("=")
    return text if len(text) <= LONGEST else None


def proposal_of(id: str) -> Proposal | None:
    """Return what the id of a proposal says, None for any other id."""
    if not id.startswith(PREFIX):
        return None
    text = id.removeprefix(PREFIX)
    try:
        packed = b64decode(text + "=" * (-len(text) % 4), b"-.", validate=True)
        numbers = list(_unpacked(packed))
    except ValueError:
        return None
    if len(numbers) < 6 or numbers[0] != _FORM or len(numbers) > 5 + _MOST_CALENDARS:
        return None
    _, start, duration, service, inquiry, *calendars = numbers
    return Proposal(start, duration, tuple(calendars), service, inquiry)


def _packed(number: int) -> Iterator[int]:
    """Yield a number seven bits at a time, the lowest first; the highest bit says that more come."""
    while number > 0x7F:
        yield number & 0x7F | 0x80
        number >>= 7
    yield number


def _unpacked(packed: Iterable[int]) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
        elif shift > 56:
            raise ValueError("a number is too large")
    if shift:
        raise ValueError("the last number is cut off")
