"""What a check hands up to the one that called it; ``polyclinic.fhir.validate`` makes issues of it.

A check takes a JSON value and the object that owns it, and returns None where all is right. So the happy path
allocates nothing, and a location is only put together while a finding travels up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import NoneType
from typing import Any, TypeAlias

from polyclinic.fhir.definitions import Invariant
from polyclinic.fhir.outcome import Severity


@dataclass(slots=True)
class Finding:
    """A broken rule: ``code`` is an issue type, ``where`` the FHIRPath below the one that is told."""

    code: str
    sentence: str
    where: str = ""
    severity: Severity = "error"


@dataclass(slots=True)
class LocalReference:
    """A reference ``#id``: only the resource that contains all others can tell whether it leads anywhere."""

    id: str
    targets: frozenset[str]
    where: str = ""


@dataclass(slots=True)
class Judgement:
    """Invariants still to be judged by FHIRPath: only the resource around ``node`` knows %resource."""

    node: Any
    type: str
    invariants: tuple[Invariant, ...]
    where: str = ""


Found: TypeAlias = list[Finding | LocalReference | Judgement]
Check: TypeAlias = Callable[[Any, dict[str, Any]], Found | None]


def broken(code: str, sentence: str, where: str = "") -> Found:
    """Return one finding as a check returns it."""
    return [Finding(code, sentence, where)]


def below(step: str, found: Found) -> Found:
    """Return ``found`` with ``step`` (``.name`` or ``[0]``) before each location."""
    for item in found:
        item.where = step + item.where
    return found


def without_content(element: dict[str, Any]) -> Found:
    """Return that an element is empty, or breaks ele-1 since it has nothing but an id."""
    if not element:
        return broken("structure", "an object must not be empty; leave the property out")
    return broken("invariant", "ele-1: an element must have more than an id") if element.keys() == {"id"} else []


_KINDS: dict[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    NoneType: "null",
}


def kind(value: Any) -> str:
    """Return what JSON calls this value, with its article."""
    return _KINDS.get(type(value), "a number")
