"""Hypothesis strategies that make JSON of any R4 type from the definitions, mostly right, and spoil it.

Values come from small pools, so that rules about equal, earlier or entered-in-error values are met often.
"""

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from polyclinic.fhir import definitions

SYSTEMS = [
    "http://unitsofmeasure.org",
    "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    "http://terminology.hl7.org/CodeSystem/condition-clinical",
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
]
DATES = ["2020", "2020-02", "2020-02-29", "2021-01-01"]
INSTANTS = ["2020-02-29T10:00:00Z", "2020-02-29T10:00:00.5Z", "2020-02-29T11:30:00+01:00", "2021-01-01T00:00:00-05:00"]
STRINGS = ["x", "y", "entered-in-error", "#a"]
POOLS: dict[str, list[Any]] = {
    "base64Binary": ["YQ==", "YWI="],
    "boolean": [True, False],
    "canonical": ["http://x.org/a", "#a"],
    "code": ["entered-in-error", "resolved", "active", "kg", "1", "C", "MORN"],
    "date": DATES,
    "dateTime": DATES + INSTANTS,
    "decimal": [0, 1, Decimal("1.50"), Decimal("-2"), 70],
    "id": ["a", "b"],
    "instant": INSTANTS,
    "integer": [-1, 0, 1, 2],
    "markdown": STRINGS,
    "oid": ["urn:oid:1.2.3"],
    "positiveInt": [1, 2],
    "string": STRINGS,
    "time": ["10:00:00", "23:59:60.5"],
    "unsignedInt": [0, 1],
    "uri": [*SYSTEMS, "urn:x"],
    "url": ["http://x.org"],
    "uuid": ["urn:uuid:c757873d-ec9a-4326-a141-556f43239520"],
    "xhtml": ['<div xmlns="http://www.w3.org/1999/xhtml">x</div>'],
}
SHADOW = {"extension": [{"url": "http://x.org", "valueCode": "unknown"}]}
JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, Decimal("1.5"), "", "x", [], {}, [None], {"id": "a"}, [[]], "2020-13-45", -1]
)
RESOURCES = ["Patient", "Composition", "MessageHeader", "Basic"]


@st.composite
def objects(draw: st.DrawFn, type_name: str, depth: int = 2) -> dict[str, Any]:
    """Make an object of the type: what it must have, and some of what it may have."""
    known = definitions.elements(type_name)
    wanted = draw(st.lists(st.sampled_from(sorted(known)), max_size=5, unique=True)) if depth else []
    made: dict[str, Any] = {}
    if definitions.structure(type_name).kind == "resource":
        made["resourceType"] = type_name
        wanted += ["id", "contained"] if draw(st.booleans()) else []
    for name, element in known.items():
        if element.min or name in wanted:
            made |= draw(properties(element, depth))
    return made or {"id": "a"}


@st.composite
def properties(draw: st.DrawFn, element: definitions.Element, depth: int) -> dict[str, Any]:
    """Make the JSON property of an element, sometimes with extensions beside or in place of a value."""
    type_name = draw(st.sampled_from(element.types if depth else element.types[:1]))
    key = element.name + (type_name[0].upper() + type_name[1:] if element.choice else "")
    one = values(type_name, element.binding, depth)
    value = draw(st.lists(one, min_size=max(1, element.min), max_size=2 + element.min) if element.is_list else one)
    if (
        type_name in POOLS
        and element.name not in ("id", "div")
        and not element.is_list
        and draw(st.integers(0, 9)) == 0
    ):
        return {"_" + key: SHADOW} if draw(st.booleans()) else {key: value, "_" + key: SHADOW}
    return {key: value}


def values(type_name: str, binding: str, depth: int) -> st.SearchStrategy[Any]:
    """Make one value of a type."""
    if type_name in POOLS:
        codes = definitions.value_set(binding).codes if binding else {}
        return st.sampled_from([code for some in codes.values() for code in some] or POOLS[type_name])
    if type_name == "Resource":
        return st.sampled_from(RESOURCES).flatmap(lambda name: objects(name, max(0, depth - 1)))
    return objects(type_name, max(0, depth - 1))


@st.composite
def spoiled(draw: st.DrawFn, whole: st.SearchStrategy[dict[str, Any]]) -> Any:
    """Make JSON in which a few values, anywhere, were replaced by junk."""
    made = deepcopy(draw(whole))
    for _ in range(draw(st.integers(1, 3))):
        places = list(spots(made))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        holder[key] = deepcopy(draw(JUNK))
    return made


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Return every place of a value in a JSON tree, as the object or array that holds it and its key there."""
    for key, one in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(one, dict | list):
            yield from spots(one)
