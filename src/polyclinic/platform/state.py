"""What runs now, as a file: written by ``up`` at every change, read by ``status``, ``down``, ``up``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from polyclinic.platform import procfs
from polyclinic.platform.folder import Folder, write_whole

Condition = Literal["starting", "ready", "waiting"]
"""``waiting``: it died and is started again in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One supervised process; ``born`` (clock ticks since boot) tells it from a later one of the same id.

    ``since`` is when it was started (seconds since 1970), ``doors`` are the services it serves.
    """

    name: str
    pid: int
    born: int
    address: str
    version: str
    condition: Condition
    restarts: int
    since: float
    log: str
    doors: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        """Whether it still is the process that was started."""
        return self.pid > 0 and procfs.born(self.pid) == self.born


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One running platform: its supervisor and everything that runs under it, in the order of starting.

    ``elsewhere`` are the addresses of what it uses and did not start, without passwords.
    """

    version: str
    pid: int
    born: int
    base_url: str
    data: str
    started: float
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()

    @property
    def is_alive(self) -> bool:
        """Whether its supervisor still runs."""
        return procfs.born(self.pid) == self.born


def read(folder: Folder) -> State | None:
    """Return what was last written, None where nothing runs or a broken file says nothing."""
    try:
        return msgspec.json.decode(folder.state.read_bytes(), type=State)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def write(folder: Folder, state: State) -> None:
    """Replace what was last written."""
    write_whole(folder.state, msgspec.json.format(msgspec.json.encode(state), indent=2).decode())


def forget(folder: Folder) -> None:
    """Say that nothing runs."""
    folder.state.unlink(missing_ok=True)
