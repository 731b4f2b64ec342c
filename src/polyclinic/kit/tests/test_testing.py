"""What the tests of services share is itself to be relied on."""

from time import sleep

UVICORNS_OWN_KEEP_ALIVE = 5.0
"""Seconds after which a service would close an idle connection if nobody said otherwise."""


async def test_service_answers_a_client_that_kept_their_event_loop_busy(service):
    assert (await service.get("/fhir/Patient?_summary=count")).status == 200
    sleep(UVICORNS_OWN_KEEP_ALIVE + 0.2)  # as drawing random resources, or asking a slow oracle, does
    assert (await service.post("/fhir/Patient", {"resourceType": "Patient"})).status == 201
