"""Strings: http://hl7.org/fhirpath/N1/#string-manipulation, with the additional functions of its section 5.6.

Regular expressions are Python's. Their cost is bounded by ``regex.search`` and its like, not by a clock.
"""

import base64
import binascii
import html
import json
from collections.abc import Callable
from typing import Any

from polyclinic.fhir.path import regex
from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.functions.registry import on, on_items, require
from polyclinic.fhir.path.nodes import plain
from polyclinic.fhir.path.operators import LONGEST_STRING, bounded
from polyclinic.fhir.path.scope import Collection, Scope, single

_SIMPLE: dict[str, tuple[int, Callable[..., Any]]] = {  # name: (number of string arguments, what it does)
    "indexOf": (1, str.find),
    "lastIndexOf": (1, str.rfind),
    "startsWith": (1, str.startswith),
    "endsWith": (1, str.endswith),
    "contains": (1, str.__contains__),
    "upper": (0, str.upper),
    "lower": (0, str.lower),
    "length": (0, len),
    "toChars": (0, list),
    "trim": (0, str.strip),
    "matches": (1, regex.search),
    "matchesFull": (1, regex.match_whole),
}
for _name, (_count, _calculate) in _SIMPLE.items():
    on(str, _name, (str,) * _count)(_calculate)


@on(str, "substring", (int, int), optional=1)
def substring(text: str, start: int, length: int | None = None) -> str | None:
    """Return the part from ``start`` (from 0), at most ``length`` characters; None outside the string."""
    if not 0 <= start < len(text):
        return None
    return text[start:] if length is None else text[start : start + max(0, length)]


@on(str, "replace", (str, str))
def replace(text: str, pattern: str, substitution: str) -> str:
    """Return the string with every ``pattern`` replaced; an empty pattern is around every character."""
    places = len(text) + 1 if not pattern else text.count(pattern)
    if len(text) + places * len(substitution) > LONGEST_STRING:
        raise PathError(f"a string grew beyond {LONGEST_STRING} characters")
    return text.replace(pattern, substitution)


@on(str, "replaceMatches", (str, str))
def replace_matches(text: str, pattern: str, substitution: str) -> str:
    """Return the string with every match replaced; ``$1`` in the substitution is the first group."""
    return text if not pattern else bounded(regex.replace(text, pattern, substitution))


@on(str, "split", (str,))
def split(text: str, separator: str) -> list[str]:
    """Return the parts between separators; every character for an empty one."""
    return text.split(separator) if separator else list(text)


@on_items("join", 0, 1)
def join(items: Collection, _scope: Scope, separator: Collection = ()) -> Collection:  # type: ignore[assignment]
    """Return all strings in one."""
    if not items:
        return []
    between = single(separator) if separator else ""
    texts: list[Any] = [require(plain(item), str, "join") for item in items]
    return [bounded(str(between).join(texts))]


_ENCODE: dict[str, Callable[[bytes], bytes]] = {
    "base64": base64.b64encode,
    "urlbase64": base64.urlsafe_b64encode,
    "hex": binascii.hexlify,
}
_DECODE: dict[str, Callable[[str], bytes]] = {
    "base64": lambda text: base64.b64decode(text, validate=True),
    "urlbase64": base64.urlsafe_b64decode,
    "hex": bytes.fromhex,
}


@on(str, "encode", (str,))
def encode(text: str, form: str) -> str | None:
    """Return the UTF-8 of the string as ``base64``, ``urlbase64`` or ``hex``."""
    return _ENCODE[form](text.encode()).decode() if form in _ENCODE else None


@on(str, "decode", (str,))
def decode(text: str, form: str) -> str | None:
    """Return the string whose UTF-8 was encoded; None where it cannot have been."""
    try:
        return _DECODE[form](text).decode() if form in _DECODE else None
    except ValueError:
        return None


@on(str, "escape", (str,))
def escape(text: str, form: str) -> str | None:
    """Return the string as it is written inside ``html`` or ``json``."""
    if form == "html":
        return html.escape(text)
    return json.dumps(text, ensure_ascii=False)[1:-1] if form == "json" else None


@on(str, "unescape", (str,))
def unescape(text: str, form: str) -> str | None:
    """Return the string that is written so inside ``html`` or ``json``."""
    if form == "html":
        return html.unescape(text)
    try:
        return str(json.loads(f'"{text}"', strict=False)) if form == "json" else None
    except ValueError:
        return text
