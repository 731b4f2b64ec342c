"""What a path below a FHIR base means: ``Patient/1/_history`` is the history of an instance.

Source: https://hl7.org/fhir/R4/http.html#summary
"""

import re
from dataclasses import dataclass
from typing import Literal

from polyclinic.fhir.outcome import NotFound, NotSupported

Kind = Literal[
    "base",
    "base-search",
    "compartment",
    "compartment-search",
    "metadata",
    "type",
    "type-search",
    "instance",
    "version",
    "system-history",
    "type-history",
    "instance-history",
]

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Target:
    """What an address points at; ``inner`` is what is searched in the compartment of an instance: a type, or ``*``."""

    kind: Kind
    type: str = ""
    id: str = ""
    version: int = 0
    inner: str = ""


_AT_BASE: dict[str, Target] = {
    "": Target("base"),
    "metadata": Target("metadata"),
    "_history": Target("system-history"),
    "_search": Target("base-search"),
}


def target_of(path: str) -> Target:
    """Return what ``path`` means; whether its type is kept here is not judged.

    Refuses: ``NotFound`` for what is no FHIR address, ``NotSupported`` naming an operation or compartment.
    """
    known = _AT_BASE.get(path)
    if known is not None:
        return known
    steps = path.split("/")
    if steps[-1].startswith("$"):
        raise NotSupported(f"the operation {steps[-1][:64]} is not offered here")
    if len(steps) == 2 and ID.fullmatch(steps[1]):
        return Target("instance", steps[0], steps[1])
    if len(steps) == 1:
        return Target("type", path)
    return _deeper(steps)


def _deeper(steps: list[str]) -> Target:
    match steps:
        case [type, "_search"]:
            return Target("type-search", type)
        case [type, "_history"]:
            return Target("type-history", type)
        case [type, id, "_history"] if ID.fullmatch(id):
            return Target("instance-history", type, id)
        case [type, id, "_history", version] if ID.fullmatch(id) and _VERSION.fullmatch(version):
            return Target("version", type, id, int(version))
        case [type, id, inner] if ID.fullmatch(id) and (inner == "*" or inner[:1].isupper()):
            return Target("compartment", type, id, inner=inner)
        case [type, id, inner, "_search"] if ID.fullmatch(id) and (inner == "*" or inner[:1].isupper()):
            return Target("compartment-search", type, id, inner=inner)
        case [type, id, "_search"] if ID.fullmatch(id):
            return Target("compartment-search", type, id, inner="*")
    raise NotFound("this is no address of the FHIR API; see GET metadata for what is offered")
