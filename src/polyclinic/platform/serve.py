"""How services are served: uvicorn on uvloop and httptools, one or several in one process, one clean end."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import uvicorn
import uvloop

from polyclinic.kit.logs import log_libraries
from polyclinic.kit.settings import Settings
from polyclinic.platform import catalog
from polyclinic.platform.corked import CorkedProtocol
from polyclinic.platform.fault import Fault

_PATIENCE = 8
"""Seconds that requests in flight get to finish after SIGTERM."""

_KEEP_ALIVE = 75
"""Seconds an idle connection stays open: longer than the edge keeps it, so that the edge closes first."""

_GARBAGE = (50_000, 20, 20)
"""When Python looks for garbage: a Bundle is a hundred thousand objects without circles, and looking after every 700,
as it would, is a fifth of the work of an import."""


@dataclass(frozen=True, slots=True)
class Served:
    """One service, and the sockets it listens on; without any it opens its own from its settings."""

    settings: Settings
    doors: Sequence[socket.socket] = ()


class _Server(uvicorn.Server):
    """A server that leaves signals to whoever runs several of them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Change no signal handler."""
        yield


def serve(name: str, settings: Settings) -> None:
    """Serve one service until SIGTERM or SIGINT.

    Raises ``Fault`` where it does not exist or cannot listen.
    """
    if name not in catalog.names():
        raise Fault(f"There is no service {name!r}; there are {', '.join(catalog.names())}.")
    try:
        door = socket.create_server((settings.host, settings.port), backlog=2048)
    except OSError as problem:
        raise Fault(
            f"{name} cannot listen on {settings.host}:{settings.port} ({problem.strerror}); "
            "set POLYCLINIC_HOST and POLYCLINIC_PORT to a free address."
        ) from problem
    serve_all([Served(settings, [door])])


def serve_all(served: Sequence[Served]) -> None:
    """Serve several services from one event loop until SIGTERM or SIGINT; exit 1 if one cannot start."""
    log_libraries(served[0].settings.service if len(served) == 1 else "services", served[0].settings.log_level)
    if not uvloop.run(_serve(served)):
        raise SystemExit(1)


async def _serve(served: Sequence[Served]) -> bool:
    servers = {_server(one.settings): list(one.doors) or None for one in served}
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    _stop_on_signals(servers)
    await asyncio.gather(*(server.serve(sockets=doors) for server, doors in servers.items()))
    return all(server.started for server in servers)


def _stop_on_signals(servers: Mapping[_Server, object]) -> None:
    def stop() -> None:
        for server in servers:
            server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def _server(settings: Settings) -> _Server:
    return _Server(
        uvicorn.Config(
            catalog.creator(settings.service)(settings),
            host=settings.host,
            port=settings.port,
            loop="none",
            http=CorkedProtocol,
            ws="none",
            lifespan="on",
            interface="asgi3",
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_PATIENCE,
        )
    )
