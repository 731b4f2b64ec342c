"""Reference and uri parameters: https://hl7.org/fhir/R4/search.html#reference and #uri"""

import re
from dataclasses import dataclass

from oracle import tokens
from oracle.grammar import Malformed, plain
from oracle.paths import Node

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_LOCAL = re.compile(r"([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]+)?")


@dataclass(frozen=True)
class Place:
    """Whose references are looked at: the server's ``base`` and the types that the parameter allows."""

    base: str
    targets: tuple[str, ...]


def local(reference: str, base: str) -> tuple[str, str] | None:
    """Return type and id of a reference to this server, relative or absolute; a version in it is not looked at."""
    found = _LOCAL.fullmatch(reference.removeprefix(base + "/"))
    return (found[1], found[2]) if found else None


def matches(node: Node, modifier: str, value: str, place: Place) -> bool:
    if modifier == "identifier":
        held = node.value.get("identifier") if isinstance(node.value, dict) else None
        return held is not None and tokens.matches(Node("Identifier", held), "", value)
    wanted = plain(value)
    if node.type != "Reference":
        return isinstance(node.value, str) and canonical_matches(node.value, wanted)
    literal = node.value.get("reference", "#")
    if literal.startswith("#"):
        return False
    return _literal_matches(literal, modifier, wanted, place)


def _literal_matches(literal: str, modifier: str, wanted: str, place: Place) -> bool:
    """Compare a reference with an id, ``Type/id`` or an address; ``modifier`` is the type that an id stands for."""
    held, asked = local(literal, place.base), local(wanted, place.base)
    if modifier and held is not None and held[0] != modifier:
        return False
    if _ID.fullmatch(wanted):
        allowed = held is not None and (not place.targets or held[0] in place.targets)
        return allowed and held is not None and held[1] == wanted
    if asked is not None:
        return held == asked
    if ":" not in wanted:
        raise Malformed(wanted)
    return literal.partition("/_history/")[0] == wanted.partition("/_history/")[0]


def canonical_matches(held: str, wanted: str) -> bool:
    """Whether a canonical is the one asked for; without a version any version is."""
    return wanted in (held, held.partition("|")[0])


def uri_matches(node: Node, modifier: str, value: str) -> bool:
    held, wanted = node.value, plain(value)
    address = held.partition("|")[0] if node.type == "canonical" else held
    if modifier == "below":
        return _is_below(address, wanted)
    if modifier == "above":
        return _is_below(wanted, address)
    return canonical_matches(held, wanted) if node.type == "canonical" else held == wanted


def _is_below(lower: str, upper: str) -> bool:
    """Whether the path of ``lower`` goes on from where that of ``upper`` ends; only for URLs, as R4 has it."""
    return lower == upper or ("://" in upper and lower.startswith(upper.rstrip("/") + "/"))
