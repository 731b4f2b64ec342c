"""Assembles a service: its manifest, its settings, its own routes, and everything that every service has."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from polyclinic import __version__
from polyclinic.fhir.outcome import NotFound, Refusal
from polyclinic.kit import clock
from polyclinic.kit.clock import Clock
from polyclinic.kit.http.door import PREFIX, Answering, Door, Speaks, only_json
from polyclinic.kit.http.message import Answer, broken, refused
from polyclinic.kit.logs import Log
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.opening import Chore, Opening, Place
from polyclinic.kit.passport import current
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.interactions import Advise, Interactions
from polyclinic.kit.rest.operations.model import Operation
from polyclinic.kit.settings import Misconfigured, Settings
from polyclinic.kit.telemetry import Metrics, Telemetry
from polyclinic.repository.companion import Companion
from polyclinic.repository.model import Keeping

Missing = Callable[[], Awaitable[Sequence[str]]]
"""Answers in sentences what a service could use and does not find at this moment."""


async def _nothing() -> Sequence[str]:
    return ()


@dataclass(frozen=True, slots=True)
class Reception:
    """Who receives FHIR requests in a service that keeps nothing itself.

    ``opened`` are open while the service runs. ``missing`` is told by ``/health/ready``, which stays ready. ``speaks``
    tells where anything but FHIR JSON is answered.
    """

    answering: Answering
    opened: Sequence[AbstractAsyncContextManager[object]] = ()
    missing: Missing = _nothing
    speaks: Speaks = only_json


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a service that keeps resources does of its own, beside what FHIR defines.

    ``companion`` has a say in every write, ``chores`` go on in the background, ``advise`` adds to refusals what could
    be asked for instead, ``opened`` are open while the service runs.
    """

    operations: Sequence[Operation] = ()
    companion: Companion | None = None
    chores: Mapping[str, Chore] = field(default_factory=dict)
    advise: Advise | None = None
    opened: Sequence[AbstractAsyncContextManager[object]] = ()


NO_DEEDS = Deeds()


def assemble(
    manifest: Manifest,
    settings: Settings,
    *,
    routes: Sequence[BaseRoute] = (),
    reception: Reception | None = None,
    deeds: Deeds = NO_DEEDS,
    now: Clock = clock.now,
) -> ASGIApp:
    """Return the ASGI app of the service that ``manifest`` promises.

    A service that owns resource types serves them below ``/fhir`` from its repository, and its own ``deeds`` with
    them; one that owns none may have a ``reception`` instead. ``now`` is the clock of everything it keeps.
    Raises: ``Misconfigured`` where the settings lack what the manifest needs.
    """
    log = Log(manifest.name, level=settings.log_level)
    opening = _opening(manifest, settings, log, now, deeds)
    metrics = Metrics(manifest.name, opening.gauges if opening else dict)
    if opening is not None:
        interactions = _interactions(manifest, settings, opening, log, now, deeds)
        reception = Reception(interactions.answer, deeds.opened, speaks=interactions.speaks)
    app = Starlette(
        routes=[*routes, *_house_routes(manifest, metrics, opening, reception.missing if reception else _nothing)],
        lifespan=_lifespan(opening, reception.opened if reception else ()),
        exception_handlers={Refusal: _refused, 404: _no_address, 405: _no_address, Exception: _broken},
    )
    front = _Front(_door(reception, settings), app) if reception else app
    return Telemetry(front, metrics=metrics, log=log)


def _door(reception: Reception, settings: Settings) -> Door:
    return Door(reception.answering, body_limit=settings.body_limit, speaks=reception.speaks)


class _Front:
    """Sends what is at and below ``/fhir`` to its door and all else to the routes of the service."""

    __slots__ = ("_door", "_routes")

    def __init__(self, door: ASGIApp, routes: ASGIApp) -> None:
        self._door, self._routes = door, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(PREFIX) and path[len(PREFIX) : len(PREFIX) + 1] in ("", "/"):
                await self._door(scope, receive, send)
                return
        await self._routes(scope, receive, send)


def _opening(manifest: Manifest, settings: Settings, log: Log, now: Clock, deeds: Deeds) -> Opening | None:
    if not manifest.owns:
        return None
    if settings.postgresql is None:
        raise Misconfigured(f"{manifest.name} keeps resources and needs POLYCLINIC_POSTGRESQL, the DSN of its database")
    password = settings.password if settings.postgresql_password_file else None
    kept = Keeping(frozenset(manifest.owns), settings.reindex_rate, f"{settings.base_url}/")
    place = Place(settings.postgresql, settings.connections, password, now, kept, deeds.companion)
    return Opening(place, log, deeds.chores)


def _interactions(
    manifest: Manifest, settings: Settings, opening: Opening, log: Log, now: Clock, deeds: Deeds
) -> Interactions:
    endpoint = Endpoint(
        service=manifest.name,
        base=settings.base_url,
        types=frozenset(manifest.owns),
        keep=lambda: opening.repository,
        now=now,
        started=now(),
        conditional_delete=settings.conditional_delete,
        explain=settings.explain,
    )
    return Interactions(endpoint, log, deeds.operations, deeds.advise)


def _lifespan(
    opening: Opening | None, opened: Sequence[AbstractAsyncContextManager[object]]
) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def running(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for each in opened:
                await stack.enter_async_context(each)
            if opening is not None:
                stack.push_async_callback(opening.stop)
                await opening.start()
            yield

    return running


def _house_routes(manifest: Manifest, metrics: Metrics, opening: Opening | None, missing: Missing) -> list[BaseRoute]:
    """Return what every service answers to its operators."""

    async def live(request: Request) -> Response:
        request.scope["interaction"] = "health"
        return JSONResponse({"service": manifest.name, "version": __version__, "live": True})

    async def ready(request: Request) -> Response:
        request.scope["interaction"] = "health"
        lacking = await opening.missing() if opening else None
        misses = [*([lacking] if lacking else []), *await missing()]
        told = {"service": manifest.name, "version": __version__, "ready": lacking is None, "misses": misses}
        return JSONResponse(told, status_code=200 if lacking is None else 503)

    async def figures(request: Request) -> Response:
        request.scope["interaction"] = "health"
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return [Route("/health/live", live), Route("/health/ready", ready), Route("/metrics", figures)]


async def _refused(request: Request, refusal: Exception) -> Response:
    assert isinstance(refusal, Refusal)  # Starlette hands over what it was registered for
    return _response(refused(refusal))


async def _no_address(request: Request, error: Exception) -> Response:
    return await _refused(request, NotFound("nothing is at this address; the FHIR API begins at /fhir"))


async def _broken(request: Request, error: Exception) -> Response:
    passport = current.get()
    return _response(broken(passport.request_id if passport else "unknown"))


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, answer.headers, media_type="application/fhir+json")
