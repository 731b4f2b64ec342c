"""$reindex: how far resources are indexed by the search parameters defined here, and its pause, resumption, restart.

GET SearchParameter/$reindex tells; POST with the parameter ``action`` changes, and tells.
"""

from typing import Any

from polyclinic.fhir.outcome import Unacceptable
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.statuses import MethodNotAllowed
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import answered, arguments
from polyclinic.kit.rest.targets import Target
from polyclinic.repository import Repository
from polyclinic.repository.vocabularies import Known, Progress

_ACTIONS = ("pause", "resume", "restart")


async def reindex(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer with how far each parameter is, after doing the ``action`` that is asked for, if any."""
    action = arguments(call, "action").text("action")
    if action is not None:
        await _do(endpoint.repository, call, action)
    return Answer(200, answered(*_told(await endpoint.repository.learn())))


async def _do(repository: Repository, call: Call, action: str) -> None:
    if action not in _ACTIONS:
        raise Unacceptable(f"action is one of {', '.join(_ACTIONS)}", at="action")
    if call.method != "POST":
        raise MethodNotAllowed(f"{call.method[:20]} of $reindex with an action is not offered", allow=("POST",))
    if action == "restart":
        await repository.restart_reindexing()
    else:
        await repository.pause_reindexing(paused=action == "pause")


def _told(known: Known) -> list[dict[str, Any]]:
    """Return the parameters of the answer: whether all is complete, all resources together, then each parameter."""
    if known.is_complete:
        state = "complete"
    else:
        state = "paused" if known.paused else "running" if known.target is not None else "waiting"
    return [
        {"name": "complete", "valueBoolean": known.is_complete},
        {"name": "paused", "valueBoolean": known.paused},
        {"name": "state", "valueCode": state},
        {"name": "done", "valueInteger": known.done},
        {"name": "total", "valueInteger": known.total},
        *(_parameter(known.progress(each)) for each in known.defined),
    ]


def _parameter(progress: Progress) -> dict[str, Any]:
    defined = progress.defined
    return {
        "name": "parameter",
        "part": [
            {"name": "code", "valueCode": defined.definition.code},
            {"name": "url", "valueUri": defined.definition.url},
            *({"name": "base", "valueCode": type} for type in defined.types),
            {"name": "definition", "valueReference": {"reference": f"SearchParameter/{defined.id}"}},
            {"name": "state", "valueCode": progress.state},
            {"name": "done", "valueInteger": progress.done},
            {"name": "total", "valueInteger": progress.total},
        ],
    }
