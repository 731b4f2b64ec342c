"""What an operation is, and what it is asked with: parameters in the URL, in a Parameters resource, or both.

Source: https://hl7.org/fhir/R4/operations.html#executing
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from polyclinic.fhir.json import decode_resource, encode
from polyclinic.fhir.outcome import Invalid, Unacceptable
from polyclinic.kit.http.message import Answer, Call, Pairs
from polyclinic.kit.http.negotiation import agreed_body, without_format
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Resource

Level = Literal["system", "type", "instance"]

_DEFINITIONS = "http://hl7.org/fhir/OperationDefinition/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: ``name`` without the dollar sign, how it is ``defined``, and who serves it.

    ``defined`` is the id of its definition in R4, or the whole URL (a URN) of one that R4 does not have.

    ``at`` are the levels it is offered at, ``types`` the resource types (None for all). One that ``changes`` what is
    kept cannot be called by GET, one that ``deletes`` can be given up by DELETE. ``answers`` are media types beside
    FHIR JSON that it can answer with.
    """

    name: str
    defined: str
    serve: Callable[[Endpoint, Call, Target], Awaitable[Answer]]
    at: tuple[Level, ...]
    types: frozenset[str] | None = None
    changes: bool = False
    deletes: bool = False
    answers: tuple[str, ...] = ()

    @property
    def definition(self) -> str:
        """The canonical URL of the OperationDefinition."""
        return self.defined if ":" in self.defined else _DEFINITIONS + self.defined

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods it is called by."""
        if self.deletes:
            return ("GET", "HEAD", "DELETE")
        return ("POST",) if self.changes else ("GET", "HEAD", "POST")

    def is_offered(self, level: Level, type: str) -> bool:
        """Whether it can be called at ``level`` of ``type`` (empty for the system)."""
        return level in self.at and (self.types is None or level == "system" or type in self.types)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What an operation is called with, as elements ``Parameters.parameter`` in their order."""

    given: tuple[dict[str, Any], ...] = ()

    def one(self, name: str) -> dict[str, Any] | None:
        """Return the parameter of that name, None without one. Refuses: ``Unacceptable`` where there are several."""
        found = [each for each in self.given if each["name"] == name]
        if len(found) > 1:
            raise Unacceptable(f"the parameter {name} is given more than once", at=name)
        return found[0] if found else None

    def text(self, name: str) -> str | None:
        """Return the text that a parameter says, None without one. Refuses: ``Unacceptable`` for what is no text."""
        found = self.one(name)
        if found is None:
            return None
        texts = [value for key, value in found.items() if key.startswith("value") and type(value) is str]
        if len(texts) != 1:
            raise Unacceptable(f"the parameter {name} is a text", at=name)
        return texts[0]

    def values(self, name: str) -> tuple[str, ...]:
        """Return what the parameters of that name say, numbers as they are written.

        Refuses: ``Unacceptable`` for what is neither a text nor a number.
        """
        return tuple(value for each, value in self.pairs() if each == name)

    def value(self, name: str) -> str | None:
        """Return the one of ``values``, None without one. Refuses: ``Unacceptable`` where there are several."""
        self.one(name)
        return next(iter(self.values(name)), None)

    def pairs(self) -> Pairs:
        """Return all as the parameters of a URL. Refuses: as ``values``."""
        return [(each["name"], _written(each)) for each in self.given]

    def resource(self, name: str) -> Resource | None:
        """Return the resource that a parameter holds, None without one. Refuses: ``Invalid`` for what is none."""
        found = self.one(name)
        if found is None:
            return None
        resource = found.get("resource")
        if type(resource) is not dict or type(resource.get("resourceType")) is not str:
            raise Invalid(f"the parameter {name} holds a resource", at=name)
        return resource


def arguments(call: Call, *names: str, subject: str | None = None) -> Arguments:
    """Return what ``call`` brings: parameters of the URL, then those of a Parameters resource in the body.

    ``names`` are all that the operation knows. With ``subject``, any other resource in the body is the parameter of
    that name. Refuses: ``Unacceptable`` naming a parameter it does not know; ``UnsupportedMediaType``, ``Malformed``.
    """
    given = all_arguments(call, subject=subject)
    for each in given.given:
        if each["name"] not in names:
            raise Unacceptable(f"the operation has no parameter {each['name'][:64]!r}", at=each["name"][:64])
    return given


def all_arguments(call: Call, *, subject: str | None = None) -> Arguments:
    """Return what ``call`` brings, as ``arguments`` does, by whatever names."""
    given: list[dict[str, Any]] = [{"name": name, "valueString": value} for name, value in without_format(call.pairs())]
    body = _body(call)
    if body is not None and body["resourceType"] == "Parameters":
        given += _parameters(body)
    elif body is not None and subject is not None:
        given.append({"name": subject, "resource": body})
    elif body is not None:
        raise Invalid(f"the body is a Parameters resource, not a {body['resourceType'][:64]!r}", at="resourceType")
    return Arguments(tuple(given))


def _written(parameter: dict[str, Any]) -> str:
    values = [value for key, value in parameter.items() if key.startswith("value")]
    if len(values) != 1 or type(values[0]) not in (str, int, Decimal):
        raise Unacceptable(f"the parameter {parameter['name'][:64]} is a text or a number", at=parameter["name"][:64])
    if "\0" in str(values[0]):
        raise Unacceptable("a parameter holds the character U+0000, which FHIR forbids", at=parameter["name"][:64])
    return str(values[0])


def _body(call: Call) -> Resource | None:
    if call.resource is not None:
        return call.resource
    if not call.body:
        return None
    agreed_body(call)
    return decode_resource(call.body)


def _parameters(body: Resource) -> list[dict[str, Any]]:
    listed = body.get("parameter", [])
    if type(listed) is not list or not all(type(each) is dict and type(each.get("name")) is str for each in listed):
        raise Invalid("Parameters.parameter is a list of parameters that have a name", at="Parameters.parameter")
    return listed


def answered(*parameters: dict[str, Any]) -> bytes:
    """Return the Parameters resource that an operation answers with."""
    listed = {"parameter": list(parameters)} if parameters else {}
    return encode({"resourceType": "Parameters", **listed})
