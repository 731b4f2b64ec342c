"""The scheduling service, plugged together."""

from urllib.parse import urlsplit

from starlette.types import ASGIApp

from polyclinic.kit import clock
from polyclinic.kit.app import Deeds, assemble
from polyclinic.kit.call import Neighbours
from polyclinic.kit.clock import Clock
from polyclinic.kit.settings import Settings
from polyclinic.services.scheduling.actions.blocking import Blocker
from polyclinic.services.scheduling.actions.booking import Desk
from polyclinic.services.scheduling.actions.estimating import Estimator
from polyclinic.services.scheduling.actions.expiring import Sweeper
from polyclinic.services.scheduling.actions.feeding import Announcer
from polyclinic.services.scheduling.actions.keeping import Keeper
from polyclinic.services.scheduling.actions.offering import Clerk
from polyclinic.services.scheduling.actions.offers import Adviser
from polyclinic.services.scheduling.actions.publishing import Publisher
from polyclinic.services.scheduling.actions.rulebook import Rulebook
from polyclinic.services.scheduling.actions.series import Seriesmaker
from polyclinic.services.scheduling.actions.surroundings import Surroundings
from polyclinic.services.scheduling.api import Closures, Counter, SeriesCounter, Window
from polyclinic.services.scheduling.api.feeds import Feeds
from polyclinic.services.scheduling.api.measures import Office
from polyclinic.services.scheduling.api.publishing import Newsstand
from polyclinic.services.scheduling.events import handlers
from polyclinic.services.scheduling.manifest import manifest


def create(settings: Settings, now: Clock = clock.now) -> ASGIApp:
    """Return the scheduling service as an ASGI app. ``now`` is its clock."""
    rules = Rulebook(f"{settings.base_url}/")
    neighbours, estimator, desk = Neighbours(settings.services), Estimator(now), Desk(rules, now)
    doors = (
        Counter(desk, rules, Surroundings(neighbours)),
        SeriesCounter(Seriesmaker(rules)),
        Closures(Blocker(rules)),
        Window(rules),
        Office(rules, estimator),
        Feeds(Announcer(rules, neighbours, now, urlsplit(settings.base_url).netloc)),
        Newsstand(Publisher(rules, neighbours, now)),
    )
    deeds = Deeds(
        handlers=handlers(),
        operations=[operation for door in doors for operation in door.operations()],
        chores={
            "learn who comes": estimator.keep_learning,
            "expire holds": Sweeper(desk).run,
            "offer what became free": Clerk(rules, desk).run,
        },
        companion=Keeper(rules),
        advise=Adviser(rules, now).advise,
        opened=[neighbours],
    )
    return assemble(manifest, settings, deeds=deeds, now=now)
