"""The exchange: everything of events that one service has, by its manifest and settings."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.routing import BaseRoute

from polyclinic.fhir.outcome import Unavailable
from polyclinic.kit.call import Neighbours
from polyclinic.kit.clock import Clock
from polyclinic.kit.events.bus import Address
from polyclinic.kit.events.figures import Figures
from polyclinic.kit.events.handling import Ear, Handlers, Handling, Patience
from polyclinic.kit.events.hearing import Hearer
from polyclinic.kit.events.letters import Desk
from polyclinic.kit.events.streams import Voice
from polyclinic.kit.events.telling import Speaker, Teller
from polyclinic.kit.logs import Log
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.opening import Chore
from polyclinic.kit.settings import Misconfigured, Settings
from polyclinic.repository import Repository

_SILENT = "events are neither told nor heard: POLYCLINIC_NATS does not say where the event bus is"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the exchange shares with the rest of its service."""

    log: Log
    registry: CollectorRegistry
    now: Clock


class Exchange:
    """Tells and hears for one service; ``neighbours`` are open while it runs."""

    def __init__(self, manifest: Manifest, settings: Settings, handlers: Handlers, around: Surroundings) -> None:
        """Raises: ``Misconfigured`` where manifest, handlers and settings do not fit together."""
        _refuse_misfits(manifest, handlers)
        figures = Figures(manifest.name, around.registry)
        self.neighbours = Neighbours(settings.services)
        self._is_silent = settings.nats is None and bool(manifest.tells or manifest.hears)
        address = Address(settings.nats or "", settings.nats_password)
        patience = Patience(settings.event_tries, settings.event_pause / 1000)
        self._ear = Ear(handlers, self.neighbours, patience, figures, around.log, around.now)
        self._teller = self._hearer = None
        if manifest.tells and settings.nats:
            voice = Voice(manifest.name, manifest.tells, settings.hearers)
            self._teller = Teller(Speaker(voice, address, figures, around.log, around.now))
        if manifest.hears and settings.nats:
            self._hearer = Hearer(manifest.name, _streams(manifest, settings), address, self._ear)
        self._hears = bool(manifest.hears)

    def chores(self) -> Mapping[str, Chore]:
        """Return what is to be done while the repository is open."""
        chores: dict[str, Chore] = {}
        if self._teller:
            chores["tell"] = self._teller.run
        if self._hearer:
            chores["hear"] = self._hearer.run
        return chores

    async def missing(self) -> Sequence[str]:
        """Return in sentences what keeps events from being told or heard."""
        if self._is_silent:
            return [_SILENT]
        return [each.missing for each in (self._teller, self._hearer) if each and each.missing]

    def routes(self, repository: Callable[[], Repository]) -> list[BaseRoute]:
        """Return the routes for operators of a service that hears."""
        if not self._hears:
            return []
        return Desk(repository, lambda: Handling(self._ear, repository()), self._unheard).routes()

    async def _unheard(self) -> Any:
        if self._hearer is None:
            raise Unavailable(_SILENT)
        return await self._hearer.unheard()


def _refuse_misfits(manifest: Manifest, handlers: Handlers) -> None:
    if set(handlers) != set(manifest.hears):
        odd = ", ".join(sorted(set(handlers) ^ set(manifest.hears)))
        raise Misconfigured(f"{manifest.name} must have a handler for each event it hears, and no other: {odd}")
    if manifest.hears and not manifest.owns:
        raise Misconfigured(f"{manifest.name} hears events and keeps nothing; it could not know what it has heard")


def _streams(manifest: Manifest, settings: Settings) -> Mapping[str, Sequence[str]]:
    """Return the events that are heard, by the service that tells them: the owner of their type."""
    streams: dict[str, list[str]] = defaultdict(list)
    for name in manifest.hears:
        type = name.partition(".")[0]
        if type not in settings.owners:
            raise Misconfigured(f"{manifest.name} hears {name}, and POLYCLINIC_OWNERS does not say who owns {type}")
        streams[settings.owners[type]].append(name)
    return streams
