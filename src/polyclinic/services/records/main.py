"""The records service, plugged together: the kit and the repository do everything."""

from starlette.types import ASGIApp

from polyclinic.kit.app import assemble
from polyclinic.kit.settings import Settings
from polyclinic.services.records.manifest import manifest


def create(settings: Settings) -> ASGIApp:
    """Return the records service as an ASGI app."""
    return assemble(manifest, settings)
