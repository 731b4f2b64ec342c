"""The words in which invariants are written in Python: ``native_types`` and ``native_resources`` speak them.

Each invariant takes the JSON object that carries it and returns whether it holds, or None where only FHIRPath can
tell. None of them raises, whatever stands in the JSON: its form is found wrong elsewhere. test_validate_native
holds each against its FHIRPath form in the tables.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
Holds: TypeAlias = Callable[[Object], bool | None]


class Natives(dict[tuple[str, str], Holds]):
    """Invariants by the path of the element that carries them and their key; the path is "" where it may be any."""

    def write(self, key: str, *paths: str) -> Callable[[Holds], Holds]:
        """Register the function below as the invariant ``key`` of each of ``paths``."""

        def register(holds: Holds) -> Holds:
            self.update({(path, key): holds for path in paths})
            return holds

        return register


def has(owner: Object, name: str) -> bool:
    """Whether FHIRPath's ``name.exists()`` is true of a primitive."""
    return name in owner or "_" + name in owner


def has_choice(owner: Object, name: str) -> bool:
    """Whether FHIRPath's ``name.exists()`` is true of a choice."""
    starts = (name, "_" + name)
    for key in owner:  # noqa: SIM110 - a generator costs three times as much, on every extension
        if key.startswith(starts):
            return True
    return False


def objects(owner: Object, name: str) -> list[Object]:
    """Return the objects in the array ``name``."""
    items = owner.get(name)
    return [item for item in items if type(item) is dict] if type(items) is list else []


def part(owner: Object, name: str) -> Object:
    """Return the object ``name``, an empty one where there is none."""
    value = owner.get(name)
    return value if type(value) is dict else {}


def is_coded(concept: Object, system: str, *codes: str) -> bool:
    """Whether a CodeableConcept has a coding of the system with one of the codes."""
    return any(coding.get("system") == system and coding.get("code") in codes for coding in objects(concept, "coding"))


def in_order(first: Any, second: Any) -> bool | None:
    """Whether FHIRPath's ``first <= second`` is not false of two dates or times, None where only it can tell."""
    if first is None or second is None:
        return True
    if type(first) is not str or type(second) is not str or len(first) != len(second):
        return None
    if len(first) <= len("2020-12-31") or first[19:] == second[19:]:
        return first <= second
    try:
        return datetime.fromisoformat(first) <= datetime.fromisoformat(second)
    except (ValueError, TypeError):
        return None


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number."""
    return type(value) is int or type(value) is Decimal
