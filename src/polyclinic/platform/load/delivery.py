"""Bringing parcels to the server over HTTP: asks whether one is there, sends it, waits out what passes.

Exactly once, see docs/decisions/0007-load-exactly-once.md.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from polyclinic.platform.load.answers import CutOff, Delivered, read_answer, refusals
from polyclinic.platform.load.parcels import Parcel

FHIR_JSON = "application/fhir+json"
PASSES = frozenset({408, 425, 429, 502, 503, 504})
"""Statuses that say "not now"."""

MAY_PASS = frozenset({409, 500})
"""Statuses that a server falling over gives as well as one that means it: tried again a few times only."""

FEW = 4
ANSWER_WITHIN = 300.0
"""Seconds that the server may take for one Bundle."""


class Unreachable(Exception):
    """The server does not answer, or not as a FHIR server; the message is a sentence."""


class _NotNow(Exception):
    """This attempt failed in a way that may pass."""


class _PerhapsNever(_NotNow):
    """The server says no in a way that it says also while it falls over."""


class Server:
    """The FHIR server at ``url``; ``patience`` is how many seconds one parcel waits for it to come back."""

    def __init__(self, url: str, *, connections: int, patience: float, ask: bool = True) -> None:
        self.url = url.rstrip("/")
        self._connections = connections
        self._patience = patience
        self._ask = ask
        self.on_wait: Callable[[str], None] = lambda reason: None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"Accept": FHIR_JSON, "Accept-Encoding": "identity", "Prefer": "return=minimal"},
            connector=aiohttp.TCPConnector(limit=self._connections),
            timeout=aiohttp.ClientTimeout(total=ANSWER_WITHIN, connect=10),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def greet(self, *, within: float) -> None:
        """Return once the server shows itself as FHIR; Raises: ``Unreachable`` after ``within`` seconds."""
        for _ in _until(asyncio.get_running_loop().time() + within):
            try:
                status, body = await self._request("GET", "/metadata")
            except _NotNow as error:
                reason = str(error)
            else:
                if status == 200 and b'"CapabilityStatement"' in body:
                    return
                reason = f"GET metadata gave {status} and no CapabilityStatement"
            await asyncio.sleep(0.25)
        raise Unreachable(
            f"no FHIR server answers at {self.url} ({reason}); "
            "start one with `polyclinic up`, or name another with --url"
        )

    async def deliver(self, parcel: Parcel) -> Delivered:
        """Bring the parcel in, once; what passes is waited out.

        Raises: ``Unreachable`` when the server did not come back within the patience.
        """
        loop = asyncio.get_running_loop()
        give_up = loop.time() + self._patience
        doubts = FEW
        for attempt, pause in enumerate(_pauses()):
            try:
                return await self._attempt(parcel, again=attempt > 0, doubted=doubts > 0)
            except (_NotNow, CutOff) as error:
                doubts -= isinstance(error, _PerhapsNever)
                if loop.time() + pause > give_up:
                    raise Unreachable(
                        f"{self.url} did not take a Bundle for {self._patience:.0f} s ({error})"
                    ) from error
                self.on_wait(str(error))
            await asyncio.sleep(pause)
        raise AssertionError("the pauses have no end")

    async def _attempt(self, parcel: Parcel, *, again: bool, doubted: bool) -> Delivered:
        # when this is done again, the first may have been committed and only its answer lost
        if parcel.witness and (self._ask or again) and await self._is_there(parcel.witness):
            return Delivered(found=len(parcel.entries))
        status, body = await self._post(parcel.as_bundle())
        if doubted and status in MAY_PASS:
            raise _PerhapsNever(f"it answered {status}")
        if 200 <= status < 300:
            return read_answer(parcel, body)
        if parcel.divisible and len(parcel.entries) > 1:
            return await self._without_the_refused(parcel)
        return Delivered(refused=list(refusals(parcel, status, body)))

    async def _without_the_refused(self, parcel: Parcel) -> Delivered:
        status, body = await self._post(parcel.as_bundle("batch"))
        if 200 <= status < 300:
            return read_answer(parcel, body)
        if len(parcel.entries) == 1:
            return Delivered(refused=list(refusals(parcel, status, body)))
        # something in it spoils the whole, such as bytes that are no UTF-8: the halves without it go in
        halves = [await self._without_the_refused(half) for half in parcel.halves()]
        return halves[0].with_all_of(halves[1])

    async def _is_there(self, witness: str) -> bool:
        """Whether the resource exists or existed: a deleted one was loaded, and is not brought back."""
        status, _ = await self._request("GET", f"/{witness}")
        if status in (200, 410):
            return True
        if status == 404:
            return False
        raise _NotNow(f"GET {witness} gave {status}")

    async def _post(self, bundle: bytes) -> tuple[int, bytes]:
        status, body = await self._request("POST", "", bundle)
        if status in PASSES:
            raise _NotNow(f"it answered {status}")
        return status, body

    async def _request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        headers = {"Content-Type": FHIR_JSON} if body is not None else None
        url = URL(self.url + path, encoded=True)
        try:
            async with self._session.request(method, url, data=body, headers=headers) as response:
                return response.status, await response.read()
        except aiohttp.ClientConnectorError as error:
            raise _NotNow(_why(error.os_error)) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _NotNow(str(error) or type(error).__name__) from error


def _why(error: OSError) -> str:
    """Return the system's own words; names that are not found have negative numbers and words of their own."""
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return error.strerror or str(error)


def _pauses() -> Iterator[float]:
    """Yield seconds to wait between attempts: from 0.1, doubling, never more than 3."""
    pause = 0.1
    while True:
        yield pause
        pause = min(3.0, pause * 2)


def _until(deadline: float) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    yield
    while loop.time() < deadline:
        yield
