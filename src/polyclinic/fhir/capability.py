"""CapabilityStatements: what a server can do, said from what is implemented, and several said as one.

Source: https://hl7.org/fhir/R4/capabilitystatement.html
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
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
class Offer:
    """What can be done with resources, the same for each type.

    ``interactions`` are codes of type-restful-interaction, ``system`` codes of system-restful-interaction;
    ``rules`` are elements of CapabilityStatement.rest.resource that are the same for each type.
    """

    interactions: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    rules: Mapping[str, Any] | None = None


def capability_statement(software: Software, offer: Offer, searched: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Return the statement of a server that keeps the types of ``searched``.

    ``searched`` says by resource type the codes of the search parameters that are implemented.
    """
    rest: dict[str, Any] = {"mode": "server"}
    if searched:
        rest["resource"] = [_resource(type, offer, searched[type]) for type in sorted(searched)]
    if offer.system:
        rest["interaction"] = [{"code": code} for code in offer.system]
    return _framed(software, rest)


def merged(software: Software, statements: Iterable[Mapping[str, Any]], missing: Sequence[str] = ()) -> dict[str, Any]:
    """Return one statement that promises what ``statements`` promise together; ``missing`` names silent services.

    Every statement is one made by ``capability_statement``. An interaction with the whole system is
    promised where any of them promises it.
    """
    resources: dict[str, Any] = {}
    interactions: dict[str, Any] = {}
    for statement in statements:
        for rest in statement["rest"]:
            resources |= {resource["type"]: resource for resource in rest.get("resource", ())}
            interactions |= {item["code"]: item for item in rest.get("interaction", ())}
    rest = {"mode": "server"}
    if resources:
        rest["resource"] = [resources[type] for type in sorted(resources)]
    if interactions:
        rest["interaction"] = [interactions[code] for code in sorted(interactions)]
    if missing:
        rest["documentation"] = f"Left out, because they do not answer now: {', '.join(sorted(missing))}."
    return _framed(software, rest)


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


def _resource(type: str, offer: Offer, codes: Iterable[str]) -> dict[str, Any]:
    stated: dict[str, Any] = {
        "type": type,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{type}",
        "interaction": [{"code": code} for code in offer.interactions],
        **(offer.rules or {}),
    }
    defined = definitions.search_parameters(type)
    parameters = [_parameter(defined[code]) for code in sorted(codes)]
    return stated | ({"searchParam": parameters} if parameters else {})


def _parameter(defined: definitions.SearchParameter) -> dict[str, Any]:
    stated = {"name": defined.code, "definition": defined.url, "type": defined.type}
    if defined.expression:
        stated["documentation"] = f"Looks at {defined.expression}"
    return stated
