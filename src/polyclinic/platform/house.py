"""One whole platform on one machine: which program listens where, is told what, and shows which password."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from polyclinic import __version__
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.settings import Settings
from polyclinic.platform import catalog, edge, envoy, health, nats, postgresql
from polyclinic.platform.fault import Fault
from polyclinic.platform.folder import Folder
from polyclinic.platform.program import Program

_HOST = "127.0.0.1"
_BACKLOG = 2048
"""Connections that wait at a door while the service behind it is started again."""
_NATS = 90
"""The port of NATS, counted from the edge's; the services follow the edge one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What was asked for: a folder, the edge's port, the services, addresses of what is not started here."""

    folder: Folder
    port: int
    manifests: Sequence[Manifest]
    together: bool = False
    demo: bool = False
    postgresql: str | None = None
    nats: str | None = None
    edge: str | None = None
    log_level: str = "info"
    conditional_delete: str = "single"
    reindex_rate: str = "1000"
    explain: str = "false"
    doors: dict[str, tuple[socket.socket, socket.socket]] = field(default_factory=dict)
    """By service: its port, for its neighbours and operators, and its unix socket, for the edge."""

    @property
    def base_url(self) -> str:
        """The FHIR base, as clients see it."""
        return f"{self.edge.rstrip('/')}" if self.edge else f"http://{_HOST}:{self.port}{edge.BASE}"

    @property
    def owning(self) -> list[str]:
        """The names of the services that keep data."""
        return [manifest.name for manifest in self.manifests if manifest.owns]

    def ports(self) -> dict[str, int]:
        """Return the port of each service, by name."""
        return {manifest.name: self.port + 1 + place for place, manifest in enumerate(self.manifests)}

    def edge_doors(self) -> dict[str, Path]:
        """Return the unix socket of each service, by name."""
        return {manifest.name: self.folder.sockets() / f"{manifest.name}.http" for manifest in self.manifests}

    def open_doors(self) -> None:
        """Listen on the port and the unix socket of every service, and see that the other ports are free.

        We listen in the services' place, so that a connection waits while its service is started again.
        Raises ``Fault`` where a port is taken.
        """
        edge_doors = self.edge_doors()
        for name, port in self.ports().items():
            self.doors[name] = _listen(port, f"the service {name}"), _listen_at(edge_doors[name])
        if self.edge is None:
            _listen(self.port, "the edge").close()
        if self.nats is None:
            _listen(self.port + _NATS, "NATS").close()

    def foundations(self) -> list[Program]:
        """Return what the services stand on, as far as no address replaces it."""
        found = []
        if self.postgresql is None:
            found.append(postgresql.program(self.folder))
        if self.nats is None:
            found.append(nats.program(self.folder, self.port + _NATS, self.manifests))
        return found

    def practices(self) -> list[Program]:
        """Return the services: each a program, or all in one."""
        if self.together:
            return [self._service("services", list(self.ports()))]
        return [self._service(name, [name]) for name in self.ports()]

    def front(self) -> list[Program]:
        """Return the edge, unless another stands before the services."""
        if self.edge is not None:
            return []
        return [envoy.program(self.folder, self.manifests, self.edge_doors(), self.port)]

    def elsewhere(self) -> dict[str, str]:
        """Return the addresses that replace what we would start, without users and passwords."""
        given = {"postgresql": self.postgresql, "nats": self.nats, "edge": self.edge}
        return {name: _without_user(address) for name, address in given.items() if address is not None}

    def administrator(self) -> str:
        """Return the address of PostgreSQL for who makes roles and databases."""
        return self.postgresql or postgresql.superuser_dsn(self.folder)

    def passwords(self) -> dict[str, str]:
        """Return the password of each database role."""
        return {name: self._password(name).read_text(encoding="ascii") for name in self.owning}

    def settings(self, name: str) -> Settings:
        """Return what the service ``name`` is told, as its environment would tell it."""
        ports = self.ports()
        told = {
            "SERVICE": name,
            "HOST": _HOST,
            "PORT": str(ports[name]),
            "BASE_URL": self.base_url,
            "SERVICES": json.dumps({service: f"http://{_HOST}:{port}" for service, port in ports.items()}),
            "OWNERS": json.dumps({**catalog.owners(self.manifests), **catalog.answerers(self.manifests)}),
            "LOG_LEVEL": self.log_level,
            "CONDITIONAL_DELETE": self.conditional_delete,
            "REINDEX_RATE": self.reindex_rate,
            "EXPLAIN": self.explain,
            **self._events(name),
            **self._database(name),
        }
        return Settings.read({f"POLYCLINIC_{key}": value for key, value in told.items()})

    def _service(self, program: str, names: Sequence[str]) -> Program:
        addresses = {name: f"http://{_HOST}:{self.ports()[name]}" for name in names}
        return Program(
            name=program,
            address=next(iter(addresses.values())),
            doors=addresses,
            version=__version__,
            deed=lambda: self._serve(names),
            log=self.folder.log(program),
            is_ready=lambda pid: all(health.is_ready(address) for address in addresses.values()),
            keep=tuple(door.fileno() for name in names for door in self.doors[name]),
            patience=60.0,
        )

    def _serve(self, names: Sequence[str]) -> None:
        from polyclinic.platform.serve import Served, serve_all

        serve_all([Served(self.settings(name), self.doors[name]) for name in names])

    def _events(self, name: str) -> Mapping[str, str]:
        if self.nats is not None:
            return {"NATS": self.nats}
        address = f"nats://{name}@{_HOST}:{self.port + _NATS}"
        return {"NATS": address, "NATS_PASSWORD_FILE": str(nats.password(self.folder, name))}

    def _database(self, name: str) -> Mapping[str, str]:
        if name not in self.owning:
            return {}
        if self.postgresql is None:
            host = quote(str(self.folder.sockets()), safe="/")
            address = f"postgresql://{name}@/{name}?host={host}"
        else:
            address = _for_role(self.postgresql, name)
        return {"POSTGRESQL": address, "POSTGRESQL_PASSWORD_FILE": str(self._password(name))}

    def _password(self, name: str) -> Path:
        return self.folder.secret(f"{name}.password")


def _for_role(dsn: str, name: str) -> str:
    """Return ``dsn`` for the role and database ``name``, without the administrator's user and password."""
    parts = urlsplit(dsn)
    hosts = parts.netloc.rpartition("@")[2]
    ours = {"user", "password", "passfile", "dbname", "database"}
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] not in ours], safe="/:")
    return urlunsplit(("postgresql", f"{name}@{hosts}", f"/{name}", query, ""))


def _without_user(address: str) -> str:
    parts = urlsplit(address)
    query = urlencode([pair for pair in parse_qsl(parts.query) if pair[0] != "password"], safe="/:")
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))


def _listen(port: int, who: str) -> socket.socket:
    try:
        return socket.create_server((_HOST, port), backlog=_BACKLOG)
    except OverflowError:
        raise Fault(f"There is no port {port}, which {who} would need; choose a lower --port N.") from None
    except OSError as problem:
        raise Fault(
            f"Port {port}, which {who} needs, cannot be opened ({problem.strerror}); end the program that "
            "holds it, or choose other ports with --port N."
        ) from problem


def _listen_at(path: Path) -> socket.socket:
    """Listen on a unix socket that only we may open."""
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        listening.bind(str(path))
    finally:
        os.umask(mask)
    listening.listen(_BACKLOG)
    return listening
