"""FHIRPath (N1, as R4 uses it): the language of invariants, search parameters and patches.

    compile_path("Patient.name.given").evaluate(patient)            ["Peter", "James"]
    compile_path("start <= end").test(period, type="Period")        whether an invariant holds
    parse("name.given")                                             the syntax tree (module ``tree``)
    check("Patient.name.gven", "Patient")                           PathError: HumanName has no element gven

See docs/decisions/0005 for why this is ours and what it leaves out.
"""

from polyclinic.fhir.path.check import check
from polyclinic.fhir.path.engine import Path, compile_path, compile_tree, json_of
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.grammar import parse
from polyclinic.fhir.path.nodes import Node, node_of

__all__ = ["Node", "Path", "PathError", "check", "compile_path", "compile_tree", "json_of", "node_of", "parse"]
