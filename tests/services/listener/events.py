"""What the listener does when it hears."""

from polyclinic.repository.model import Create

POISON = "poison"
"""Events of patients whose id begins so cannot be handled."""


async def note(event, transaction, neighbours):
    """Note the event."""
    if event.resource.startswith(POISON):
        raise ValueError("this cannot be handled")
    text = f"{event.name} {event.reference} {event.version}"
    await transaction.write([Create({"resourceType": "Basic", "code": {"text": text}})])
