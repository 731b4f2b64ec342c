"""The grammar of search values: alternatives, parts, escapes and prefixes."""

import re

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[-+.\d])")


class Malformed(ValueError):
    """A search value that the parameter's type does not allow."""


def split(value: str, separator: str) -> list[str]:
    """Return the parts between unescaped separators, still escaped."""
    parts, escaped = [""], False
    for letter in value:
        if letter == separator and not escaped:
            parts.append("")
        else:
            parts[-1] += letter
        escaped = letter == "\\" and not escaped
    return parts


def plain(value: str) -> str:
    """Return ``value`` without its escapes: ``\\,`` ``\\|`` ``\\$`` ``\\\\``."""
    return re.sub(r"\\([\\,|$])", r"\1", value)


def escape(value: str) -> str:
    """Return ``value`` so that no letter of it separates."""
    return re.sub(r"([\\,|$])", r"\\\1", value)


def prefixed(value: str) -> tuple[str, str]:
    """Return the prefix, ``eq`` where there is none, and the rest."""
    found = _PREFIX.match(value)
    return (found[1], value[2:]) if found else ("eq", value)
