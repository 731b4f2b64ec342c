"""Values that a FHIRPath Patch brings along, and which property of an element takes them.

Source: https://hl7.org/fhir/R4/fhirpatch.html
"""

from dataclasses import dataclass, field
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import Property
from polyclinic.fhir.outcome import Invalid
from polyclinic.fhir.patch.copying import Copier, Json

_TEXT, _NUMBER = "text", "number"
_JSON_OF = {"boolean": "boolean", "decimal": _NUMBER, "integer": _NUMBER}


@dataclass(frozen=True, slots=True)
class Value:
    """What is to be put somewhere; ``at`` is where the patch has it.

    It has a ``type`` and its ``json`` with the ``extra`` of a primitive (``_value``), or else ``parts``, the
    elements of a type that only its place tells.
    """

    at: str
    type: str = ""
    json: Json = None
    extra: Json = None
    parts: tuple["Part", ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Part:
    """An element by name, as one of several that build another."""

    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Content:
    """A value as it stands in a resource: under which property, and the ``_`` sibling of it."""

    property: Property
    json: Json
    extra: Json = None


def property_for(type_name: str, name: str, value: Value) -> Property:
    """Return the property of a ``type_name`` under which ``value`` stands if it is put to the element ``name``.

    ``name`` is that of FHIRPath (``value``), or of JSON (``valueQuantity``). Refuses: ``Invalid``.
    """
    found = definitions.properties(type_name)
    if name in found:
        chosen = found[name]
    else:
        element = definitions.elements(type_name).get(name.removesuffix("[x]"))
        if element is None or not element.choice:
            raise Invalid(f"{type_name} has no element {name[:64]!r}", at=value.at)
        by_type = {each.type: each for each in found.values() if each.element.name == element.name}
        if value.type not in by_type:
            raise Invalid(f"{name} of a {type_name} has to be one of {', '.join(by_type)}", at=value.at)
        chosen = by_type[value.type]
    if not _suits(value, chosen.type):
        given = "parts" if value.parts else f"a {value.type}"
        raise Invalid(f"{name} of a {type_name} is a {chosen.type}, not {given}", at=value.at)
    return chosen


def content(type_name: str, name: str, value: Value, copier: Copier) -> Content:
    """Return a copy of ``value`` as it stands under ``name`` in a ``type_name``.

    Refuses: ``Invalid``, ``TooCostly``.
    """
    chosen = property_for(type_name, name, value)
    if value.parts:
        return Content(chosen, _built(chosen.type, value.parts, copier))
    return Content(chosen, copier.copy(value.json), copier.copy(value.extra))


def _suits(value: Value, type_name: str) -> bool:
    """Whether a value may stand where a ``type_name`` is asked for; texts of any primitive are judged later."""
    if value.parts:
        return not _json_of(type_name)
    if definitions.is_subtype(value.type, type_name):
        return True
    kind = _json_of(type_name)
    return bool(kind) and kind == _json_of(value.type)


def _json_of(type_name: str) -> str:
    """Return how JSON writes a primitive; empty for other types."""
    if definitions.structure(type_name).kind != "primitive":
        return ""
    for name in definitions.ancestors(type_name):
        if name in _JSON_OF:
            return _JSON_OF[name]
    return _TEXT


def _built(type_name: str, parts: tuple[Part, ...], copier: Copier) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for part in parts:
        put(built, content(type_name, part.name, part.value, copier), at=part.value.at)
    return built


def put(holder: dict[str, Any], made: Content, *, at: str, index: int | None = None) -> None:
    """Put a value into the object ``holder``: into a list at ``index`` or its end, else where nothing stands yet.

    Refuses: ``Invalid`` where something stands.
    """
    name = made.property.name
    if made.property.element.is_list:
        place = index if index is not None else length(holder, name)
        _put_in_list(holder, name, place, made.json)
        if made.extra is not None or "_" + name in holder:
            _put_in_list(holder, "_" + name, place, made.extra)
        return
    present = next((key for key in _keys(made.property) if key in holder), None)
    if present is not None:
        raise Invalid(f"{present.removeprefix('_')} is there already and does not repeat; replace it", at=at)
    set_single(holder, made)


def set_single(holder: dict[str, Any], made: Content) -> None:
    """Let ``holder`` have this value for an element that does not repeat, in place of any other."""
    for key in _keys(made.property):
        holder.pop(key, None)
    if made.json is not None:
        holder[made.property.name] = made.json
    if made.extra is not None:
        holder["_" + made.property.name] = made.extra


def length(holder: dict[str, Any], name: str) -> int:
    """Return how many values a list has, values that are only extensions included."""
    return max(len(_list(holder, name)), len(_list(holder, "_" + name)))


def _list(holder: dict[str, Any], key: str) -> list[Any]:
    found = holder.get(key)
    return found if type(found) is list else []


def _put_in_list(holder: dict[str, Any], key: str, index: int, value: Json) -> None:
    if value is None and key not in holder:
        return
    listed = holder.setdefault(key, [])
    listed += [None] * (index - len(listed))
    listed.insert(index, value)


def _keys(found: Property) -> list[str]:
    """Return the JSON names under which the element of ``found`` can stand."""
    element = found.element
    if not element.choice:
        return [found.name, "_" + found.name]
    names = [element.name + name[0].upper() + name[1:] for name in element.types]
    return names + ["_" + name for name in names]
