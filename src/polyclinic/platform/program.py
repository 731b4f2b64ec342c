"""What the supervisor keeps running: one shape for PostgreSQL, NATS, the edge and every service."""

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyclinic.platform.credentials import Credentials, Myself


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One process to start, watch and stop.

    ``deed`` is what the child does and returns from never, or at its end. ``is_ready(pid)`` is asked until it
    is true, for at most ``patience`` seconds. ``before`` mends what an earlier run left, before each start.
    ``before_end`` is called while it still runs, before it is sent ``end``. ``explain`` turns the end of its
    log into a sentence for people, or None where it knows no better. ``doors`` are the services it serves, by
    name, ``keep`` the open files it takes along. After ``grace`` seconds of being asked to end it is killed.
    """

    name: str
    address: str
    deed: Callable[[], None]
    log: Path
    is_ready: Callable[[int], bool]
    version: str = ""
    doors: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] = lambda: None
    explain: Callable[[str], str | None] = lambda tail: None
    before_end: Callable[[], None] = lambda: None
    credentials: Credentials = field(default_factory=Myself)
    end: signal.Signals = signal.SIGTERM
    keep: tuple[int, ...] = ()
    patience: float = 30.0
    grace: float = 10.0
