"""Logs as JSON lines on standard output. They never hold patient data: no ids, no query values, no messages of
exceptions (which may quote a value); of an exception they tell its class and where it happened.
"""

import logging
import os
import sys
import traceback
from contextlib import suppress
from types import TracebackType
from typing import Any

import msgspec

from polyclinic.kit import clock

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_encoder = msgspec.json.Encoder()


class Log:
    """Writes one line per event to a file descriptor, if the event is as grave as ``level``."""

    def __init__(self, service: str, *, level: str = "info", file: int = 1) -> None:
        self._service = service
        self._level = LEVELS[level]
        self._file = file

    def info(self, event: str, **facts: Any) -> None:
        """Tell what happened as it should."""
        self._write(logging.INFO, "info", event, facts)

    def warning(self, event: str, **facts: Any) -> None:
        """Tell what is missing or slow."""
        self._write(logging.WARNING, "warning", event, facts)

    def error(self, event: str, error: BaseException | None = None, **facts: Any) -> None:
        """Tell what broke; of ``error`` only the class and the places."""
        if error is not None:
            facts |= {"error": type(error).__qualname__, "places": places(error.__traceback__)}
        self._write(logging.ERROR, "error", event, facts)

    def _write(self, weight: int, level: str, event: str, facts: dict[str, Any]) -> None:
        if weight < self._level:
            return
        line = {"at": clock.now(), "level": level, "service": self._service, "event": event, **facts}
        with suppress(OSError):  # a full disk must not keep anyone from reading
            os.write(self._file, _encoder.encode(line) + b"\n")


class JsonLines(logging.Formatter):
    """Formats what libraries log through the standard library in the same shape as ``Log``."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line of JSON."""
        line: dict[str, Any] = {
            "at": clock.now(),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage() if record.exc_info is None else "exception",
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            line |= {"error": type(error).__qualname__, "places": places(error.__traceback__)}
        return _encoder.encode(line).decode()


def log_libraries(service: str, level: str) -> None:
    """Let what libraries log go to standard output as JSON lines; from ``warning`` on unless ``debug`` is asked."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(
        handlers=[handler],
        level=LEVELS[level] if level in ("debug", "error") else logging.WARNING,
        force=True,
    )


def places(trace: TracebackType | None) -> list[str]:
    """Return the stack of ``trace``, outermost first, each as ``module.py:line function``."""
    return [f"{os.path.basename(frame.filename)}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
