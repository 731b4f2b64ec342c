"""Whatever is killed comes back, and nothing acknowledged is lost."""

import os
import signal

import pytest

from polyclinic.platform import procfs


@pytest.mark.parametrize("name", ["gateway", "records", "edge", "nats", "postgresql"])
def test_killed_process_is_started_again(running, until, name):
    kept = running.create(active=True)
    before = running.process(name)
    os.kill(before["pid"], signal.SIGKILL)
    after = until(lambda: _reborn(running, before))
    assert after["restarts"] == before["restarts"] + 1
    until(lambda: all(process["health"] == "ready" for process in running.status()["processes"]))
    assert until(lambda: running.ask(f"/Patient/{kept}")[0] == 200)
    assert running.create(active=False)


def _reborn(platform, before):
    now = platform.process(before["name"])
    return now if now["pid"] != before["pid"] and now["health"] == "ready" else None


def test_reads_do_not_notice_that_their_service_is_killed(running):
    kept = running.create(active=True)
    for _ in range(3):
        os.kill(running.process("records")["pid"], signal.SIGKILL)
        assert running.ask(f"/Patient/{kept}")[0] == 200


def test_next_up_recovers_after_up_is_killed(platform, until):
    before = platform.up()
    kept = platform.create(active=True)
    os.kill(before["pid"], signal.SIGKILL)
    after = platform.up()
    assert after["pid"] != before["pid"]
    assert not any(procfs.born(process["pid"]) == process["born"] for process in before["processes"])
    assert platform.ask(f"/Patient/{kept}")[0] == 200


def test_processes_die_with_up(platform, until):
    before = platform.up()
    os.kill(before["pid"], signal.SIGKILL)
    until(lambda: not any(procfs.born(process["pid"]) == process["born"] for process in before["processes"]))
    assert platform.status()["running"] is False


def test_everything_killed_at_once_loses_nothing(platform):
    before = platform.up()
    kept = [platform.create(active=True) for _ in range(20)]
    for pid in (before["pid"], *(pid for process in before["processes"] for pid in procfs.family(process["pid"]))):
        os.kill(pid, signal.SIGKILL)
    platform.up()
    assert all(platform.ask(f"/Patient/{one}")[0] == 200 for one in kept)


def test_down_stops_everything_and_up_goes_on_with_the_data(platform):
    before = platform.up()
    kept = platform.create(active=True)
    platform.down()
    assert not any(procfs.born(process["pid"]) == process["born"] for process in before["processes"])
    assert platform.run("status", "--data", str(platform.data)).returncode == 3
    platform.up()
    assert platform.ask(f"/Patient/{kept}")[0] == 200


def test_lock_file_whose_process_is_somebody_else_now_is_no_obstacle(platform):
    platform.up()
    platform.down()
    cluster = platform.data / "postgresql"
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster}\n1\n5432\n")
    platform.up()
    assert platform.ask("/metadata")[0] == 200
