"""How values of FHIR's types become System values (R4, fhirpath.html#types)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from polyclinic.fhir import definitions
from polyclinic.fhir.path.quantity import UCUM, Quantity
from polyclinic.fhir.path.temporal import read_date, read_date_time, read_time
from polyclinic.fhir.path.values import Value


def system_of(type_name: str) -> str | None:
    """Return the System type that values of an R4 type convert to implicitly (R4, fhirpath.html#types)."""
    ancestors = definitions.ancestors(type_name)
    if "Quantity" in ancestors:
        return "Quantity"
    if definitions.structure(type_name).kind != "primitive":
        return None
    return next((_PRIMITIVES[name] for name in ancestors if name in _PRIMITIVES), "String")


_PRIMITIVES = {
    "boolean": "Boolean", "integer": "Integer", "decimal": "Decimal", "date": "Date", "dateTime": "DateTime",
    "instant": "DateTime", "time": "Time",
}  # fmt: skip


def _boolean(value: Any) -> Value | None:
    return value if type(value) is bool else None


def _integer(value: Any) -> Value | None:
    return value if type(value) is int else None


def _decimal(value: Any) -> Value | None:
    if type(value) is Decimal:
        return value
    return Decimal(str(value)) if type(value) in (int, float) else None


def _string(value: Any) -> Value | None:
    return value if type(value) is str else None


def _quantity(value: Any) -> Value | None:
    amount = _decimal(value.get("value")) if type(value) is dict else None
    if not isinstance(amount, Decimal):
        return None
    if value.get("system") == UCUM and value.get("code"):
        return Quantity(amount, str(value["code"]))
    return Quantity(amount, str(value.get("unit") or value.get("code") or "1"))


CONVERSIONS: dict[str, Callable[[Any], Value | None]] = {
    "Boolean": _boolean,
    "Integer": _integer,
    "Decimal": _decimal,
    "String": _string,
    "Date": lambda value: read_date(value) if type(value) is str else None,
    "DateTime": lambda value: read_date_time(value) if type(value) is str else None,
    "Time": lambda value: read_time(value) if type(value) is str else None,
    "Quantity": _quantity,
}
