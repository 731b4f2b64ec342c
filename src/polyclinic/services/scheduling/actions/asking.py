"""Asking the service that keeps records for what it knows of places and people."""

import re
from collections.abc import Iterable

from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Unavailable
from polyclinic.kit.call import Neighbours
from polyclinic.services.scheduling.rules.visits import Resource

RECORDS = "records"
AT_ONCE = 100
"""How many resources one question is about."""
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


async def records_of(neighbours: Neighbours, type: str, names: Iterable[str]) -> dict[str, Resource]:
    """Return the resources of ``type`` that ``names`` (references such as Location/1) name and that are there.

    Refuses: ``Unavailable`` naming the service that does not answer as it should.
    """
    ids = sorted(id for name in set(names) if (id := name.removeprefix(f"{type}/")) != name and _ID.fullmatch(id))
    found: dict[str, Resource] = {}
    for begin in range(0, len(ids), AT_ONCE):
        path = f"/fhir/{type}?_id={','.join(ids[begin : begin + AT_ONCE])}&_count={AT_ONCE}"
        reply = await neighbours.ask(RECORDS, "GET", path)
        if reply.status != 200:
            raise Unavailable(f"the service {RECORDS} answers {reply.status} where a {type} is asked for")
        resources = (entry["resource"] for entry in decode(reply.body).get("entry", ()))
        found |= {f"{type}/{each['id']}": each for each in resources if each["resourceType"] == type}
    return found
