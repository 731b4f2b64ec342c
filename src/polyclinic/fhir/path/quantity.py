"""Quantities: a decimal and a unit of UCUM or of the calendar, compared across comparable units.

Source: http://hl7.org/fhirpath/N1/#quantity and #time-valued-quantities.
"""

from dataclasses import dataclass
from decimal import Decimal

CALENDAR_WORDS = {
    word + plural: word
    for word in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for plural in ("", "s")
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """``value`` of ``unit``: a UCUM code ("mg/dL", "1") or a calendar word as written ("days")."""

    value: Decimal
    unit: str

    def __str__(self) -> str:
        """Return the quantity as FHIRPath writes it: ``4 days``, ``1.5 'mg'``."""
        return f"{self.value} {self.unit}" if self.unit in CALENDAR_WORDS else f"{self.value} '{self.unit}'"
