"""What the supervisor keeps running: one shape for PostgreSQL, NATS, the edge and every service."""

import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from polyclinic.platform.credentials import Credentials, Myself


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to start, watch and stop.

    ``deed`` is what the child does and returns from never, or at its end. ``is_ready(pid)`` is asked until it is true,
    for at most ``patience`` seconds. ``before`` mends what an earlier run left, before each start. ``explain`` turns
    the end of its log into a sentence for people, or None where it knows no better than the log.
    """

    name: str
    address: str
    deed: Callable[[], None]
    log: Path
    is_ready: Callable[[int], bool]
    version: str = ""
    before: Callable[[], None] = lambda: None
    explain: Callable[[str], str | None] = lambda tail: None
    credentials: Credentials = Myself()
    end: signal.Signals = signal.SIGTERM
    patience: float = 30.0
