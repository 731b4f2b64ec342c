"""``Prefer: respond-async``: a search that is answered in the background and fetched by ``$later?id=...``.

202 with Content-Location begins it; that address answers 202 while it goes on, and then 200 with a batch-response that
holds the answer. DELETE gives it up. Source: https://hl7.org/fhir/R4/async.html, and its bundle pattern in R5.
"""

import asyncio
from contextlib import suppress
from secrets import token_urlsafe

from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import NotFound, Refusal, Unacceptable
from polyclinic.kit.http.message import Answer, Call, broken, refused
from polyclinic.kit.http.negotiation import without_format
from polyclinic.kit.logs import Log
from polyclinic.kit.passport import current
from polyclinic.kit.rest.bundles import Perform
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.responses import response_bundle, response_entry
from polyclinic.kit.rest.targets import Target

BEAT_SECONDS = 15.0
AGAIN_SECONDS = "2"
LARGEST_WAIT = 600.0
"""Seconds that a search may take in the background."""
SEARCHES = frozenset({"search-type", "search-compartment", "search-system"})
"""Interactions that can be answered later."""


class Later:
    """Begins, watches and hands out what is answered later in one process; ``perform`` serves a call.

    What breaks is in ``log`` under the id of the request that began the search, or took it over.
    """

    def __init__(self, endpoint: Endpoint, perform: Perform, log: Log) -> None:
        self._endpoint, self._perform, self._log = endpoint, perform, log
        self._working: set[asyncio.Task[None]] = set()

    async def begin(self, call: Call) -> Answer:
        """Keep the search that ``call`` is and begin to answer it."""
        id = token_urlsafe(24)
        form = call.body.decode("latin-1")
        asked = {"method": call.method, "path": call.path, "query": call.query, "form": form}
        question = encode(asked | {"headers": _told(call)})
        await self._endpoint.repository.keep_for_later(id, question)
        self._work(id, question)
        place = f"{self._endpoint.base}/{call.type}".rstrip("/")
        return Answer(202, headers={"content-location": f"{place}/$later?id={id}"})

    async def fetch(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        """Answer how far a search is, or with what it found; by DELETE it is given up."""
        id = _id(call)
        if call.method == "DELETE":
            if not await endpoint.repository.drop_later(id):
                raise _unknown()
            return Answer(202)
        waiting = await endpoint.repository.read_later(id)
        if waiting is None:
            raise _unknown()
        if waiting.status is None or waiting.answer is None:
            question = await endpoint.repository.take_over_later(id)
            if question is not None:
                self._work(id, question)
            return Answer(202, headers={"retry-after": AGAIN_SECONDS, "x-progress": "being searched"})
        entry = response_entry(Answer(waiting.status, waiting.answer), shows_resource=True)
        return Answer(200, response_bundle("batch-response", [entry]))

    def _work(self, id: str, question: bytes) -> None:
        task = asyncio.create_task(self._answer(id, question), name="answer later")
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def _answer(self, id: str, question: bytes) -> None:
        repository = self._endpoint.repository
        searching = asyncio.create_task(self._searched(question))
        try:
            while not (await asyncio.wait({searching}, timeout=BEAT_SECONDS))[0]:
                if not await repository.beat_later(id):
                    return
            answer = searching.result()
            await repository.finish_later(id, answer.status, answer.body)
        except Refusal:
            return  # the database is away; whoever asks for the answer begins anew
        finally:
            searching.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait({searching})

    async def _searched(self, question: bytes) -> Answer:
        asked = decode(question)
        body = asked["form"].encode("latin-1")
        call = Call(asked["method"], asked["path"], asked["query"], asked["headers"], body, patience=LARGEST_WAIT)
        try:
            return await self._perform(call)
        except Refusal as refusal:
            return refused(refusal)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is logged and the client gets an answer
            passport = current.get()
            request = passport.request_id if passport else "unknown"
            self._log.error("bug", error, request=request, interaction=call.interaction)
            return broken(request)


def _told(call: Call) -> dict[str, str]:
    """Return the headers that the answer depends on, without the wish that brought us here."""
    kept = {name: call.headers[name] for name in ("content-type", "accept") if name in call.headers}
    prefer = [each for each in call.headers.get("prefer", "").split(",") if "respond-async" not in each]
    return kept | ({"prefer": ",".join(prefer)} if prefer else {})


def _id(call: Call) -> str:
    pairs = without_format(call.pairs())
    if len(pairs) != 1 or pairs[0][0] != "id":
        raise Unacceptable("$later takes the one parameter id, as Content-Location gave it", at="id")
    return pairs[0][1]


def _unknown() -> NotFound:
    return NotFound("no answer waits under this id; answers are kept for a day")
