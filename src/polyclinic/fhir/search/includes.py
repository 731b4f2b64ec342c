"""Includes: which resources are to come along with those that were searched for.

What only leads to resources that are kept elsewhere is refused. What leads to some of them is followed as far as it
stays here, and says so by ``Beyond``: most of what comes along is there then, and the client knows what is not.
Source: https://hl7.org/fhir/R4/search.html#revinclude
"""

from msgspec import Struct

from polyclinic.fhir import definitions
from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search.meaning.asked import Elsewhere
from polyclinic.fhir.search.meaning.linked import reference_of
from polyclinic.fhir.search.parameters import Parameter
from polyclinic.fhir.search.vocabulary import Vocabulary


class Include(Struct, frozen=True):
    """One ``_include``, or with ``reverse`` one ``_revinclude``.

    ``paths`` are where the reference stands, None for any; ``target`` is the type it must lead to, if any. With
    ``iterate`` it applies to what was included, too.
    """

    paths: tuple[str, ...] | None
    target: str | None = None
    reverse: bool = False
    iterate: bool = False


class Beyond(Struct, frozen=True):
    """What ``name=value`` asks to come along and cannot: resources of ``types``, which are kept elsewhere."""

    name: str
    value: str
    types: tuple[str, ...]


def include(
    vocabulary: Vocabulary, searched: tuple[str, ...], name: str, value: str
) -> tuple[list[Include], Beyond | None]:
    """Return what ``_include=value`` asks (``name`` may carry ``:iterate``), and what of it is out of reach.

    Raises: ``Unacceptable`` or ``NotSupported`` naming the parameter; ``Elsewhere`` where all is out of reach.
    """
    source, code, target = _parts(name, value)
    found = _included(vocabulary, searched, name, value)
    if not vocabulary.away:
        return found, None
    if source in vocabulary.away:
        raise Elsewhere(name, f"{name}={value}", (source,))
    if found[0].reverse:
        return found, None
    leading = (target,) if target else _led_to(vocabulary, searched if source == "*" else (source,), code)
    beyond = vocabulary.away.intersection(leading)
    if beyond and source != "*" and not vocabulary.kept.intersection(leading):
        raise Elsewhere(name, f"{name}={value}", beyond)
    return found, Beyond(name, value, tuple(sorted(beyond))) if beyond else None


def _led_to(vocabulary: Vocabulary, sources: tuple[str, ...], code: str) -> set[str]:
    """Return the types that references of ``sources`` by the parameter ``code``, or any, may lead to."""
    known = [vocabulary.of(type) for type in sources]
    followed = [parameters[each] for parameters in known for each in (parameters if code == "*" else (code,))]
    return {type for parameter in followed if parameter.type == "reference" for type in leads_to(parameter)}


def leads_to(parameter: Parameter) -> tuple[str, ...]:
    """Return the types that a reference parameter may lead to."""
    aims = {aim for _, aim in _aims(parameter)}
    return parameter.targets if None in aims else tuple(type for type in parameter.targets if type in aims)


def _included(vocabulary: Vocabulary, searched: tuple[str, ...], name: str, value: str) -> list[Include]:
    """Return what is asked, one for each type that a target needs, wherever that is kept."""
    code, _, modifier = name.partition(":")
    if modifier not in ("", "iterate", "recurse"):
        raise Unacceptable(f"{code} takes :iterate, not :{modifier[:64]}", at=name)
    reverse, iterate = code == "_revinclude", bool(modifier)
    source, parameter_code, target = _parts(name, value)
    if source == "*":
        if reverse:
            raise NotSupported("_revinclude names the type it comes from, such as Observation:*", at=name)
        return [Include(None, iterate=iterate)]
    if not reverse and not iterate and source not in searched:
        raise Unacceptable(f"{value[:200]} can't be included: {source} is not what is searched for", at=name)
    if parameter_code == "*":
        return [Include(_all_references(vocabulary, source), target, reverse, iterate)]
    parameter = reference_of(vocabulary, source, parameter_code, name)
    if target is not None and target not in parameter.targets:
        raise Unacceptable(f"{parameter_code} of {source} never refers to a {target}", at=name)
    return [Include((path,), target or aim, reverse, iterate) for path, aim in _aims(parameter)]


def _parts(name: str, value: str) -> tuple[str, str, str | None]:
    parts = value.split(":")
    if value == "*":
        return "*", "*", None
    if len(parts) not in (2, 3) or not all(parts):
        raise Unacceptable(
            f"{name} takes [type]:[parameter] or [type]:[parameter]:[target], not {value[:200]!r}", at=name
        )
    for type in (parts[0], *parts[2:]):
        if type not in definitions.RESOURCE_TYPES:
            raise Unacceptable(f"{name} names {type[:64]!r}, which is no resource type of FHIR R4", at=name)
    return parts[0], parts[1], parts[2] if len(parts) == 3 else None


def _all_references(vocabulary: Vocabulary, type: str) -> tuple[str, ...]:
    found = [path for p in vocabulary.of(type).values() if p.type == "reference" for path, _ in _aims(p)]
    return tuple(dict.fromkeys(found))


def _aims(parameter: Parameter) -> list[tuple[str, str | None]]:
    return [(branch.path, branch.target) for branch in parameter.branches if "Reference" in branch.types]
