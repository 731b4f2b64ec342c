"""``_explain=true``: how a search is answered, for operators.

It tells no value of any resource, but it tells how much is kept; until there is sign-in, an operator turns it on for
a service by ``POLYCLINIC_EXPLAIN=true``.
"""

from typing import Any

from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import Forbidden
from polyclinic.fhir.search.query import Query
from polyclinic.kit.http.message import Answer
from polyclinic.kit.rest.endpoint import Endpoint


async def explain(endpoint: Endpoint, query: Query) -> Answer:
    """Answer a Parameters resource that tells the plan of ``query``. Refuses: ``Forbidden`` where it is not on."""
    if not endpoint.explain:
        raise Forbidden("_explain is for operators; they turn it on by POLYCLINIC_EXPLAIN=true", at="_explain")
    told = await endpoint.repository.explain(query)
    parameters: list[dict[str, Any]] = [
        {"name": "lead", "valueString": told.lead},
        {"name": "index", "valueString": told.index},
        *({"name": "check", "valueString": check} for check in told.checks),
        {"name": "estimated", "valueDecimal": round(told.estimated)},
        {"name": "estimatedMicroseconds", "valueDecimal": round(told.cost)},
        {"name": "found", "valueInteger": told.found},
        {"name": "statement", "valueString": told.statement},
        {"name": "postgresql", "valueString": told.postgresql},
    ]
    return Answer(200, encode({"resourceType": "Parameters", "parameter": parameters}))
