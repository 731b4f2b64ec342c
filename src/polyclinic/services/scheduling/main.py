"""The scheduling service, plugged together."""

from starlette.types import ASGIApp

from polyclinic.kit.app import assemble
from polyclinic.kit.settings import Settings
from polyclinic.services.scheduling.manifest import manifest


def create(settings: Settings) -> ASGIApp:
    """Return the scheduling service as an ASGI app."""
    return assemble(manifest, settings)
