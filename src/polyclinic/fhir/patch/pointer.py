"""JSON Pointers: which value of a document is meant.

Source: RFC 6901
"""

import re
from collections.abc import Sequence

from polyclinic.fhir.outcome import Invalid
from polyclinic.fhir.patch.copying import Json
from polyclinic.fhir.patch.refusals import Unpatchable

_FAULTY = re.compile(r"~(?![01])")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def steps_of(pointer: object, at: str) -> tuple[str, ...]:
    """Return the steps of ``pointer``, none for the whole document. Refuses: ``Invalid`` at ``at``."""
    if type(pointer) is not str:
        raise Invalid("a JSON Pointer is a text", at=at)
    if pointer and not pointer.startswith("/"):
        raise Invalid(f"the JSON Pointer {pointer[:200]!r} does not begin with a slash", at=at)
    if _FAULTY.search(pointer):
        raise Invalid(f"the JSON Pointer {pointer[:200]!r} has a ~ that is neither ~0 nor ~1", at=at)
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def value_at(document: Json, steps: Sequence[str], at: str) -> Json:
    """Return the value that ``steps`` lead to. Refuses: ``Unpatchable`` where there is none."""
    value = document
    for step in steps:
        if type(value) is dict and step in value:
            value = value[step]
        elif type(value) is list:
            value = value[index_of(step, len(value), at)]
        else:
            raise Unpatchable(f"nothing is at {step[:64]!r}", at=at)
    return value


def index_of(step: str, length: int, at: str) -> int:
    """Return the index below ``length`` that ``step`` writes. Refuses: ``Unpatchable``."""
    if not _INDEX.fullmatch(step):
        raise Unpatchable(f"{step[:64]!r} is no index of a list", at=at)
    if int(step) >= length:
        raise Unpatchable(f"the index {step} is beyond the end", at=at)
    return int(step)
