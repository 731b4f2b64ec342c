"""How a process is started so that it never outlives us: a fork with a session, a death signal, a log."""

import ctypes
import itertools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from polyclinic.platform.credentials import Credentials, Myself

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
_CANNOT_START = 127
"""The exit status of a child that never became its program, as shells have it."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to become: its words and its whole environment."""

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __call__(self) -> None:
        """Become the program; returns never."""
        os.execve(self.words[0], list(self.words), dict(self.environment))


def spawn(
    deed: Callable[[], None],
    *,
    log: Path,
    credentials: Credentials | None = None,
    death: signal.Signals = signal.SIGTERM,
    keep: Sequence[int] = (),
) -> int:
    """Start ``deed`` in a child and return its process id.

    The child gets ``death`` when we die, however we die. What it writes goes to the end of ``log``.
    Of our open files it has none but ``keep``: neither our lock nor our sockets.
    """
    parent = os.getpid()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _close_all_but(keep)
        _live(deed, log, credentials or Myself(), (parent, death))
    return child


def _live(deed: Callable[[], None], log: Path, credentials: Credentials, end: tuple[int, signal.Signals]) -> None:
    """Run ``deed`` and leave, whatever happens: the parent's code must never run on in a child."""
    status = _CANNOT_START
    try:
        os.setsid()
        redirect(log)
        _forget_signals()
        credentials.take()
        _die_with(*end)
        deed()
        status = 0
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else 1
    except BaseException:  # noqa: BLE001 - the child ends here, its log says why
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _die_with(parent: int, death: signal.Signals) -> None:
    """Ask the kernel for ``death`` when the parent dies; it may have died before we asked."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(death))
    if os.getppid() != parent:
        os._exit(_CANNOT_START)


def _close_all_but(keep: Sequence[int]) -> None:
    edges = [2, *sorted(keep), os.sysconf("SC_OPEN_MAX")]
    for before, after in itertools.pairwise(edges):
        os.closerange(before + 1, after)


def redirect(log: Path) -> None:
    """Read nothing and write to the end of ``log`` from now on."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    words = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(nothing, 0)
    os.dup2(words, 1)
    os.dup2(words, 2)
    os.close(nothing)
    os.close(words)


def _forget_signals() -> None:
    """Undo what the parent arranged for itself; SIGPIPE stays ignored, as Python has it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())


def plain_environment(**more: str) -> dict[str, str]:
    """Return our environment without what would steer a program from outside, and with ``more``."""
    foreign = ("PG", "POLYCLINIC_", "NATS_", "ENVOY_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | more
