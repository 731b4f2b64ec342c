"""As whom a program runs: PostgreSQL refuses to be root, so root becomes somebody else."""

import ctypes
import functools
import os
from dataclasses import dataclass
from pathlib import Path

NOBODY = 65534
"""The user id the kernel uses for nobody (Documentation/admin-guide/sysctl/fs.rst, overflowuid)."""

_CLONE_NEWUSER = 0x10000000
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Myself:
    """The program runs as whoever starts it."""

    def own(self, path: Path) -> None:
        """Leave ``path`` to who made it."""

    def take(self) -> None:
        """Change nothing."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """Root sees itself as nobody in a user namespace of its own; its files stay root's."""

    def own(self, path: Path) -> None:
        """Leave ``path`` to root, who the program still is outside its namespace."""

    def take(self) -> None:
        """Enter a new user namespace in which the only user is nobody (user_namespaces(7))."""
        user, group = os.geteuid(), os.getegid()
        if _libc.unshare(_CLONE_NEWUSER) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
        Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1", encoding="ascii")
        Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1", encoding="ascii")


@dataclass(frozen=True, slots=True)
class Dropped:
    """Root becomes the user ``user`` for good, and gives it the files it needs."""

    user: int = NOBODY

    def own(self, path: Path) -> None:
        """Give ``path`` to the user."""
        os.chown(path, self.user, self.user)

    def take(self) -> None:
        """Become the user."""
        os.setgroups([])
        os.setgid(self.user)
        os.setuid(self.user)


Credentials = Myself | Namespace | Dropped


def unprivileged(folder: Path) -> Credentials:
    """Return whom a program that refuses to be root and keeps its files in ``folder`` runs as."""
    if os.geteuid() != 0:
        return Myself()
    owner = folder.stat().st_uid if folder.exists() else 0
    if owner != 0:
        return Dropped(owner)
    return Namespace() if _namespaces_work() else Dropped()


@functools.cache
def _namespaces_work() -> bool:
    """Whether the kernel and the container around us let root make a user namespace."""
    child = os.fork()
    if child == 0:
        try:
            Namespace().take()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
