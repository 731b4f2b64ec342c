"""Token parameters: https://hl7.org/fhir/R4/search.html#token"""

from collections.abc import Iterator
from dataclasses import dataclass

from oracle.definitions import systems_of
from oracle.grammar import Malformed, plain, split
from oracle.paths import Node
from oracle.strings import text_matches


@dataclass(frozen=True)
class Token:
    """One code with its system; ``implied`` are the systems of a plain code, None where the value names its own."""

    system: str
    code: str | None
    implied: frozenset[str] | None = None


def tokens(node: Node) -> Iterator[Token]:
    """Yield what a token search compares. A ContactPoint has no system: its ``system`` is no code system."""
    value = node.value
    match node.type:
        case "Coding":
            yield Token(value.get("system", ""), value.get("code"))
        case "CodeableConcept":
            for coding in value.get("coding", ()):
                yield Token(coding.get("system", ""), coding.get("code"))
        case "Identifier":
            yield Token(value.get("system", ""), value.get("value"))
        case "ContactPoint":
            yield Token("", value.get("value"))
        case "boolean":
            yield Token("", "true" if value else "false", frozenset())
        case _ if not isinstance(value, dict):
            yield Token("", str(value), systems_of(node.binding))


def shown(node: Node) -> Iterator[str]:
    """Yield the texts that ``:text`` searches."""
    value = node.value
    match node.type:
        case "Coding":
            yield value.get("display", "")
        case "CodeableConcept":
            yield value.get("text", "")
            for coding in value.get("coding", ()):
                yield coding.get("display", "")
        case "Identifier":
            yield value.get("type", {}).get("text", "")


def matches(node: Node, modifier: str, value: str) -> bool:
    """Whether ``node`` matches; ``:not`` is the caller's, because it is said of all nodes together."""
    if modifier == "text":
        return any(text and text_matches(text, "", plain(value)) for text in shown(node))
    if modifier == "of-type":
        return _of_type(node, value)
    return any(token_matches(token, value) for token in tokens(node))


def token_matches(token: Token, value: str) -> bool:
    parts = [plain(part) for part in split(value, "|")]
    if len(parts) > 2 or not any(parts):
        raise Malformed(value)
    if len(parts) == 1:
        return token.code == parts[0]
    system, code = parts
    known = token.implied | {""} if token.implied is not None else {token.system}
    return system in known and (not code or token.code == code)


def _of_type(node: Node, value: str) -> bool:
    parts = [plain(part) for part in split(value, "|")]
    if len(parts) != 3 or not all(parts):
        raise Malformed(value)
    if node.type != "Identifier" or node.value.get("value") != parts[2]:
        return False
    codings = node.value.get("type", {}).get("coding", ())
    return any(coding.get("system") == parts[0] and coding.get("code") == parts[1] for coding in codings)
