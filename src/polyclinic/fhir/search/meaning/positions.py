"""What is near: positions on the earth.

Source: https://hl7.org/fhir/R4/location.html#positional
"""

from polyclinic.fhir.search.clauses import Near
from polyclinic.fhir.search.meaning.asked import Asked, plain, split
from polyclinic.fhir.search.values import number

EARTH_METRES = 6_371_008.8
"""Mean radius of the earth (IUGG, R1)."""
DEFAULT_METRES = 50_000.0
"""What is near where the client names no distance: R4 leaves it to the server."""
LARGEST_METRES = 20_040_000.0
"""Half the way round the earth: beyond it everything is near."""
METRES = {"km": 1000.0, "m": 1.0, "[mi_i]": 1609.344, "[mi_us]": 1609.347, "[ft_i]": 0.3048, "[nmi_i]": 1852.0}
"""Units of distance by UCUM code; kilometres without one, as R4 has it."""


def near(asked: Asked) -> Near:
    """Return what ``near=[latitude]|[longitude]|[distance]|[units]`` asks."""
    asked.only()
    (branch,) = asked.parameter.branches
    return Near(asked.code, branch.path, tuple(_circle(asked, value) for value in asked.values))


def _circle(asked: Asked, value: str) -> tuple[float, float, float]:
    parts = [plain(part) for part in split(value, "|")]
    amounts = [number(part) if part else None for part in parts[:3]]
    latitude, longitude, distance = (float(a) if a is not None else None for a in (*amounts, None, None)[:3])
    metres = METRES.get(parts[3] if len(parts) == 4 and parts[3] else "km")
    if latitude is None or longitude is None or metres is None or not 2 <= len(parts) <= 4:
        raise asked.wrong(value, "[latitude]|[longitude]|[distance]|[units], units being km, m or [mi_i]")
    if len(parts) > 2 and parts[2] and (distance is None or distance < 0):
        raise asked.wrong(value, "a distance of zero or more")
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise asked.wrong(value, "a latitude from -90 to 90 and a longitude from -180 to 180 degrees")
    return latitude, longitude, DEFAULT_METRES if distance is None else min(distance * metres, LARGEST_METRES)
