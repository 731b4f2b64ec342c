"""What a change of an Appointment is called, for those who hear of it."""

from typing import Any


def event_of(before: dict[str, Any] | None, after: dict[str, Any]) -> str | None:
    """Return the name of the change from ``before`` (None: there was none) to ``after``; None for any other."""
    if before is None or before["status"] != after["status"]:
        return str(after["status"])
    times = (before.get("start"), before.get("end")), (after.get("start"), after.get("end"))
    return "moved" if times[0] != times[1] else None
