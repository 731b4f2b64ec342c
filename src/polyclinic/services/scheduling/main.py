"""The scheduling service, plugged together."""

from starlette.types import ASGIApp

from polyclinic.kit import clock
from polyclinic.kit.app import Deeds, assemble
from polyclinic.kit.clock import Clock
from polyclinic.kit.settings import Settings
from polyclinic.services.scheduling.actions.booking import Desk
from polyclinic.services.scheduling.actions.estimating import Estimator
from polyclinic.services.scheduling.actions.expiring import Sweeper
from polyclinic.services.scheduling.actions.keeping import Keeper
from polyclinic.services.scheduling.actions.offering import Clerk
from polyclinic.services.scheduling.actions.offers import Adviser
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.api import Counter, Window
from polyclinic.services.scheduling.api.measures import Office
from polyclinic.services.scheduling.manifest import manifest


def create(settings: Settings, now: Clock = clock.now) -> ASGIApp:
    """Return the scheduling service as an ASGI app. ``now`` is its clock."""
    rules = Rulebook(f"{settings.base_url}/")
    estimator, desk = Estimator(now), Desk(rules, now)
    doors = Counter(desk, rules), Office(rules, estimator), Window(rules)
    deeds = Deeds(
        operations=[operation for door in doors for operation in door.operations()],
        chores={
            "learn who comes": estimator.keep_learning,
            "expire holds": Sweeper(desk).run,
            "offer what became free": Clerk(rules, desk).run,
        },
        companion=Keeper(rules),
        advise=Adviser(rules, now).advise,
    )
    return assemble(manifest, settings, deeds=deeds, now=now)
