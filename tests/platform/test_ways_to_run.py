"""Together, in the foreground, as an ordinary user, on foundations given by address, one service alone."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest


def test_together_serves_all_services_from_one_process(platform):
    state = platform.up("--together")
    services = [process for process in state["processes"] if process["doors"]]
    assert len(services) == 1
    assert {"gateway", "records"} <= set(services[0]["doors"])
    kept = platform.create(active=True)
    assert platform.ask(f"/Patient/{kept}")[0] == 200
    assert platform.ask("/metadata")[0] == 200


def test_ordinary_user_can_run_it(ordinary):
    ordinary.up()
    kept = ordinary.create(active=True)
    ordinary.down()
    ordinary.up()
    assert ordinary.ask(f"/Patient/{kept}")[0] == 200


def test_interrupt_in_the_foreground_stops_everything(platform, until):
    words = platform.words("up", "--data", str(platform.data), "--port", str(platform.port))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        assert up.stdout is not None
        shown = []
        until(lambda: shown.append(up.stdout.readline()) or "status" in shown[-1])
        text = "".join(shown)
        assert platform.base_url in text
        assert "curl" in text
        assert str(platform.data) in text
        assert platform.ask("/metadata")[0] == 200
        up.send_signal(signal.SIGINT)
        _, said = up.communicate(timeout=30)
    assert (up.returncode, said) == (0, "")
    assert platform.status()["running"] is False


def test_interrupt_while_starting_leaves_nothing(platform, until):
    words = platform.words("up", "--data", str(platform.data), "--port", str(platform.port))
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as up:
        until(lambda: (platform.data / "run" / "state.json").exists())
        up.send_signal(signal.SIGTERM)
        _, said = up.communicate(timeout=30)
    assert (up.returncode, said) == (130, "")
    assert not (platform.data / "run" / "state.json").exists()
    assert not (platform.data / "postgresql" / "postmaster.pid").exists()


async def test_addresses_replace_postgresql_and_nats(platform):
    dsn, nats = os.environ["POLYCLINIC_TEST_POSTGRESQL"], os.environ["POLYCLINIC_TEST_NATS"]
    try:
        state = platform.up(POLYCLINIC_POSTGRESQL=dsn, POLYCLINIC_NATS=nats)
        assert {process["name"] for process in state["processes"]}.isdisjoint({"postgresql", "nats"})
        kept = platform.create(active=True)
        assert platform.ask(f"/Patient/{kept}")[0] == 200
        password = parse_qs(urlsplit(dsn).query).get("password", [urlsplit(dsn).password])[0]
        assert password not in (platform.data / "run" / "state.json").read_text()
    finally:
        platform.down()
        connection = await asyncpg.connect(dsn)
        await connection.execute("DROP DATABASE IF EXISTS records")
        await connection.execute("DROP ROLE IF EXISTS records")
        await connection.close()


def test_another_edge_takes_the_place_of_ours(platform):
    state = platform.up("--edge", "http://clinic.example/fhir")
    assert "edge" not in {process["name"] for process in state["processes"]}
    assert state["base_url"] == "http://clinic.example/fhir"
    address = next(process["address"] for process in state["processes"] if process["name"] == "records")
    with urllib.request.urlopen(f"{address}/fhir/Patient", timeout=20) as answer:
        assert "http://clinic.example/fhir/Patient" in answer.read().decode()
    assert _is_free(platform.port)


def test_postgresql_that_does_not_answer_is_named(platform):
    done = platform.run("up", "--data", str(platform.data), "--postgresql", "postgresql://nobody@127.0.0.1:9/none")
    assert done.returncode == 1
    assert "--postgresql" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_service_can_be_served_alone(platform, until):
    with platform.begin("serve", "gateway", POLYCLINIC_PORT=str(platform.port)) as alone:
        address = f"http://127.0.0.1:{platform.port}/health/live"
        until(lambda: _answers(address))
        started = time.monotonic()
        alone.terminate()
        assert alone.wait(timeout=20) == 0
        assert time.monotonic() - started < 10


def _answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.parametrize("words", [("serve", "gateway"), ("up",)])
def test_unknown_setting_stops_the_start(platform, words):
    done = platform.run(*words, POLYCLINIC_PROT="8080")
    assert done.returncode == 1
    assert "POLYCLINIC_PROT" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_service_is_named(platform):
    done = platform.run("serve", "unicorns")
    assert done.returncode == 1
    assert "unicorns" in done.stderr


def test_nothing_running_is_told_by_the_exit_code(platform):
    assert platform.run("status", "--data", str(platform.data)).returncode == 3
    assert platform.run("down", "--data", str(platform.data)).returncode == 0


@pytest.mark.parametrize("command", ["up", "down", "status", "serve", "check"])
def test_help_has_an_example_and_the_exit_codes(platform, command):
    shown = platform.run(command, "--help").stdout
    assert "example" in shown
    assert "exit codes" in shown


def _is_free(port):
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False
