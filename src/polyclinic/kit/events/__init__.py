"""Events: what services tell each other of their changes, over NATS JetStream. docs/decisions/0019."""

from polyclinic.kit.events.event import Event
from polyclinic.kit.events.handling import Handler, Handlers

__all__ = ["Event", "Handler", "Handlers"]
