"""What a service promises, as data that can be read without starting the service."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a neighbour: this service reads or searches ``type``, which ``service`` owns."""

    service: str
    type: str


@dataclass(frozen=True, slots=True)
class Scale:
    """How many processes of a service may run, and the requests per second one of them should carry."""

    at_least: int = 1
    at_most: int = 1
    requests_per_second: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One service's promises to the house; ``platform.check`` judges whether they fit together.

    ``owns`` are resource types. ``tells`` and ``hears`` are events such as ``Appointment.booked``.
    ``asks`` is what it needs of neighbours. ``scopes`` are the SMART system scopes it asks with. ``system_operations``
    are the operations it answers at the FHIR base, without the dollar sign.
    """

    name: str
    owns: tuple[str, ...] = ()
    tells: tuple[str, ...] = ()
    hears: tuple[str, ...] = ()
    asks: tuple[Ask, ...] = ()
    scopes: tuple[str, ...] = ()
    scale: Scale = Scale()
    system_operations: tuple[str, ...] = ()
