"""The gateway, plugged together."""

from starlette.types import ASGIApp

from polyclinic.kit import clock
from polyclinic.kit.app import Reception, assemble
from polyclinic.kit.call import Neighbours
from polyclinic.kit.settings import Settings
from polyclinic.services.gateway.actions.handing import Gateway
from polyclinic.services.gateway.actions.telling import missing
from polyclinic.services.gateway.api import answering, speaks
from polyclinic.services.gateway.manifest import manifest
from polyclinic.services.gateway.model import House


def create(settings: Settings) -> ASGIApp:
    """Return the gateway as an ASGI app."""
    neighbours = Neighbours(settings.services)
    gateway = Gateway(House.told(settings.base_url, settings.owners), neighbours, clock.now())
    reception = Reception(answering(gateway), [neighbours], lambda: missing(gateway), speaks)
    return assemble(manifest, settings, reception=reception)
