"""A cluster and its configuration: made once, configured anew at each start, cleared of what a dead server left."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

from polyclinic.platform import child, logs, procfs
from polyclinic.platform.credentials import Credentials
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder, write_whole
from polyclinic.platform.postgresql.finding import Server, made_by

SUPERUSER = "postgres"
PASSWORD = "postgresql.password"
"""The secret that the superuser shows."""

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


def refuse_lost_password(folder: Folder) -> None:
    """Raise ``Fault`` where there is a cluster, but not the password of its superuser."""
    if made_by(folder.postgresql) is not None and not (folder.secrets / PASSWORD).exists():
        raise Fault(
            f"The password of the cluster in {folder.postgresql} is missing: restore {folder.secrets / PASSWORD} from "
            "a backup of the data folder."
        )


def make(server: Server, folder: Folder, credentials: Credentials, *, durable: bool) -> None:
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
        password.write(folder.secret(PASSWORD).read_text(encoding="ascii"))
        password.flush()
        credentials.own(Path(password.name))
        _run_to_end([*words, f"--pwfile={password.name}"], folder, credentials)
    unfinished.rename(folder.postgresql)


def environment() -> dict[str, str]:
    """Return an environment in which PostgreSQL speaks English, so that ``explain`` understands it."""
    return child.plain_environment(LC_ALL="C")


def _locale(server: Server) -> list[str]:
    """Return initdb's words for Unicode ordered by code point, the same on every machine."""
    if server.major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def _run_to_end(words: list[str], folder: Folder, credentials: Credentials) -> None:
    log = folder.log("postgresql")
    since = logs.size(log)
    pid = child.spawn(child.Command(words, environment()), log=log, credentials=credentials)
    if os.waitpid(pid, 0)[1] != 0:
        raise Fault(
            explain(logs.tail(log, since=since))
            or f"PostgreSQL could not make its cluster in {folder.root}; {log} says why."
        )


def configure(server: Server, folder: Folder, credentials: Credentials, *, durable: bool) -> None:
    """Write who may connect and how the server works; without ``durable`` it does not wait for the disk."""
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


def is_ready(cluster: Path, pid: int) -> bool:
    """Whether the server ``pid`` accepts connections: line 8 of its lock file says so (miscinit.c)."""
    lines = _postmaster(cluster)
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def stop_orphans(cluster: Path, sockets: Path) -> None:
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


def explain(tail: str) -> str | None:
    """Return what the end of the log means and what to do, None where it is nothing usual."""
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
