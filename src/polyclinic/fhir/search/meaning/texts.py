"""What is searched by its letters: strings, narrative, and the whole content.

Source: https://hl7.org/fhir/R4/search.html#string and #content
"""

import re
from typing import Literal

from polyclinic.fhir.search.clauses import TextMatch, Texts, Words
from polyclinic.fhir.search.meaning.asked import Asked, plain
from polyclinic.fhir.search.values import fold

_WORD = re.compile(r"\w+")
MOST_WORDS = 20
"""Words that one value of ``_text`` or ``_content`` may name."""


def string(asked: Asked) -> Texts:
    """Return what a string parameter asks; without a modifier a text begins with the value, folded."""
    asked.only("exact", "contains")
    how: Literal["begins", "contains", "is"] = {"exact": "is", "contains": "contains"}.get(asked.modifier, "begins")  # type: ignore[assignment]
    found = []
    for value in asked.values:
        text = plain(value) if how == "is" else fold(plain(value))
        if not text:
            raise asked.wrong(value, "a text")
        found += [TextMatch(branch.path, text, how) for branch in asked.parameter.branches]
    return Texts(asked.code, tuple(found))


def words(asked: Asked) -> Words:
    """Return what ``_text`` or ``_content`` asks: each value's words must all be there, in any order."""
    asked.only()
    groups = tuple(tuple(dict.fromkeys(_WORD.findall(plain(value).lower()))) for value in asked.values)
    if not all(0 < len(group) <= MOST_WORDS for group in groups):
        raise asked.wrong(asked.values[0], f"one to {MOST_WORDS} words")
    return Words("narrative" if asked.code == "_text" else "content", groups)
