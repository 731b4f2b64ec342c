"""Keeping a house: everything started in order, announced, watched, and stopped whatever happens."""

import asyncio
import gc
import importlib
import os
import resource
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from polyclinic import __version__
from polyclinic.kit import clock
from polyclinic.platform import catalog, check, logs, procfs, recovery, roles, state
from polyclinic.platform.fault import Fault
from polyclinic.platform.house import House
from polyclinic.platform.state import Process, State
from polyclinic.platform.supervisor import Supervisor

_FILES = 65536


def keep(house: House, announce: Callable[[State], None]) -> None:
    """Run ``house`` until a signal asks to stop; ``announce`` it once everything is ready.

    Raises ``Fault`` where it cannot start, ``Stopped`` where it was stopped before it was ready.
    """
    refuse_misfits(house)
    house.folder.prepare()
    _allow_many_files()
    with house.folder.hold():
        recovery.clear(house.folder)
        house.open_doors()
        record = _Record(house)
        supervisor = Supervisor(record.publish)
        try:
            _start(house, supervisor)
            announce(record.latest)
            supervisor.watch()
        finally:
            supervisor.stop()
            state.forget(house.folder)


def refuse_misfits(house: House) -> None:
    """Raise ``Fault`` where the promises of the services do not fit together."""
    if misfits := check.faults(house.manifests):
        raise Fault("The services do not fit together: " + " ".join(misfits))


def _allow_many_files() -> None:
    """Let what we start hold as many connections as the machine allows; many shells allow 1,024 only."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if most == resource.RLIM_INFINITY else min(_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def _start(house: House, supervisor: Supervisor) -> None:
    """Start the foundations, then the services and the edge; imports go on while PostgreSQL boots."""
    supervisor.start(house.foundations())
    _preload(house.ports())
    supervisor.wait()
    asyncio.run(roles.provision(house.administrator(), house.passwords()))
    if house.postgresql is None:
        asyncio.run(roles.close_others(house.administrator()))
    gc.collect()
    gc.freeze()
    supervisor.start(house.practices())
    supervisor.start(house.front())
    supervisor.wait()
    if house.demo:
        _load_demo(house, supervisor)


def _load_demo(house: House, supervisor: Supervisor) -> None:
    """Load the demonstration from a process of its own: it has threads and an event loop, we have neither."""
    log = house.folder.log("demo")

    def load() -> None:
        demo = importlib.import_module("polyclinic.platform.demo")
        raise SystemExit(demo.load(house.base_url, today=clock.now().date()).exit)

    if supervisor.run(load, log):
        raise Fault(f"The demonstration could not be loaded; its log {log} ends with: {logs.last_line(log)}")


def _preload(services: Iterable[str]) -> None:
    """Import what every service needs before they are forked: they share it, and start in milliseconds."""
    importlib.import_module("polyclinic.platform.serve")
    for name in services:
        catalog.creator(name)


class _Record:
    """Writes down what runs, at every change."""

    def __init__(self, house: House) -> None:
        self._house = house
        self.latest = State(
            version=__version__,
            pid=os.getpid(),
            born=procfs.born(os.getpid()) or 0,
            base_url=house.base_url,
            data=str(house.folder.root),
            started=time.time(),
            elsewhere=house.elsewhere(),
        )

    def publish(self, processes: tuple[Process, ...]) -> None:
        """Write the state file with ``processes``."""
        self.latest = replace(self.latest, processes=processes)
        state.write(self._house.folder, self.latest)
