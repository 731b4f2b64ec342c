"""A value for each search parameter that is told, by its type or its name."""

from typing import Any
from urllib.parse import quote

from polyclinic.fhir.definitions import search_parameters

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
VALUES = {
    "string": "a",
    "token": "http://x.example|a",
    "reference": "a",
    "uri": "http://x.example",
    "date": ",".join(f"{prefix}2026-03" for prefix in PREFIXES),
    "number": ",".join(f"{prefix}5.4" for prefix in PREFIXES),
    "quantity": ",".join(f"{prefix}5.4|http://unitsofmeasure.org|mg" for prefix in PREFIXES),
}
"""By type of parameter; those with prefixes ask with each of them, as R4 restricts them for none."""

MODIFIERS = {
    "string": ("exact", "contains", "missing", "text"),
    "token": ("not", "text", "in", "not-in", "of-type", "above", "below", "missing"),
    "reference": ("identifier", "missing", "Patient", "above", "below"),
    "uri": ("above", "below", "missing"),
    "date": ("missing",),
    "number": ("missing",),
    "quantity": ("missing",),
}
"""By type of parameter the modifiers that R4 defines (https://hl7.org/fhir/R4/search.html#modifiers)."""

MODIFIED = {
    "missing": "true",
    "of-type": "http://x.example|MR|1",
    "identifier": "http://x.example|1",
    "in": "http://x.example",
}
"""By modifier a value for it, where that of the type will not do."""

NAMED = {
    "_id": "a",
    "_lastUpdated": VALUES["date"],
    "_text": "a",
    "_content": "a",
    "_list": "a",
    "_query": "a",
    "_filter": "_id eq a",
    "_type": "Patient",
    "_has": "a",
    "near": "47.4|8.5|10|km",
    "phonetic": "a",
}
"""By name, where the type does not tell."""


def modified(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the parameter that ``told`` describes with each modifier that R4 defines for it: the name, and a query."""
    name, type = told["name"], told["type"]
    if name in NAMED:
        return []
    values = {modifier: MODIFIED.get(modifier, VALUES[type].partition(",")[0]) for modifier in MODIFIERS.get(type, ())}
    return [
        (f"{name}:{modifier}", f"{name}:{modifier}={quote(value, safe=',:|$')}&_count=1")
        for modifier, value in values.items()
    ]


def question(type: str, told: dict[str, Any]) -> str:
    """Return the query that asks by the parameter that ``told`` describes."""
    name = told["name"]
    if name in NAMED:
        value = NAMED[name]
    elif told["type"] == "composite":
        parts = [VALUES[search_parameters(type)[each.code].type] for each in search_parameters(type)[name].components]
        value = "$".join(part.partition(",")[0] for part in parts)
    else:
        value = VALUES[told["type"]]
    return f"{name}={quote(value, safe=',:|$')}&_count=1"
