"""Events for operators: what is told and heard, what could not be handled, and what can be done about it."""

from polyclinic.platform.events.commands import add_parser

__all__ = ["add_parser"]
