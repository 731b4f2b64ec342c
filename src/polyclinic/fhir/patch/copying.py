"""Copies of JSON, counted: a short patch must not grow a document without end."""

from dataclasses import dataclass
from typing import Any

from polyclinic.fhir.outcome import TooCostly

Json = Any
"""What ``polyclinic.fhir.json`` decodes: dict, list, str, int, Decimal, bool or None."""

LARGEST = 2_000_000
"""Values (objects, lists, texts, numbers) that all copies of one patch may have together."""


@dataclass(slots=True)
class Copier:
    """Makes copies; ``left`` is how many values it may still make."""

    left: int = LARGEST

    def copy(self, value: Json) -> Json:
        """Return ``value`` with new objects and lists all the way down. Refuses: ``TooCostly``."""
        self._spend(1)
        if type(value) is dict:
            return {name: self.copy(inner) for name, inner in value.items()}
        if type(value) is list:
            return [self.copy(inner) for inner in value]
        return value

    def _spend(self, values: int) -> None:
        self.left -= values
        if self.left < 0:
            raise TooCostly(f"the patch copies more than {LARGEST} values")
