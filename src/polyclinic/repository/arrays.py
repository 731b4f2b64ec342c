"""Arrays for PostgreSQL, written as text (https://www.postgresql.org/docs/18/arrays.html#ARRAYS-IO).

The driver asks of every item of a list whether it is a list itself, which costs more than the whole rest of a small
write; PostgreSQL reads the text faster than that.
"""

from collections.abc import Iterable


def numbers(values: Iterable[float | None]) -> str:
    """Return an array of integers or floats, infinite ones included."""
    return "{" + ",".join(["NULL" if value is None else str(value) for value in values]) + "}"


def texts(values: Iterable[str | None]) -> str:
    """Return an array of texts."""
    return "{" + ",".join(["NULL" if value is None else _quoted(value) for value in values]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
