"""Whose business a request is: pure judgement over the house and the outline of a Bundle."""

from collections.abc import Sequence

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.outcome import NotFound, NotSupported, Refusal
from polyclinic.services.gateway.model import House, Shares


def owner_of(type: str, house: House, *, at: str | None = None) -> str:
    """Return the service that owns ``type``. Refuses: ``NotFound`` naming what ``type`` is."""
    owner = house.owners.get(type)
    if owner is not None:
        return owner
    if type in RESOURCE_TYPES:
        raise NotFound(f"no service here keeps {type}", at=at)
    raise NotFound(f"{type[:64]!r} is no resource type of FHIR R4", at=at)


def only_owner(house: House, what: str) -> str:
    """Return the one service that owns everything.

    Refuses: ``NotSupported`` naming the services where there are several, ``NotFound`` where there are none.
    """
    if not house.services:
        raise NotFound("no service here keeps any resource")
    if len(house.services) > 1:
        raise NotSupported(f"{what} over several services ({', '.join(house.services)}) is not supported")
    return house.services[0]


def share_out(types: Sequence[str], house: House) -> Shares:
    """Return which service answers which entry of a Bundle, by what each entry concerns (empty for the system)."""
    shares = Shares()
    for index, type in enumerate(types):
        place = f"Bundle.entry[{index}]"
        try:
            service = owner_of(type, house, at=place) if type else only_owner(house, "an entry about the whole system")
        except Refusal as refusal:
            shares.refused[index] = refusal
        else:
            shares.by_service.setdefault(service, []).append(index)
    return shares


def sole_server(shares: Shares) -> str | None:
    """Return the service that answers the whole Bundle, None if there are several or none."""
    return next(iter(shares.by_service)) if len(shares.by_service) == 1 and not shares.refused else None


def check_transaction(shares: Shares) -> None:
    """Check that one service can do a transaction alone.

    Refuses: with every entry that nobody answers; ``NotSupported`` naming the services where there are several.
    """
    if shares.refused:
        raise Refusal(issues=[issue for refusal in shares.refused.values() for issue in refusal.issues])
    if len(shares.by_service) > 1:
        services = ", ".join(sorted(shares.by_service))
        raise NotSupported(f"a transaction over several services ({services}) is not supported; send one for each")
