"""Calls to neighbours: FHIR over HTTP, with the papers of the request that is being served.

One pool of connections per process. A neighbour that does not answer is a refusal (``Unavailable``) that names it.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from io import BytesIO
from math import inf
from types import TracebackType

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from polyclinic.fhir.outcome import Unavailable
from polyclinic.kit.passport import current

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 120.0
"""How long a neighbour may take to begin its answer, and for each piece of it."""
CONNECTIONS = 100
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a neighbour answered; ``headers`` have names in lower case.

    ``pieces``, where there are any, come after ``body``; whoever takes the first of them takes all, or closes them.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    pieces: AsyncGenerator[bytes, None] | None = None


class Neighbours:
    """The services this one can ask, by name. An async context manager, open while the service runs."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self._addresses = {name: address.rstrip("/") for name, address in addresses.items()}
        self._session: ClientSession | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The neighbours that are known, in order."""
        return tuple(sorted(self._addresses))

    async def __aenter__(self) -> "Neighbours":
        self._session = ClientSession(
            connector=TCPConnector(limit=CONNECTIONS, keepalive_timeout=60),
            timeout=ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=ANSWER_SECONDS),
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept-Encoding"),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        held: float = inf,
    ) -> Reply:
        """Return what ``service`` answers to ``method path``; a safe question is asked twice if the line breaks.

        Of an answer of more than ``held`` bytes the rest comes in pieces.
        Refuses: ``Unavailable`` naming the service that does not answer.
        """
        try:
            return await self._ask(service, method, path, headers or {}, body, held)
        except (ClientError, TimeoutError) as error:
            if method not in _SAFE or isinstance(error, TimeoutError):
                raise _silent(service) from error
        try:
            return await self._ask(service, method, path, headers or {}, body, held)
        except (ClientError, TimeoutError) as error:
            raise _silent(service) from error

    async def _ask(
        self, service: str, method: str, path: str, headers: Mapping[str, str], body: bytes, held: float
    ) -> Reply:
        address = self._addresses.get(service)
        if address is None or self._session is None:
            raise _silent(service)
        passport = current.get()
        sent = {**headers, **(passport.headers() if passport else {})}
        url = f"{address}{path}"
        response = await self._session.request(
            method, url, data=BytesIO(body) if body else None, headers=sent, allow_redirects=False
        )
        try:
            content = await _first(response, held)
        except BaseException:
            response.close()
            raise
        named = {name.lower(): value for name, value in response.headers.items()}
        rest = None if response.content.at_eof() else _rest(service, response)
        return Reply(response.status, named, content, rest)


async def _first(response: ClientResponse, held: float) -> bytes:
    """Return what comes until it is all or more than ``held`` bytes."""
    pieces, size = [], 0
    while size <= held and not response.content.at_eof():
        pieces.append(await response.content.readany())
        size += len(pieces[-1])
    return b"".join(pieces)


async def _rest(service: str, response: ClientResponse) -> AsyncGenerator[bytes, None]:
    """Yield what is left of an answer. Refuses: ``Unavailable`` where it breaks off."""
    try:
        async for piece in response.content.iter_any():
            yield piece
    except (ClientError, TimeoutError) as error:
        raise _silent(service) from error
    finally:
        response.close()


def _silent(service: str) -> Unavailable:
    return Unavailable(f"the service {service} does not answer now; ask again in a few seconds")
