"""Whoever is killed while it offers leaves nothing undone and nothing done twice."""

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from datetime import timedelta

from polyclinic.kit import clock
from polyclinic.kit.testing import CUT_OFF, database, running, speaking
from polyclinic.services.scheduling.main import create
from polyclinic.services.scheduling.tests.conftest import Practice
from polyclinic.services.scheduling.tests.practice import Clock, entry, schedule, service

SERVE = """
import sys, uvicorn
from polyclinic.kit.settings import Settings
from polyclinic.services.scheduling.main import create
port, dsn = int(sys.argv[1]), sys.argv[2]
settings = Settings(port=port, base_url=f"http://127.0.0.1:{port}/fhir", postgresql=dsn, log_level="error")
uvicorn.run(create(settings), port=port, log_config=None)
"""
SCHEDULES = 6


@contextmanager
def process(dsn):
    """Run the service as a process of its own and yield its address and the process; it is killed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POLYCLINIC_")}
    running = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port), dsn], env=environment | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    try:
        yield f"http://127.0.0.1:{port}", running
    finally:
        running.kill()
        running.wait()


async def test_what_a_killed_process_leaves_another_one_finishes():
    async with database() as dsn:
        visits = await killed_while_it_offers(dsn)
        async with running(create, postgresql=dsn) as client:
            practice = Practice(client, Clock(clock.now()), dsn)
            await asyncio.gather(*(cancelled(practice, visit) for visit in visits))
            starts = await all_offered(practice, len(visits))
            assert len(starts) == len(set(starts)) == len(visits)


async def killed_while_it_offers(dsn):
    """Book, let as many wait as there are visits, cancel all at once, and kill the service meanwhile."""
    with process(dsn) as (root, serving):
        async with speaking(root) as client:
            practice = Practice(client, Clock(clock.now()), dsn)
            await answers(practice)
            visits = await booked(practice)
            any_time = [{"start": "2020"}]
            await practice.keep(
                *(entry(f"w{n}", f"Patient/w{n}", requestedPeriod=any_time) for n in range(len(visits)))
            )
            asked = [asyncio.create_task(cancelled(practice, visit)) for visit in visits]
            await asyncio.sleep(0.4)
            serving.kill()
            await asyncio.gather(*asked)
    return visits


async def answers(practice):
    for _ in range(400):
        try:
            if (await practice.client.get("/health/ready")).status == 200:
                return
        except CUT_OFF:
            pass
        await asyncio.sleep(0.05)
    raise AssertionError("the service did not start")


async def booked(practice):
    """Book all that six physicians have on one day, and return the ids."""
    await practice.keep(service("check-up"))
    always = ("mon tue wed thu fri sat sun", "09:00", "12:00")
    ids: list[str] = []
    day = (clock.now() + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(SCHEDULES):
        made = schedule(
            f"s{number}", f"Practitioner/s{number}", service="HealthcareService/check-up", availableTime=always
        )
        await practice.keep(made)
        end = (day + timedelta(days=1)).isoformat()
        for each in await practice.find(day.isoformat(), end, schedule=f"Schedule/s{number}"):
            answer = await practice.book(each, patient_reference=f"Patient/s{len(ids)}")
            ids.append(answer.json["entry"][0]["resource"]["id"])
    assert len(ids) == SCHEDULES * 6
    return ids


async def cancelled(practice, id):
    with suppress(*CUT_OFF):  # it was killed
        await practice.ask(f"{id}/$cancel")


async def all_offered(practice, number):
    """Return schedule and start of all open offers once there are ``number``."""
    for _ in range(200):
        answer = await practice.client.get("/fhir/Appointment/$waitlist?_count=1000")
        offers = [
            {part["name"]: part for part in each["part"]}
            for person in answer.json["parameter"]
            for each in person.get("part", ())
            if each["name"] == "offer"
        ]
        found = [
            (each["schedule"]["valueReference"]["reference"], each["start"]["valueInstant"])
            for each in offers
            if each["outcome"]["valueCode"] == "open"
        ]
        if len(found) >= number:
            return found
        await asyncio.sleep(0.1)
    raise AssertionError(f"{len(found)} of {number} were offered")
