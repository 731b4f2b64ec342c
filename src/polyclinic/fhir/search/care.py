"""Care in a period: whether what a resource tells of reaches into a stretch of time, by its clinical date."""

from functools import cache

from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.emit import Entries
from polyclinic.fhir.search.values import Span
from polyclinic.fhir.search.vocabulary import R4


def reaches_into(period: Span, entries: Entries) -> bool:
    """Whether a resource that is found by ``entries`` reaches into ``period``; without a clinical date it does."""
    dates = [(low, high) for path, low, high, *_ in entries.spans if path in clinical_paths()]
    return not dates or any(high > period.low and low < period.high for low, high in dates)


@cache
def clinical_paths() -> tuple[str, ...]:
    """Return the elements that clinical dates are in."""
    found = (R4.of(type)[code] for type, code in CLINICAL_DATE.items())
    return tuple(dict.fromkeys(branch.path for parameter in found for branch in parameter.branches))
