"""The values FHIRPath computes with (its System types), as Python values.

Boolean bool · Integer int · Decimal decimal.Decimal · String str · Date, DateTime, Time Temporal · Quantity
"""

from decimal import Decimal

from polyclinic.fhir.path.quantity import Quantity
from polyclinic.fhir.path.temporal import Temporal

Value = bool | int | Decimal | str | Temporal | Quantity

_NAMES: dict[type, str] = {
    bool: "Boolean",
    int: "Integer",
    Decimal: "Decimal",
    str: "String",
    Quantity: "Quantity",
}
SYSTEM_TYPES = frozenset({*_NAMES.values(), "Date", "DateTime", "Time"})


def system_type(value: Value) -> str:
    """Return the System type of ``value``, such as ``Integer``."""
    return value.kind if isinstance(value, Temporal) else _NAMES[type(value)]
