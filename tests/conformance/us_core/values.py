"""Search values that an element is found by, or narrowly not, each as a client may write them."""

from typing import Any

from oracle.definitions import Parameter
from oracle.grammar import escape
from oracle.paths import Node
from oracle.strings import texts
from oracle.tokens import tokens

MADE = {
    "token": "no-such-code",
    "reference": "Patient/no-such-patient",
    "string": "Nosuchname",
    "date": "2020-02-03",
    "uri": "http://nowhere.example",
}
"""What is asked where no example has a value, by type of the parameter."""
DAY = len("2020-02-03")


def written(node: Node, parameter: Parameter, base: str) -> list[str]:
    """Return the ways to ask for what ``node`` holds; the first is the plainest. ``base`` is the server's address."""
    match parameter.type:
        case "token":
            return [way for token in tokens(node) if token.code for way in _token(token.system, token.code)]
        case "reference":
            return _reference(node.value, base)
        case "string":
            return [escape(way) for text in texts(node) for way in (text, text[:3], text.upper())]
        case "date":
            return [way for date in _dates(node.value) for way in dict.fromkeys((date, date[:DAY], date[:4]))]
    return [escape(str(node.value))]


def _token(system: str, code: str) -> list[str]:
    code = escape(code)
    return [code, f"{system}|{code}", *([f"{system}|", f"|{code}"] if system else [])]


def _reference(value: Any, base: str) -> list[str]:
    if isinstance(value, str):
        return [value]
    literal = value.get("reference", "#")
    return [] if literal.startswith("#") else [literal, literal.rpartition("/")[2], f"{base}/{literal}"]


def _dates(value: Any) -> list[str]:
    """Return the limits of a period or the one date."""
    if isinstance(value, str):
        return [value]
    return [value[limit] for limit in ("start", "end") if limit in value]
