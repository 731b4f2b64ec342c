"""CapabilityStatements: what a server can do, said from what is implemented, and several said as one.

Source: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from polyclinic.fhir import definitions

FHIR_VERSION = "4.0.1"
FORMATS = ("application/fhir+json", "json")
PATCH_FORMATS = ("application/json-patch+json", "application/fhir+json")


@dataclass(frozen=True, slots=True)
class Software:
    """Who answers: name, version, the public base URL, and since when it can do what it says."""

    name: str
    version: str
    url: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Promise:
    """An operation: its name without the dollar sign, its definition's URL, and at which levels it is offered.

    Levels are ``system``, ``type`` and ``instance``; ``types`` are the resource types, None for all.
    """

    name: str
    definition: str
    at: tuple[str, ...]
    types: frozenset[str] | None = None

    def json(self) -> dict[str, str]:
        """Return what a statement says of it."""
        return {"name": self.name, "definition": self.definition}

    def concerns(self, type: str) -> bool:
        """Whether it is offered for resources of ``type``."""
        return self.at != ("system",) and (self.types is None or type in self.types)


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be done with resources, the same for each type but for operations of some.

    ``interactions`` are codes of type-restful-interaction, ``system`` codes of system-restful-interaction;
    ``rules`` are elements of CapabilityStatement.rest.resource that are the same for each type.
    """

    interactions: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    rules: Mapping[str, Any] | None = None
    operations: tuple[Promise, ...] = ()


def capability_statement(
    software: Software,
    offer: Offer,
    searched: Mapping[str, Iterable[str]],
    custom: Mapping[str, Sequence[definitions.SearchParameter]] = MappingProxyType({}),
) -> dict[str, Any]:
    """Return the statement of a server that keeps the types of ``searched``.

    ``searched`` says by resource type the codes of the search parameters that are implemented; ``custom`` are the
    definitions of those that are not R4's.
    """
    rest: dict[str, Any] = {"mode": "server"}
    if searched:
        rest["resource"] = [_resource(type, offer, searched[type], custom.get(type, ())) for type in sorted(searched)]
    if offer.system:
        rest["interaction"] = [{"code": code} for code in offer.system]
    operations = [each.json() for each in offer.operations if "system" in each.at]
    if operations:
        rest["operation"] = operations
    return _framed(software, rest)


def tell_includes(statement: dict[str, Any], references: Mapping[str, Mapping[str, Iterable[str]]]) -> None:
    """Add to ``statement`` what can come along with a search, in place.

    ``references`` are the reference parameters by resource type and code, each with the types it leads to.
    """
    leading: dict[str, list[str]] = defaultdict(list)
    for type in sorted(references):
        for code, targets in sorted(references[type].items()):
            for target in targets:
                leading[target].append(f"{type}:{code}")
    for stated in statement["rest"][0].get("resource", ()):
        own = [f"{stated['type']}:{code}" for code in sorted(references.get(stated["type"], ()))]
        stated["searchInclude"] = ["*", *own]
        if leading[stated["type"]]:
            stated["searchRevInclude"] = leading[stated["type"]]


def merged(
    software: Software,
    statements: Sequence[Mapping[str, Any]],
    missing: Sequence[str] = (),
    *,
    shared: Collection[str] = (),
) -> dict[str, Any]:
    """Return one statement that promises what ``statements`` promise together; ``missing`` names silent services.

    Every statement is one made by ``capability_statement``. An interaction with the whole system is promised where
    any of them promises it, an operation on the system where one answers for all, or where it is ``shared``.
    """
    alone = len(statements) + len(missing) == 1
    resources: dict[str, Any] = {}
    interactions: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    for statement in statements:
        for rest in statement["rest"]:
            resources |= {resource["type"]: resource for resource in rest.get("resource", ())}
            interactions |= {item["code"]: item for item in rest.get("interaction", ())}
            operations |= {item["name"]: item for item in rest.get("operation", ()) if alone or item["name"] in shared}
    promised: dict[str, Any] = {"mode": "server"}
    if resources:
        promised["resource"] = [resources[type] for type in sorted(resources)]
    if interactions:
        promised["interaction"] = [interactions[code] for code in sorted(interactions)]
    if operations:
        promised["operation"] = [operations[name] for name in sorted(operations)]
    if missing:
        promised["documentation"] = f"Left out, because they do not answer now: {', '.join(sorted(missing))}."
    return _framed(software, promised)


def _framed(software: Software, rest: dict[str, Any]) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": software.since.isoformat(timespec="seconds"),
        "kind": "instance",
        "software": {"name": software.name, "version": software.version},
        "implementation": {"description": software.name, "url": software.url},
        "fhirVersion": FHIR_VERSION,
        "format": list(FORMATS),
        "patchFormat": list(PATCH_FORMATS),
        "rest": [rest],
    }


def _resource(
    type: str, offer: Offer, codes: Iterable[str], custom: Iterable[definitions.SearchParameter]
) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "type": type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type}",
        "interaction": [{"code": code} for code in offer.interactions],
        **(offer.rules or {}),
    }
    defined = {**{each.code: each for each in custom}, **definitions.search_parameters(type)}
    parameters = [_parameter(defined[code]) for code in sorted(codes)]
    operations = [each.json() for each in offer.operations if each.concerns(type)]
    stated |= {"searchParam": parameters} if parameters else {}
    return stated | ({"operation": operations} if operations else {})


def _parameter(defined: definitions.SearchParameter) -> dict[str, Any]:
    stated = {"name": defined.code, "definition": defined.url, "type": defined.type}
    if defined.expression:
        stated["documentation"] = f"Looks at {defined.expression}"
    return stated
