"""Which meaning a parameter's type has, for all types but composites."""

from collections.abc import Callable, Mapping

from polyclinic.fhir.search.clauses import Clause
from polyclinic.fhir.search.meaning.amounts import date, numeric, quantity, updated
from polyclinic.fhir.search.meaning.asked import Asked
from polyclinic.fhir.search.meaning.lookups import ids, reference, token, uri
from polyclinic.fhir.search.meaning.positions import near
from polyclinic.fhir.search.meaning.texts import string, words

_BY_TYPE: Mapping[str, Callable[[Asked], Clause]] = {
    "token": token,
    "reference": reference,
    "uri": uri,
    "string": string,
    "date": date,
    "number": numeric,
    "quantity": quantity,
}
_BY_CODE: Mapping[str, Callable[[Asked], Clause]] = {
    "_id": ids,
    "_lastUpdated": updated,
    "_text": words,
    "_content": words,
    "near": near,
}
"""Parameters of type special."""


def meaning_of(asked: Asked) -> Clause:
    """Return what ``asked`` means; whoever asks has seen to it that it is no composite."""
    if asked.parameter.type == "special":
        return _BY_CODE[asked.code](asked)
    return _BY_TYPE[asked.parameter.type](asked)
