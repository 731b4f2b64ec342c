"""Whether codes come from the value sets that R4 requires (https://hl7.org/fhir/R4/terminologies.html#required)."""

import re
from collections.abc import Callable
from functools import cache
from typing import Any

from polyclinic.fhir.definitions import value_set
from polyclinic.fhir.validate.findings import Check, Found, broken

Member = Callable[[Any, Any], bool]
"""Whether a code of a system (None where JSON has none) is in the value set."""

SHOWN = 64  # characters of a wrong code that are told


@cache
def codes_of(url: str) -> frozenset[str]:
    """Return every code of the value set, whatever its system; empty where R4 does not enumerate them."""
    return frozenset[str]().union(*value_set(url).codes.values())


def bind(check: Check, type_name: str, url: str) -> Check:
    """Return ``check``, followed by the binding of an element of that type to the value set."""
    if type_name == "code":
        return bind_code(check, url)
    return {"Coding": _bind_coding, "CodeableConcept": _bind_concept}[type_name](check, url)


def bind_code(check: Check, url: str) -> Check:
    """Return the check of a code, uri or string whose value must be in the value set."""
    codes = codes_of(url)
    syntax = re.compile(value_set(url).syntax).fullmatch

    def enumerated(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is str and value in codes:
            return None
        return check(value, owner) or _refuse(value, url)

    def described(value: Any, owner: dict[str, Any]) -> Found | None:
        return check(value, owner) or (None if syntax(value) else _refuse(value, url))

    return enumerated if codes else described


def _bind_coding(check: Check, url: str) -> Check:
    is_member = _member(url)

    def bound(value: Any, owner: dict[str, Any]) -> Found | None:
        found = check(value, owner)
        if found is None and not is_member(value.get("system"), value.get("code")):
            return _refuse(value.get("code"), url)
        return found

    return bound


def _bind_concept(check: Check, url: str) -> Check:
    is_member = _member(url)

    def bound(value: Any, owner: dict[str, Any]) -> Found | None:
        found = check(value, owner)
        if found is not None:
            return found
        codings = value.get("coding", ())
        if any(is_member(coding.get("system"), coding.get("code")) for coding in codings):
            return None
        return _refuse(codings[0].get("code"), url) if codings else _refuse_text(value, url)

    return bound


def _member(url: str) -> Member:
    known = value_set(url)
    if known.codes:
        members = {(system, code) for system, codes in known.codes.items() for code in codes}
        return lambda system, code: (system, code) in members
    syntax = re.compile(known.syntax or ".+").fullmatch
    return lambda system, code: isinstance(code, str) and syntax(code) is not None


def _refuse(code: Any, url: str) -> Found:
    if not isinstance(code, str):
        return broken("code-invalid", f"a code from the value set {url} is required")
    return broken("code-invalid", f"the code {code[:SHOWN]!r} is not in the value set {url}, which is required")


def _refuse_text(value: dict[str, Any], url: str) -> Found | None:
    if "text" in value or "_text" in value:
        return broken("code-invalid", f"a coding from the value set {url} is required, text alone is not enough")
    return None
