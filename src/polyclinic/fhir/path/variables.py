"""Variables of the environment: FHIR's own, those of code systems and value sets, and what the caller gives.

Source: https://hl7.org/fhir/R4/fhirpath.html#variables.
"""

from collections.abc import Callable, Mapping
from typing import Any

from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.nodes import Item, node_of
from polyclinic.fhir.path.scope import Collection, Evaluator, Scope

_URLS = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}
_PREFIXES = {
    "vs-": "http://hl7.org/fhir/ValueSet/",
    "cs-": "http://hl7.org/fhir/CodeSystem/",
    "ext-": "http://hl7.org/fhir/StructureDefinition/",
}
_OF_SCOPE: Mapping[str, Callable[[Scope], Item | None]] = {
    "resource": lambda scope: scope.resource,
    "rootResource": lambda scope: scope.root_resource,
}


def variable(name: str) -> Evaluator:
    """Return the evaluator of ``%name``; one that nobody gave is an error when it is evaluated."""
    if name == "context":
        return lambda _this, scope: scope.context
    if name in _OF_SCOPE:
        return _of_scope(_OF_SCOPE[name])
    url = _URLS.get(name) or next(
        (start + name[len(prefix) :] for prefix, start in _PREFIXES.items() if name.startswith(prefix)), None
    )
    return _given(name, url)


def _of_scope(get: Callable[[Scope], Item | None]) -> Evaluator:
    def run(_this: Collection, scope: Scope) -> Collection:
        item = get(scope)
        return [] if item is None else [item]

    return run


def _given(name: str, url: str | None) -> Evaluator:
    def run(_this: Collection, scope: Scope) -> Collection:
        if scope.variables is not None and name in scope.variables:
            return items_of(scope.variables[name])
        if url is None:
            raise PathError(f"nobody gave the variable %{name}")
        return [url]

    return run


def items_of(value: Any) -> Collection:
    """Return JSON (or a list of it) as a collection."""
    values = value if type(value) is list else [] if value is None else [value]
    return [node_of(one) for one in values]
