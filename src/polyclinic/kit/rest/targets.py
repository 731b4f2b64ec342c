"""What a path below a FHIR base means: ``Patient/1/_history`` is the history of an instance.

Source: https://hl7.org/fhir/R4/http.html#summary
"""

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

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
    "system-operation",
    "type-operation",
    "instance-operation",
]

OPERATION_KINDS: Mapping[str, Literal["system", "type", "instance"]] = {
    "system-operation": "system",
    "type-operation": "type",
    "instance-operation": "instance",
}
"""The level at which an address calls an operation, by its kind."""

ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_VERSION = re.compile(r"[1-9][0-9]{0,8}")


class Target(Struct, frozen=True):
    """What an address points at.

    ``inner`` is what is searched in the compartment of an instance: a type, or ``*``. ``operation`` is a name without
    its dollar sign.
    """

    kind: Kind
    type: str = ""
    id: str = ""
    version: int = 0
    inner: str = ""
    operation: str = ""


_AT_BASE: dict[str, Target] = {
    "": Target("base"),
    "metadata": Target("metadata"),
    "_history": Target("system-history"),
    "_search": Target("base-search"),
}


def target_of(path: str) -> Target:
    """Return what ``path`` means; whether its type is kept here is not judged.

    Whether an operation is offered is not judged either.
    Refuses: ``NotFound`` for what is no FHIR address, ``NotSupported`` naming a compartment.
    """
    known = _AT_BASE.get(path)
    if known is not None:
        return known
    steps = path.split("/")
    if steps[-1].startswith("$"):
        return _operation(steps[:-1], steps[-1][1:])
    if len(steps) == 2 and ID.fullmatch(steps[1]):
        return Target("instance", steps[0], steps[1])
    if len(steps) == 1:
        return Target("type", path)
    return _deeper(steps)


def _operation(steps: list[str], name: str) -> Target:
    match steps:
        case []:
            return Target("system-operation", operation=name)
        case [type]:
            return Target("type-operation", type, operation=name)
        case [type, id] if ID.fullmatch(id):
            return Target("instance-operation", type, id, operation=name)
        case [_, id, "_history", version] if ID.fullmatch(id) and _VERSION.fullmatch(version):
            raise NotSupported(f"the operation ${name[:64]} is not offered here on one version of a resource")
    raise NotFound("this is no address of the FHIR API; see GET metadata for what is offered")


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
