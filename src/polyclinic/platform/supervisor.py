"""Keeps programs running: starts them in groups, starts again what dies, stops them in the opposite order.

It is one thread without an event loop, so that services can be forked from it at any time. Signals are
blocked and waited for: they arrive in ``_turn`` and nowhere else.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from polyclinic.platform import child, logs, procfs
from polyclinic.platform.fault import Fault
from polyclinic.platform.program import Program
from polyclinic.platform.state import Condition, Process

_STOPPING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
_HEARD = _STOPPING | {signal.SIGCHLD}
_SOONEST, _LATEST = 0.1, 5.0
"""Seconds until what died is started again: doubled each time it dies young, from the one to the other."""

_YOUNG = 10.0
"""Seconds a process must live to be forgiven its earlier deaths."""

_TURN = 0.05
_BETWEEN_LOGS = 10.0


class Stopped(Exception):
    """Somebody asked to stop while things were still starting."""


@dataclass(slots=True)
class _Life:
    """One program and the process it has now."""

    program: Program
    pid: int = 0
    born: int = 0
    since: float = 0.0
    condition: Condition = "starting"
    restarts: int = 0
    delay: float = _SOONEST
    due: float = 0.0
    status: int = 0
    log_from: int = 0

    def told(self) -> Process:
        """Return it as others may see it."""
        return Process(
            name=self.program.name,
            pid=self.pid,
            born=self.born,
            address=self.program.address,
            version=self.program.version,
            condition=self.condition,
            restarts=self.restarts,
            since=self.since,
            log=str(self.program.log),
            doors=self.program.doors,
        )


class Supervisor:
    """Runs programs; ``publish`` is told all processes whenever one changes."""

    def __init__(self, publish: Callable[[tuple[Process, ...]], None]) -> None:
        self._publish = publish
        self._groups: list[list[_Life]] = []
        self._asked_to_stop = False
        self._next_look_at_logs = 0.0
        signal.pthread_sigmask(signal.SIG_BLOCK, _HEARD)

    def start(self, programs: Sequence[Program]) -> None:
        """Start a group of programs at once; it will be stopped before the groups started earlier."""
        group = [_Life(program) for program in programs]
        self._groups.append(group)
        for life in group:
            logs.rotate(life.program.log)
            self._start(life)

    def wait(self) -> None:
        """Wait until everything that was started is ready.

        Raises ``Fault`` where one ends or takes too long, ``Stopped`` where a signal asks to stop.
        """
        while waiting := [life for life in self._lives() if life.condition != "ready"]:
            self._turn(0.005)
            for life in waiting:
                if life.condition == "waiting" or time.time() - life.since > life.program.patience:
                    raise _failure(life)
            if self._asked_to_stop:
                raise Stopped

    def run(self, deed: Callable[[], None], log: Path) -> int:
        """Let a child do ``deed`` to its end while everything is kept running; return its exit status.

        Raises ``Stopped`` where a signal asks to stop; the child goes with us then.
        """
        pid = child.spawn(deed, log=log)
        while not self._asked_to_stop:
            dead = self._turn(_TURN)
            self._start_what_is_due()
            if pid in dead:
                return dead[pid]
        raise Stopped

    def watch(self) -> None:
        """Keep everything running until a signal asks to stop."""
        while not self._asked_to_stop:
            self._turn(_TURN if any(life.condition != "ready" for life in self._lives()) else 1.0)
            self._start_what_is_due()
            self._look_at_logs()

    def stop(self) -> None:
        """Stop everything, the last group first; what does not end in its time is killed."""
        for group in reversed(self._groups):
            alive = [life for life in group if procfs.born(life.pid) == life.born]
            for life in alive:
                life.program.before_end()
            for life in alive:
                _send(life.pid, life.program.end)
            self._wait_for_end(alive)
        self._groups.clear()

    def _lives(self) -> list[_Life]:
        return [life for group in self._groups for life in group]

    def _start(self, life: _Life) -> None:
        program = life.program
        program.before()
        life.condition = "starting"
        life.since = time.time()
        life.log_from = logs.size(program.log)
        life.pid = child.spawn(
            program.deed,
            log=program.log,
            credentials=program.credentials,
            death=program.end,
            keep=program.keep,
        )
        life.born = procfs.born(life.pid) or 0
        self._tell()

    def _start_what_is_due(self) -> None:
        for life in self._lives():
            if life.condition == "waiting" and life.due <= time.monotonic():
                life.restarts += 1
                self._start(life)

    def _turn(self, patience: float) -> dict[int, int]:
        """Wait for a signal for at most ``patience`` seconds, then see who became ready and who died; return those."""
        heard = signal.sigtimedwait(_HEARD, patience)
        if heard is not None and heard.si_signo in _STOPPING:
            self._asked_to_stop = True
        dead = dict(_reap())
        self._bury(dead)
        changed = bool(dead)
        for life in self._lives():
            if life.condition == "starting" and life.program.is_ready(life.pid):
                life.condition = "ready"
                changed = True
        if changed:
            self._tell()
        return dead

    def _bury(self, dead: Mapping[int, int]) -> None:
        """Take leave of the dead (process id, exit status), and say when they come back."""
        for life in self._lives():
            if life.pid in dead:
                lived = time.time() - life.since
                life.delay = _SOONEST if lived > _YOUNG else min(life.delay * 2, _LATEST)
                life.due = time.monotonic() + life.delay
                life.status = dead[life.pid]
                life.condition = "waiting"

    def _wait_for_end(self, lives: Sequence[_Life]) -> None:
        deadline = time.monotonic() + max((life.program.grace for life in lives), default=0.0)
        alive = list(lives)
        while alive:
            signal.sigtimedwait({signal.SIGCHLD}, _TURN)
            dead = dict(_reap())
            alive = [life for life in alive if life.pid not in dead]
            if time.monotonic() > deadline:
                for life in alive:
                    _send(life.pid, signal.SIGKILL)

    def _look_at_logs(self) -> None:
        if time.monotonic() >= self._next_look_at_logs:
            self._next_look_at_logs = time.monotonic() + _BETWEEN_LOGS
            for life in self._lives():
                logs.bound(life.program.log)

    def _tell(self) -> None:
        self._publish(tuple(life.told() for life in self._lives()))


def _reap() -> list[tuple[int, int]]:
    """Return process id and exit status of every child that ended."""
    found: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        found.append((pid, os.waitstatus_to_exitcode(status)))


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _failure(life: _Life) -> Fault:
    program = life.program
    tail = logs.tail(program.log, since=life.log_from)
    if sentence := program.explain(tail):
        return Fault(sentence)
    how = f"ended ({life.status}) while it started" if life.condition == "waiting" else "did not become ready"
    return Fault(f"{program.name} {how}; its log {program.log} ends with: {logs.last_line(program.log)}")
