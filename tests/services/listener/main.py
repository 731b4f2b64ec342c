"""The listener, plugged together."""

from polyclinic.services.listener.events import note
from polyclinic.services.listener.manifest import manifest

from polyclinic.kit.app import Deeds, assemble


def create(settings):
    """Return the listener as an ASGI app."""
    return assemble(manifest, settings, deeds=Deeds(handlers=dict.fromkeys(manifest.hears, note)))
