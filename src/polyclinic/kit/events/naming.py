"""What events are called on their way: nothing else, so that it costs nothing to know."""

MEDIA_TYPE = "application/cloudevents+json"


def subject(name: str) -> str:
    """Return the subject that an event such as ``Appointment.booked`` travels on."""
    return f"event.{name}"
