"""The data folder: where everything that one platform keeps, says and remembers lies on disk."""

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyclinic.platform.fault import Fault

_ROOM_TO_START = 256 * 1024 * 1024
"""Bytes a first start needs: a cluster (70 MB), its first write-ahead log, logs."""

_ROOM_TO_GO_ON = 64 * 1024 * 1024
_LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
"""A unix socket's path has at most 107 characters (unix(7))."""

_FULL = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Folder:
    """The parts of one data folder; ``root`` is absolute."""

    root: Path

    @property
    def postgresql(self) -> Path:
        """The PostgreSQL cluster."""
        return self.root / "postgresql"

    @property
    def nats(self) -> Path:
        """The streams of NATS."""
        return self.root / "nats"

    @property
    def run(self) -> Path:
        """What only a running platform needs: state, configuration, locks."""
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        """One secret per file, for the owner of the folder only."""
        return self.root / "secrets"

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    @property
    def state(self) -> Path:
        """What runs now, written by ``up``, read by ``status`` and ``down``."""
        return self.run / "state.json"

    def log(self, name: str) -> Path:
        """Return the log of the process ``name``."""
        return self.logs / f"{name}.log"

    def sockets(self) -> Path:
        """Return the folder of the unix sockets, a short one of our own where the usual path is too long."""
        usual = self.run / "sockets"
        if len(os.fsencode(usual)) <= _LONGEST_SOCKET_FOLDER:
            return usual
        key = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"polyclinic-{os.geteuid()}-{key}"

    def secret(self, name: str) -> Path:
        """Return the file of the secret ``name``, made of 32 random bytes on first use."""
        path = self.secrets / name
        if not path.exists():
            write_whole(path, secrets.token_urlsafe(32), mode=0o600)
        return path

    def prepare(self) -> None:
        """Make the folder and prove that it can be written.

        Raises ``Fault`` where it is read-only, full, or somebody else's.
        """
        try:
            for part, mode in ((self.root, 0o755), (self.run, 0o755), (self.nats, 0o700), (self.logs, 0o755)):
                part.mkdir(mode=mode, parents=True, exist_ok=True)
            self.secrets.mkdir(mode=0o700, exist_ok=True)
            self._make_sockets()
            _prove_writable(self.run)
        except OSError as problem:
            raise _fault(self.root, problem) from problem
        self._refuse_full()

    def _make_sockets(self) -> None:
        """Make the folder of the sockets; one of that name that belongs to somebody else is refused."""
        sockets = self.sockets()
        sockets.mkdir(mode=0o700, exist_ok=True)
        ours = {os.geteuid(), (self.postgresql if self.postgresql.exists() else self.root).stat().st_uid}
        if sockets.is_symlink() or sockets.stat().st_uid not in ours:
            raise Fault(f"The folder {sockets} for unix sockets belongs to somebody else; remove it, or set TMPDIR.")

    def _refuse_full(self) -> None:
        disk = os.statvfs(self.root)
        free = disk.f_bavail * disk.f_frsize
        needed = _ROOM_TO_GO_ON if (self.postgresql / "PG_VERSION").exists() else _ROOM_TO_START
        if free < needed:
            raise Fault(
                f"The disk of the data folder {self.root} is full: {free >> 20} MB are free and "
                f"{needed >> 20} MB are needed to start; free some space or choose another with --data DIR."
            )

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Hold the folder for this process alone; a second holder gets a ``Fault`` that names the first."""
        path = self.run / "lock"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            _lock(descriptor, self.root)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(descriptor)


def write_whole(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write ``path`` so that a reader sees the old text or the new one, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


def _lock(descriptor: int, root: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
        raise Fault(
            f"The data folder {root} is in use by another `polyclinic up` (process {holder}); stop that one "
            f"with `polyclinic down --data {root}` or choose another folder with --data DIR."
        ) from None


def _prove_writable(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as probe:
        os.posix_fallocate(probe.fileno(), 0, 1024 * 1024)


def _fault(root: Path, problem: OSError) -> Fault:
    if problem.errno in _FULL:
        return Fault(f"The disk of the data folder {root} is full; free some space or choose another with --data DIR.")
    return Fault(
        f"The data folder {root} cannot be written ({os.strerror(problem.errno or 0)}: {problem.filename}); "
        "make it writable for this user or choose another folder with --data DIR."
    )
