"""One platform, started by the command: it answers, tells how it is, and keeps out who does not belong."""

import json
import os
import signal

import asyncpg
import pytest

from polyclinic.platform.folder import write_whole


def test_up_answers_fhir_through_the_edge(running):
    status, capability = running.ask("/metadata")
    assert (status, capability["resourceType"]) == (200, "CapabilityStatement")
    kept = running.create(active=True)
    assert running.ask(f"/Patient/{kept}")[0] == 200


def test_up_gives_what_nobody_owns_to_the_gateway(running):
    status, outcome = running.ask("/Unicorn/1")
    assert (status, outcome["resourceType"]) == (404, "OperationOutcome")


def test_up_tells_every_process(running):
    names = [process["name"] for process in running.state["processes"]]
    assert names[:2] == ["postgresql", "nats"]
    assert {"gateway", "records"} <= set(names)
    assert names[-1] == "edge"
    assert all(os.path.exists(f"/proc/{process['pid']}") for process in running.state["processes"])


def test_status_tells_health_memory_and_restarts(running):
    status = running.status()
    assert status["running"]
    assert all(process["health"] == "ready" for process in status["processes"])
    assert all(process["memory"] > 0 for process in status["processes"])
    assert sum(process["memory"] for process in status["processes"]) == status["memory"]
    assert all(process["version"] for process in status["processes"])


def test_status_for_people_names_every_process(running):
    shown = running.run("status", "--data", str(running.data))
    assert shown.returncode == 0
    assert all(process["name"] in shown.stdout for process in running.state["processes"])


def test_second_up_on_the_same_folder_names_the_first(running):
    done = running.run("up", "--data", str(running.data), "--port", "9", "--detach")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"process {running.state['pid']}" in done.stderr


def test_taken_port_is_named(running, platform):
    done = platform.run("up", "--data", str(platform.data), "--port", str(running.port - 1), "--detach")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"Port {running.port}" in done.stderr
    assert "--port" in done.stderr


def test_edge_logs_no_path_and_no_query(running, until):
    running.ask("/Patient?family=Zebedee")
    running.ask("/Patient/zebedee-42")
    os.kill(running.process("edge")["pid"], signal.SIGUSR1)  # write the log out now
    until(lambda: '"to":"records"' in running.log("edge"))
    assert "ebedee" not in running.log("edge")


def test_edge_hands_on_a_body_of_many_megabytes(running):
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "AAAA" * (5 << 20)}
    entry = {"resource": binary, "request": {"method": "POST", "url": "Binary"}}
    status, answer = running.ask("", {"resourceType": "Bundle", "type": "batch", "entry": [entry]}, patience=60)
    assert (status, answer["entry"][0]["response"]["status"][:3]) == (200, "201")


def test_replaced_route_file_changes_the_running_edge(running, until):
    path = running.data / "run" / "edge" / "rds.json"
    before = path.read_text()
    table = json.loads(before)
    answer = {"status": 299, "body": {"inline_string": '{"answered": "by the edge"}'}}
    table["resources"][0]["virtual_hosts"][0]["routes"].insert(
        0, {"match": {"path": "/fhir/Slot"}, "direct_response": answer}
    )
    write_whole(path, json.dumps(table))
    until(lambda: running.ask("/Slot") == (299, {"answered": "by the edge"}))
    write_whole(path, before)
    until(lambda: running.ask("/Slot")[0] == 200)


@pytest.mark.parametrize("database", ["postgres", "template1"])
async def test_role_of_a_service_reaches_its_own_database_only(running, database):
    sockets = running.data / "run" / "sockets"
    password = (running.data / "secrets" / "records.password").read_text()
    own = await asyncpg.connect(host=str(sockets), user="records", password=password, database="records")
    await own.close()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(host=str(sockets), user="records", password=password, database=database)


async def test_superuser_too_shows_a_password(running):
    sockets = running.data / "run" / "sockets"
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(host=str(sockets), user="postgres", password="guess", database="postgres")


def test_secrets_are_for_the_owner_only(running):
    secrets = running.data / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    assert all(secret.stat().st_mode & 0o777 == 0o600 for secret in secrets.iterdir())


def test_sockets_of_the_services_are_for_the_owner_only(running):
    doors = sorted((running.data / "run" / "sockets").glob("*.http"))
    assert {"gateway.http", "records.http"} <= {door.name for door in doors}
    assert all(door.stat().st_mode & 0o777 == 0o600 and door.stat().st_uid == os.getuid() for door in doors)
