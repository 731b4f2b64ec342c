"""Whether there is room for one more: the judgement behind every claim."""

from collections.abc import Sequence

from polyclinic.services.scheduling.model import Busy
from polyclinic.services.scheduling.rules.claims import Seat
from polyclinic.services.scheduling.rules.fitting import full
from polyclinic.services.scheduling.rules.intervals import meets


def has_room(busy: Sequence[Busy], seat: Seat) -> bool:
    """Whether an actor with these occupations has room for ``seat`` all the time."""
    most = (seat.places or 1) + seat.beyond
    return not meets(full(busy, most, extra=seat.beyond), (seat.begin, seat.end))
