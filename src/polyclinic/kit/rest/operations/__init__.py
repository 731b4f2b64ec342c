"""Operations: what is offered under a name that begins with a dollar sign, beside FHIR's own interactions.

One line in ``OPERATIONS`` makes an operation known: to those who call it and to ``GET metadata``.
Source: https://hl7.org/fhir/R4/operations.html
"""

from collections.abc import Sequence

from polyclinic.fhir.outcome import NotSupported
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.statuses import MethodNotAllowed
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.everything import everything
from polyclinic.kit.rest.operations.lastn import last_n
from polyclinic.kit.rest.operations.metas import meta, meta_add, meta_delete
from polyclinic.kit.rest.operations.model import Operation
from polyclinic.kit.rest.operations.reindexing import reindex
from polyclinic.kit.rest.operations.validating import validate
from polyclinic.kit.rest.targets import OPERATION_KINDS, Target

OPERATIONS = (
    Operation("validate", "Resource-validate", validate, at=("type", "instance")),
    Operation("meta", "Resource-meta", meta, at=("system", "type", "instance")),
    Operation("meta-add", "Resource-meta-add", meta_add, at=("instance",), changes=True),
    Operation("meta-delete", "Resource-meta-delete", meta_delete, at=("instance",), changes=True),
    Operation("everything", "Patient-everything", everything, at=("instance",), types=frozenset({"Patient"})),
    Operation("everything", "Encounter-everything", everything, at=("instance",), types=frozenset({"Encounter"})),
    Operation("lastn", "Observation-lastn", last_n, at=("type",), types=frozenset({"Observation"})),
    Operation("reindex", "urn:polyclinic:reindex", reindex, at=("type",), types=frozenset({"SearchParameter"})),
)
"""What is offered. Several may have one name, for different types."""


async def operate(endpoint: Endpoint, call: Call, target: Target, offered: Sequence[Operation] = OPERATIONS) -> Answer:
    """Answer a call of an operation.

    Refuses: ``NotSupported`` naming an operation that is not offered at this address, ``MethodNotAllowed``.
    """
    level = OPERATION_KINDS[target.kind]
    named = (each for each in offered if each.name == target.operation)
    operation = next((each for each in named if each.is_offered(level, target.type)), None)
    if operation is None:
        where = f"{level} {target.type}".strip()
        raise NotSupported(f"the operation ${target.operation[:64]} is not offered here on the {where}")
    call.interaction = f"${operation.name}"
    if call.method not in operation.methods:
        raise MethodNotAllowed(f"{call.method[:20]} of ${operation.name} is not offered", allow=operation.methods)
    return await operation.serve(endpoint, call, target)
