"""Whether what the services promise fits together; read from their manifests, nothing is started."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from polyclinic.fhir.definitions import RESOURCE_TYPES
from polyclinic.kit.manifest import Manifest


def faults(promised: Sequence[Manifest]) -> list[str]:
    """Return a sentence for every promise that does not fit; none means that the services fit together."""
    return [*_ownership(promised), *_operations(promised), *_events(promised), *_asks(promised), *_scales(promised)]


def _ownership(promised: Sequence[Manifest]) -> Iterator[str]:
    owners: dict[str, list[str]] = defaultdict(list)
    for manifest in promised:
        for kind in manifest.owns:
            owners[kind].append(manifest.name)
            if kind not in RESOURCE_TYPES:
                yield f"{manifest.name} owns {kind}, which is no resource type of FHIR R4."
    for kind, names in owners.items():
        if len(names) > 1:
            yield f"{kind} is owned by {' and '.join(names)}; one of them must give it up."


def _operations(promised: Sequence[Manifest]) -> Iterator[str]:
    answering: dict[str, list[str]] = defaultdict(list)
    for manifest in promised:
        for operation in manifest.system_operations:
            answering[operation].append(manifest.name)
    for operation, names in answering.items():
        if len(names) > 1:
            yield f"${operation} is answered by {' and '.join(names)}; one of them must give it up."


def _events(promised: Sequence[Manifest]) -> Iterator[str]:
    told = {event for manifest in promised for event in manifest.tells}
    for manifest in promised:
        for event in manifest.hears:
            if event not in told:
                yield f"{manifest.name} hears {event}, which no service tells."
        for event in manifest.tells:
            if event.partition(".")[0] not in manifest.owns:
                yield f"{manifest.name} tells {event}, but does not own {event.partition('.')[0]}."


def _asks(promised: Sequence[Manifest]) -> Iterator[str]:
    owned = {manifest.name: manifest.owns for manifest in promised}
    for manifest in promised:
        for ask in manifest.asks:
            if ask.service not in owned:
                yield f"{manifest.name} asks {ask.service} for {ask.type}, but there is no such service."
            elif ask.type not in owned[ask.service]:
                yield f"{manifest.name} asks {ask.service} for {ask.type}, which {ask.service} does not own."


def _scales(promised: Sequence[Manifest]) -> Iterator[str]:
    for manifest in promised:
        scale = manifest.scale
        if not 1 <= scale.at_least <= scale.at_most:
            yield (f"{manifest.name} scales from {scale.at_least} to {scale.at_most}; write 1 <= at_least <= at_most.")
