"""What the tests of services share, and what ships with them: a database, a running service, a client, a clock.

The environment names a PostgreSQL superuser in ``POLYCLINIC_TEST_POSTGRESQL``; each test module makes its own database.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import uvicorn
from aiohttp import ClientSession, DummyCookieJar
from starlette.types import ASGIApp

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.search.vocabulary import NEVER_KEPT
from polyclinic.kit.app import assemble
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.settings import Settings

POSTGRESQL = "POLYCLINIC_TEST_POSTGRESQL"
KEEP_ALIVE = 75
"""Seconds that a connection may be idle: longer than clients keep theirs, or they meet one that is being closed."""

Create = Callable[[Settings], ASGIApp]
"""What every service's ``main`` offers."""


KEPT = RESOURCE_TYPES - NEVER_KEPT
"""The resource types that can be kept: not those that are only sent."""


def create_whole(settings: Settings) -> ASGIApp:
    """Return a service that keeps every type, as one big server would: what services together are held against."""
    return assemble(Manifest(name="whole", owns=tuple(sorted(KEPT))), settings)


class SteppingClock:
    """A clock that goes one second further each time it is read, from a given moment on."""

    def __init__(self, moment: datetime) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        """Return the next moment."""
        self.moment += timedelta(seconds=1)
        return self.moment


@dataclass(frozen=True, slots=True)
class Heard:
    """What a service answered; ``headers`` have names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decimals as ``Decimal``."""
        return decode(self.body)

    @property
    def codes(self) -> list[str]:
        """The codes of all issues of an OperationOutcome."""
        return [issue["code"] for issue in self.json["issue"]]

    @property
    def places(self) -> list[str]:
        """The expressions of all issues of an OperationOutcome."""
        return [place for issue in self.json["issue"] for place in issue.get("expression", ())]

    @property
    def said(self) -> str:
        """The diagnostics of all issues of an OperationOutcome, a line each."""
        return "\n".join(issue["diagnostics"] for issue in self.json["issue"])


@dataclass(frozen=True, slots=True)
class Client:
    """Speaks to one running service. ``root`` is its address without a path; paths begin with a slash."""

    root: str
    session: ClientSession

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Heard:
        """Send a request; ``body`` is bytes or a value to encode; ``if_match="..."`` is the header If-Match."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if body is None else BytesIO(body if isinstance(body, bytes) else encode(body))
        if content is not None:
            named.setdefault("content-type", "application/fhir+json")
        url = path if path.startswith("http") else self.root + path
        async with self.session.request(method, url, data=content, headers=named) as response:
            found = {name.lower(): value for name, value in response.headers.items()}
            return Heard(response.status, found, await response.read())

    async def get(self, path: str, **headers: str) -> Heard:
        """Send a GET."""
        return await self.send("GET", path, **headers)

    async def post(self, path: str, body: Any, **headers: str) -> Heard:
        """Send a POST."""
        return await self.send("POST", path, body, **headers)

    async def put(self, path: str, body: Any, **headers: str) -> Heard:
        """Send a PUT."""
        return await self.send("PUT", path, body, **headers)

    async def delete(self, path: str, **headers: str) -> Heard:
        """Send a DELETE."""
        return await self.send("DELETE", path, **headers)


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """Make an empty database and yield its DSN; it is dropped at the end."""
    superuser = os.environ[POSTGRESQL]
    name = f"test_{secrets.token_hex(6)}"
    await _execute(superuser, f"create database {name}")
    try:
        yield urlunsplit(urlsplit(superuser)._replace(path=f"/{name}"))
    finally:
        await _execute(superuser, f"drop database {name} with (force)")


@asynccontextmanager
async def running(create: Create, **settings: Any) -> AsyncIterator[Client]:
    """Run a service on a free port of this machine, in this event loop, and yield a client of it."""
    # said to be TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        root = f"http://127.0.0.1:{port}"
        made = Settings(**{"port": port, "base_url": f"{root}/fhir", "log_level": "warning", **settings})
        config = uvicorn.Config(create(made), log_config=None, access_log=False, timeout_keep_alive=KEEP_ALIVE)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started:
                await asyncio.sleep(0.005)
                if serving.done():
                    serving.result()
            async with ClientSession(cookie_jar=DummyCookieJar(), skip_auto_headers=("Accept-Encoding",)) as session:
                yield Client(root, session)
        finally:
            server.should_exit = True
            await serving


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
