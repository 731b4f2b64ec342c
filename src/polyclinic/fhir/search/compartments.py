"""Compartments: what belongs to one patient, encounter, practitioner, related person or device.

Source: https://hl7.org/fhir/R4/compartmentdefinition.html
"""

from polyclinic.fhir import definitions
from polyclinic.fhir.search import terms
from polyclinic.fhir.search.clauses import Terms
from polyclinic.fhir.search.terms import COMPARTMENTS
from polyclinic.fhir.search.vocabulary import R4


def members(compartment: str) -> tuple[str, ...]:
    """Return the resource types that can be in a ``compartment``, which is always in its own, in order."""
    return tuple(sorted({compartment, *definitions.compartment(compartment)}))


def membership(compartment: str, id: str, types: tuple[str, ...]) -> Terms:
    """Return what resources of ``types`` have to say to be in the ``compartment`` of ``id``.

    ``types`` are ``members`` of it.
    """
    assert compartment in COMPARTMENTS
    address, found = f"{compartment}/{id}", []
    for type in types:
        if type == compartment:
            found.append(terms.self_term(type, id))
        for code in definitions.compartment(compartment).get(type, ()):
            parameter = R4.of(type).get(code)
            found += [terms.reference_term(b.path, address) for b in parameter.branches] if parameter else []
    return Terms(compartment, tuple(dict.fromkeys(found)))
