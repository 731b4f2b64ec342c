"""Whose business a request is: pure judgement over the house, addresses, and the outline of a Bundle."""

import re
from collections.abc import Iterable, Sequence

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.fhir.outcome import NotFound, NotSupported, Refusal, Unacceptable
from polyclinic.fhir.search.compartments import members
from polyclinic.fhir.search.includes import leads_to
from polyclinic.fhir.search.terms import COMPARTMENTS
from polyclinic.fhir.search.vocabulary import R4
from polyclinic.services.gateway.model import House, Shares, Types

_OF_THE_SYSTEM = re.compile(r"|metadata|[_$].*")
_BELONGING = re.compile(r"[A-Za-z]+/[^/]+/(?:\$everything|_search|\*(?:/_search)?)")
"""What belongs to one resource, of whatever type."""
_INSIDE = re.compile(r"[A-Za-z]+/[^/]+/([A-Z][A-Za-z]*)(?:/_search)?")
"""What is of one type and belongs to one resource."""


def owner_of(type: str, house: House, *, at: str | None = None) -> str:
    """Return the service that owns ``type``. Refuses: ``NotFound`` naming what ``type`` is."""
    owner = house.owners.get(type)
    if owner is not None:
        return owner
    if type in RESOURCE_TYPES:
        raise NotFound(f"no service here keeps {type}", at=at)
    raise NotFound(f"{type[:64]!r} is no resource type of FHIR R4", at=at)


def answerer(path: str, house: House, *, at: str | None = None) -> str | None:
    """Return the service that answers at ``path`` (below the base) alone, None where the gateway has to.

    Refuses: as ``owner_of``.
    """
    if _OF_THE_SYSTEM.fullmatch(path):
        sole = house.services[0] if path.startswith("$") and len(house.services) == 1 else None
        return house.operations.get(path, sole)
    if _BELONGING.fullmatch(path) and len(house.services) > 1:
        return None
    inside = _INSIDE.fullmatch(path)
    return owner_of(inside[1] if inside else path.partition("/")[0], house, at=at)


def share_out(paths: Sequence[str], house: House) -> Shares:
    """Return which service answers which entry of a Bundle, by the addresses that the entries ask."""
    shares = Shares()
    for index, path in enumerate(paths):
        try:
            service = answerer(path, house, at=f"Bundle.entry[{index}]")
        except Refusal as refusal:
            shares.refused[index] = refusal
            continue
        if service is None and len(house.services) == 1:
            service = house.services[0]
        if service is None:
            shares.several.append(index)
        else:
            shares.by_service.setdefault(service, []).append(index)
    return shares


def sole_server(shares: Shares) -> str | None:
    """Return the service that answers the whole Bundle, None if there are several or none."""
    alone = len(shares.by_service) == 1 and not shares.refused and not shares.several
    return next(iter(shares.by_service)) if alone else None


def check_transaction(shares: Shares, house: House) -> None:
    """Check that one service can do a transaction alone.

    Refuses: with every entry that nobody answers, or that several services do; ``NotSupported`` naming the services
    where there are several.
    """
    if shares.refused:
        raise Refusal(issues=[issue for refusal in shares.refused.values() for issue in refusal.issues])
    if shares.several:
        services, place = ", ".join(house.services), f"Bundle.entry[{shares.several[0]}]"
        raise NotSupported(f"what concerns several services ({services}) has no place in a transaction", at=place)
    if len(shares.by_service) > 1:
        services = ", ".join(sorted(shares.by_service))
        raise NotSupported(f"a transaction over several services ({services}) is not supported; send one for each")


def searched(house: House, compartment: str, named: Iterable[str]) -> Types:
    """Return the types that a search looks into, by their services: all, or those in a ``compartment``.

    ``named`` are the types that it is narrowed to, if any.
    Refuses: as ``owner_of``; ``NotFound`` for what is no compartment, ``Unacceptable`` where nothing is left.
    """
    if compartment and compartment not in COMPARTMENTS:
        raise NotFound(f"{compartment[:64]} has no compartment; {', '.join(sorted(COMPARTMENTS))} have")
    wanted = set(named)
    for type in sorted(wanted):
        owner_of(type, house, at="_type")
    found: dict[str, tuple[str, ...]] = {}
    for type in members(compartment) if compartment else sorted(house.owners):
        if type in house.owners and (not wanted or type in wanted):
            found[house.owners[type]] = (*found.get(house.owners[type], ()), type)
    if not found and compartment:
        raise Unacceptable(f"_type names nothing that is ever in the compartment of a {compartment}", at="_type")
    if not found:
        raise NotFound("no service here keeps any resource")
    return dict(sorted(found.items()))


def references_over(house: House, compartment: str) -> list[tuple[str, str]]:
    """Return by which reference parameters, type and code, members of a ``compartment`` may refer over a border.

    They are those of types that the owner of the compartment keeps; of several for the same elements one is enough.
    """
    owner = owner_of(compartment, house)
    away = {type for type, service in house.owners.items() if service != owner}
    found: list[tuple[str, str]] = []
    for type in members(compartment) if away else ():
        seen: set[str] = set()
        for code, parameter in R4.of(type).items() if house.owners.get(type) == owner else ():
            paths = {branch.path for branch in parameter.branches}
            if parameter.follows and away & set(leads_to(parameter)) and not paths <= seen:
                seen |= paths
                found.append((type, code))
    return found
