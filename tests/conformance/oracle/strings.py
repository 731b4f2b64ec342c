"""String parameters: https://hl7.org/fhir/R4/search.html#string"""

import unicodedata
from collections.abc import Iterator

from oracle.grammar import plain
from oracle.paths import Node

LONGEST = 256
"""Characters of a folded text that are looked at: a documented choice of the product."""

PARTS = {
    "HumanName": ("family", "given", "prefix", "suffix", "text"),
    "Address": ("line", "city", "district", "state", "postalCode", "country", "text"),
}


def fold(text: str) -> str:
    """Return ``text`` without case, accents and runs of blanks."""
    letters = [letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter)]
    return " ".join("".join(letters).casefold().split())[:LONGEST]


def texts(node: Node) -> Iterator[str]:
    """Yield the texts that a string search looks at."""
    if node.type in ("string", "markdown"):
        yield node.value
    for part in PARTS.get(node.type, ()):
        held = node.value.get(part, [])
        yield from (text for text in (held if isinstance(held, list) else [held]) if text is not None)


def matches(node: Node, modifier: str, value: str) -> bool:
    return any(text_matches(text, modifier, plain(value)) for text in texts(node))


def text_matches(text: str, modifier: str, wanted: str) -> bool:
    if modifier == "exact":
        return text == wanted
    if modifier == "contains":
        return fold(wanted) in fold(text)
    return fold(text).startswith(fold(wanted))
