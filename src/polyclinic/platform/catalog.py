"""Every service there is: a folder of ``polyclinic.services`` with a manifest; none is registered."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping

from starlette.types import ASGIApp

from polyclinic import services
from polyclinic.kit.manifest import Manifest
from polyclinic.kit.settings import Settings
from polyclinic.platform.fault import Fault


def names() -> list[str]:
    """Return the names of all services, in the order of their folders."""
    return sorted(found.name for found in pkgutil.iter_modules(services.__path__) if found.ispkg)


def manifests() -> list[Manifest]:
    """Return what every service promises.

    Raises ``Fault`` where a manifest has another name than its folder.
    """
    return [_manifest(name) for name in names()]


def creator(name: str) -> Callable[[Settings], ASGIApp]:
    """Return what makes the app of the service ``name``; importing it is the costly part."""
    create: Callable[[Settings], ASGIApp] = importlib.import_module(f"{services.__name__}.{name}.main").create
    return create


def owners(promised: Iterable[Manifest]) -> Mapping[str, str]:
    """Return which service owns each resource type."""
    return {kind: manifest.name for manifest in promised for kind in manifest.owns}


def answerers(promised: Iterable[Manifest]) -> Mapping[str, str]:
    """Return which service answers each operation at the FHIR base, by its name with a dollar sign."""
    return {f"${operation}": manifest.name for manifest in promised for operation in manifest.system_operations}


def _manifest(name: str) -> Manifest:
    manifest: Manifest = importlib.import_module(f"{services.__name__}.{name}.manifest").manifest
    if manifest.name != name:
        raise Fault(
            f"The service in the folder services/{name} calls itself {manifest.name!r} in manifest.py; "
            "name both the same."
        )
    return manifest
