"""What an operation is, and what it is asked with: parameters in the URL, in a Parameters resource, or both.

Source: https://hl7.org/fhir/R4/operations.html#executing
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from polyclinic.fhir.json import decode_resource, encode
from polyclinic.fhir.outcome import Invalid, Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import agreed_body, without_format
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Resource

Level = Literal["system", "type", "instance"]

_DEFINITIONS = "http://hl7.org/fhir/OperationDefinition/"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: ``name`` without the dollar sign, the id of its definition in R4, and who serves it.

    ``at`` are the levels it is offered at, ``types`` the resource types (None for all). One that ``changes`` what is
    kept cannot be called by GET.
    """

    name: str
    defined: str
    serve: Callable[[Endpoint, Call, Target], Awaitable[Answer]]
    at: tuple[Level, ...]
    types: frozenset[str] | None = None
    changes: bool = False

    @property
    def definition(self) -> str:
        """The canonical URL of the OperationDefinition."""
        return _DEFINITIONS + self.defined

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods it is called by."""
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
    given: list[dict[str, Any]] = [{"name": name, "valueString": value} for name, value in without_format(call.pairs())]
    body = _body(call)
    if body is not None and body["resourceType"] == "Parameters":
        given += _parameters(body)
    elif body is not None and subject is not None:
        given.append({"name": subject, "resource": body})
    elif body is not None:
        raise Invalid(f"the body is a Parameters resource, not a {body['resourceType'][:64]!r}", at="resourceType")
    for each in given:
        if each["name"] not in names:
            raise Unacceptable(f"the operation has no parameter {each['name'][:64]!r}", at=each["name"][:64])
    return Arguments(tuple(given))


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
    return encode({"resourceType": "Parameters", "parameter": list(parameters)})
