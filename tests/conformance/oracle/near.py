"""The special parameter near of Location: https://hl7.org/fhir/R4/location.html#positional"""

from math import asin, cos, radians, sin, sqrt

from oracle.grammar import Malformed, plain, split
from oracle.paths import Node

EARTH = 6371.0088
"""Mean radius in km (IUGG)."""
IN_KM = {"km": 1.0, "m": 0.001, "[mi_i]": 1.609344, "[mi_us]": 1.609347219, "[ft_i]": 0.0003048}


def matches(node: Node, value: str) -> bool:
    """Whether a position lies within ``latitude|longitude|distance|units``; units are UCUM, km where none are named."""
    parts = [plain(part) for part in split(value, "|")]
    try:
        latitude, longitude, distance = (float(part) for part in parts[:3])
        within = distance * IN_KM[parts[3] if len(parts) > 3 and parts[3] else "km"]
    except (ValueError, KeyError) as error:
        raise Malformed(value) from error
    held = float(node.value["latitude"]), float(node.value["longitude"])
    return kilometres(held, (latitude, longitude)) <= within


def kilometres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance of two points given in degrees."""
    (lat1, lon1), (lat2, lon2) = (map(radians, one)), (map(radians, other))
    inside = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH * asin(min(1.0, sqrt(inside)))
