"""The gateway, plugged together."""

from starlette.types import ASGIApp

from polyclinic.kit.app import assemble
from polyclinic.kit.settings import Settings
from polyclinic.services.gateway.manifest import manifest


def create(settings: Settings) -> ASGIApp:
    """Return the gateway as an ASGI app."""
    return assemble(manifest, settings)
