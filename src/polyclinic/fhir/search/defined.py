"""Search parameters that somebody defines here: a SearchParameter resource judged, and read as what is searched by.

Source: https://hl7.org/fhir/R4/searchparameter.html
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import SearchParameter
from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.search.branches import Unfollowable
from polyclinic.fhir.search.emit import EMITTED
from polyclinic.fhir.search.vocabulary import understood

_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_FOLLOWED = tuple(sorted(set(EMITTED) - {"special"}))


def defined_by(
    resource: Mapping[str, Any], kept: Collection[str] = definitions.RESOURCE_TYPES
) -> Mapping[str, SearchParameter]:
    """Return the parameter that a SearchParameter (valid R4) adds, for each resource type that it adds it to.

    Nothing where it is not active, or repeats one of R4, which stays what it is. ``kept`` are the types kept here.
    Refuses: ``NotSupported`` naming the element that this server cannot follow.
    """
    if resource["status"] != "active":
        return {}
    types = [type for type in _types(resource, kept) if not _is_of_r4(resource, type)]
    if not types:
        return {}
    definition = _definition(resource)
    for type in types:
        try:
            understood(definition, type, custom=True)
        except Unfollowable as error:
            sentence = f"the expression cannot be followed in a {type}: {error}"
            raise NotSupported(sentence, at="SearchParameter.expression") from error
    return dict.fromkeys(types, definition)


def _types(resource: Mapping[str, Any], kept: Collection[str]) -> Iterator[str]:
    for number, base in enumerate(resource["base"]):
        found = [type for type in sorted(kept) if definitions.is_subtype(type, base)]
        if not found:
            raise NotSupported(f"{base} is not kept here", at=f"SearchParameter.base[{number}]")
        yield from found


def _is_of_r4(resource: Mapping[str, Any], type: str) -> bool:
    known = definitions.search_parameters(type)
    return resource["code"] in known or any(each.url == resource["url"] for each in known.values())


def _definition(resource: Mapping[str, Any]) -> SearchParameter:
    """Return what ``resource`` defines. Refuses: ``NotSupported``."""
    code, type = resource["code"], resource["type"]
    if not _CODE.fullmatch(code):
        sentence = f"{code[:64]!r} cannot be the name of a parameter here: letters, digits, - and _, a letter first"
        raise NotSupported(sentence, at="SearchParameter.code")
    if type not in _FOLLOWED:
        sentence = f"a {type} parameter cannot be defined here; those that can are {', '.join(_FOLLOWED)}"
        raise NotSupported(sentence, at="SearchParameter.type")
    if "expression" not in resource:
        raise NotSupported("without an expression nothing can be looked at", at="SearchParameter.expression")
    targets = tuple(target for target in resource.get("target", ()) if target in definitions.RESOURCE_TYPES)
    return SearchParameter(code, type, resource["url"], resource["expression"], targets)
