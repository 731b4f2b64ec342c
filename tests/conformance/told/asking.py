"""Many requests at once to one FHIR base, and what is expected of each."""

import asyncio
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession

from polyclinic.fhir.json import decode, encode

AT_ONCE = 12
FHIR_JSON = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; ``request`` names what it answers."""

    request: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return decode(self.body)

    def expect(self, *statuses: int) -> "Said":
        """Return this answer if it has one of ``statuses``."""
        assert self.status in statuses, f"{self.request}: {self.status}, not {statuses}: {self.body[:500]!r}"
        return self

    def refuses(self, name: str) -> None:
        """Check that this is a refusal that names ``name``."""
        said = self.json if 400 <= self.status < 500 and self.body else {}
        spoken = [issue["diagnostics"] + " ".join(issue.get("expression", ())) for issue in said.get("issue", ())]
        assert any(name in text for text in spoken), f"{self.request}: {self.status} {spoken} does not name {name}"


class Asking:
    """Asks one FHIR base, a bounded number of questions at once."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self._session, self._base = session, base
        self._free = asyncio.Semaphore(AT_ONCE)

    async def __call__(
        self, method: str, path: str, body: Any = None, *, kind: str = FHIR_JSON, **headers: str
    ) -> Said:
        """Ask; ``path`` is below the base with its query, ``headers`` have ``_`` for ``-``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else None if body is None else encode(body)
        if data is not None:
            sent["Content-Type"] = kind
        async with (
            self._free,
            self._session.request(method, f"{self._base}/{path}".rstrip("/"), data=data, headers=sent) as answer,
        ):
            found = {name.lower(): value for name, value in answer.headers.items()}
            return Said(f"{method} {path}", answer.status, found, await answer.read())


async def all_of(deeds: Iterable[Awaitable[None]]) -> None:
    """Do all ``deeds``; fail with everything that failed, not only the first."""
    done = await asyncio.gather(*deeds, return_exceptions=True)
    failed = [error for error in done if isinstance(error, BaseException)]
    strange = [error for error in failed if not isinstance(error, AssertionError)]
    if strange:
        raise strange[0]
    told = "\n".join(sorted(str(error).partition("\nassert")[0] for error in failed)[:60])
    assert not failed, f"{len(failed)} of {len(done)} failed:\n{told}"
