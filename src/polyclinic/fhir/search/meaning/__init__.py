"""Meaning: what one search parameter with its modifier and values asks, as a clause.

Source: https://hl7.org/fhir/R4/search.html#ptypes
"""

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.fhir.search.clauses import Clause, Ids, Missing
from polyclinic.fhir.search.meaning.asked import Asked, split
from polyclinic.fhir.search.meaning.composites import composite
from polyclinic.fhir.search.meaning.single import meaning_of
from polyclinic.fhir.search.parameters import paths_present

__all__ = ["Asked", "clause", "values_of"]

ALWAYS_THERE = frozenset({"_id", "_lastUpdated"})
MOST_ALTERNATIVES = 1000
"""Values that one parameter may list."""


def clause(asked: Asked) -> Clause:
    """Return what ``asked`` means.

    Raises: ``Unacceptable`` for a value of the wrong form, ``NotSupported`` for a modifier, each naming the parameter.
    """
    if asked.modifier == "missing":
        return _missing(asked)
    return composite(asked) if asked.parameter.type == "composite" else meaning_of(asked)


def values_of(name: str, value: str) -> tuple[str, ...]:
    """Return the alternatives in ``value``, still escaped. Raises: ``Unacceptable`` for none, or too many."""
    values = tuple(filter(None, split(value, ",")))
    if not values:
        raise Unacceptable(f"{name} has no value", at=name)
    if len(values) > MOST_ALTERNATIVES:
        raise Unacceptable(f"{name} lists {len(values)} values; {MOST_ALTERNATIVES} are the most", at=name)
    return values


def _missing(asked: Asked) -> Clause:
    if asked.parameter.type == "special" and asked.code not in ALWAYS_THERE:
        asked.only()
    if asked.values not in (("true",), ("false",)):
        raise asked.wrong(",".join(asked.values), "true or false")
    missing = asked.values == ("true",)
    if asked.code in ALWAYS_THERE:
        return Ids((), negated=not missing)
    return Missing(asked.code, paths_present(asked.parameter), missing)
