"""Parameters of operations as scheduling reads them: references, concepts, times."""

from collections.abc import Iterator
from typing import Any

from polyclinic.fhir import validate as rules
from polyclinic.fhir.outcome import Invalid, Unacceptable
from polyclinic.kit.rest.operations.model import Arguments
from polyclinic.services.scheduling.model import Code
from polyclinic.services.scheduling.rules.times import edge_of


def checked(arguments: Arguments) -> Arguments:
    """Return ``arguments`` if they are FHIR. Refuses: ``Invalid`` with every issue."""
    issues = (
        rules.validate({"resourceType": "Parameters", "parameter": list(arguments.given)}) if arguments.given else []
    )
    if issues:
        raise Invalid(issues=issues)
    return arguments


def references(arguments: Arguments, name: str, base: str) -> tuple[str, ...]:
    """Return what the References of that name refer to, ours without ``base``.

    Refuses: ``Unacceptable`` for one that refers to nothing by an address.
    """
    return tuple(_local(_reference(each, name), base) for each in _of(arguments, name))


def reference(arguments: Arguments, name: str, base: str) -> str | None:
    """Return the only one of ``references``, None without one. Refuses: ``Unacceptable``."""
    arguments.one(name)
    return next(iter(references(arguments, name, base)), None)


def codes(arguments: Arguments, name: str) -> tuple[Code, ...]:
    """Return the codes of that name: of concepts, or written ``system|code`` or ``code``."""
    return tuple(code for each in _of(arguments, name) for code in _codes(each, name))


def concept(arguments: Arguments, name: str) -> dict[str, Any] | None:
    """Return the CodeableConcept of that name; a text stands for one. Refuses: ``Unacceptable``."""
    found = arguments.one(name)
    if found is None:
        return None
    if "valueCodeableConcept" in found:
        return dict(found["valueCodeableConcept"])
    if "valueCoding" in found:
        return {"coding": [found["valueCoding"]]}
    text = next((value for key, value in found.items() if key.startswith("value") and type(value) is str), None)
    if text is None:
        raise Unacceptable(f"the parameter {name} is a CodeableConcept", at=name)
    return {"text": text}


def instant(arguments: Arguments, name: str, *, last: bool = False) -> int | None:
    """Return the moment that a dateTime says, seconds since 1970; None without one.

    Refuses: ``Unacceptable`` for what is no time of day with a time zone.
    """
    text = arguments.text(name)
    if text is None:
        return None
    try:
        found = edge_of(text, last=last) if _has_zone(text) else None
    except ValueError:
        found = None
    if not isinstance(found, int):
        raise Unacceptable(f"{name} is a time with a time zone, such as 2026-12-01T09:00:00+01:00", at=name)
    return found


def truth(arguments: Arguments, name: str) -> bool:
    """Return whether a boolean is said and true. Refuses: ``Unacceptable``."""
    found = arguments.one(name)
    said = None if found is None else found.get("valueBoolean", found.get("valueString"))
    if found is not None and said not in (True, False, "true", "false"):
        raise Unacceptable(f"{name} is true or false", at=name)
    return said in (True, "true")


def count(arguments: Arguments, name: str, *, usual: int, most: int) -> int:
    """Return a whole number from 1 to ``most``. Refuses: ``Unacceptable``."""
    found = arguments.one(name)
    if found is None:
        return usual
    text = str(next((value for key, value in found.items() if key.startswith("value")), ""))
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise Unacceptable(f"{name} is a number from 1 to {most}", at=name)
    return int(text)


def _of(arguments: Arguments, name: str) -> Iterator[dict[str, Any]]:
    return (each for each in arguments.given if each["name"] == name)


def _reference(parameter: dict[str, Any], name: str) -> str:
    element = parameter.get("valueReference", {})
    text = element.get("reference", parameter.get("valueString", parameter.get("valueUri")))
    if type(text) is not str or "/" not in text:
        raise Unacceptable(f"{name} is a Reference by an address, such as Patient/1", at=name)
    return text


def _local(text: str, base: str) -> str:
    return text.removeprefix(f"{base}/").partition("/_history/")[0]


def _codes(parameter: dict[str, Any], name: str) -> Iterator[Code]:
    if "valueCodeableConcept" in parameter:
        codings = parameter["valueCodeableConcept"].get("coding", [])
    elif "valueCoding" in parameter:
        codings = [parameter["valueCoding"]]
    else:
        text = next((value for key, value in parameter.items() if key.startswith("value")), None)
        if type(text) is not str:
            raise Unacceptable(f"{name} is a code", at=name)
        system, _, code = text.rpartition("|")
        codings = [{"system": system, "code": code}]
    return ((each.get("system", ""), each["code"]) for each in codings if "code" in each)


def _has_zone(text: str) -> bool:
    return "T" in text and (text.endswith("Z") or "+" in text[10:] or "-" in text[10:])
