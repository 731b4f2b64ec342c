"""What a service is told when it starts: read once from ``POLYCLINIC_*``, never again. Secrets are files."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

ConditionalDelete = Literal["single", "multiple"]
"""What a conditional delete may do, in the words of CapabilityStatement.rest.resource.conditionalDelete."""

PREFIX = "POLYCLINIC_"


class Misconfigured(Exception):
    """A setting that this program does not know or cannot use; the sentence names it and the way out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What one service process needs to know; each field is read from the ``POLYCLINIC_`` name in capitals.

    ``postgresql`` is a DSN without password, None for a service that keeps nothing. ``services`` says where
    neighbours answer, ``owners`` which service owns a resource type or, after a dollar sign, an operation at the
    base. ``body_limit`` is in bytes, after unpacking. ``conditional_delete`` says whether a condition that finds
    several resources deletes them all. ``reindex_rate`` is how many resources a second are indexed anew in the
    background, at most.
    """

    service: str = ""
    host: str = "127.0.0.1"
    port: int = 8080
    base_url: str = "http://127.0.0.1:8080/fhir"
    postgresql: str | None = None
    postgresql_password_file: Path | None = None
    connections: int = 8
    nats: str | None = None
    nats_password_file: Path | None = None
    services: Mapping[str, str] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    body_limit: int = 64 * 1024 * 1024
    conditional_delete: ConditionalDelete = "single"
    explain: bool = False
    reindex_rate: int = 1000
    log_level: str = "info"

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> "Settings":
        """Return the settings in ``environment``.

        Raises: ``Misconfigured`` for an unknown ``POLYCLINIC_`` name or an unusable value.
        """
        known = {PREFIX + item.name.upper(): item.name for item in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in environment.items():
            if not name.startswith(PREFIX):
                continue
            if name not in known:
                raise Misconfigured(f"{name} is no setting of Polyclinic; known are {', '.join(sorted(known))}")
            values[known[name]] = _read(name, known[name], text)
        return cls(**values)

    def password(self) -> str:
        """Return the password of the database, from the file that holds it; empty without one.

        Raises: ``Misconfigured`` where that file cannot be read.
        """
        if self.postgresql_password_file is None:
            return ""
        try:
            return self.postgresql_password_file.read_text("utf-8").strip()
        except OSError as error:
            raise Misconfigured(
                f"{PREFIX}POSTGRESQL_PASSWORD_FILE: {self.postgresql_password_file} cannot be read"
                f" ({error.strerror}); give the path of a file that holds the password"
            ) from error


def _read(name: str, key: str, text: str) -> Any:
    reader = _READERS.get(key)
    try:
        return reader(text) if reader else text
    except ValueError as error:
        raise Misconfigured(f"{name} cannot be {text!r}: {error}") from error


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise ValueError("it is a whole number above zero")
    return number


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ValueError("it is an address such as http://localhost:8080/fhir")
    return text.rstrip("/")


def _names(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError('it is a JSON object of names and texts such as {"records": "http://127.0.0.1:8082"}')
    return value


def _level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("it is debug, info, warning or error")
    return text.lower()


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false")
    return text.lower() == "true"


def _conditional_delete(text: str) -> str:
    if text not in get_args(ConditionalDelete):
        raise ValueError(f"it is {' or '.join(get_args(ConditionalDelete))}")
    return text


_READERS: Mapping[str, Callable[[str], Any]] = {
    "port": _positive,
    "connections": _positive,
    "body_limit": _positive,
    "reindex_rate": _positive,
    "base_url": _address,
    "services": _names,
    "owners": _names,
    "log_level": _level,
    "conditional_delete": _conditional_delete,
    "explain": _yes_or_no,
    "postgresql_password_file": Path,
    "nats_password_file": Path,
}
