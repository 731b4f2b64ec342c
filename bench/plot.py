"""A plot of cost against size: one line per family, both axes logarithmic, as SVG written by hand."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 960, 720
LEFT, RIGHT, TOP, BOTTOM = 70, 330, 50, 60
APART = 14
"""Pixels between two names."""
MARGIN = 1.2
"""How far the axis of costs goes beyond the least and the greatest, as a factor."""
WITHIN, BEYOND = "#2b6cb0", "#c53030"


def svg(result: dict) -> str:
    """Return the plot of a result of ``sizes``."""
    small, large = (one["resources"] for one in result["sizes"])
    grown = sorted(result["growth"], key=lambda one: -one["large"]["cpu_ms"])
    costs = [one[end]["cpu_ms"] for one in grown for end in ("small", "large")] or [1.0]
    low, high = log10(min(costs) / MARGIN), log10(max(costs) * MARGIN)
    places = [_down(one["large"]["cpu_ms"], low, high) for one in grown]
    parts = [_frame(small, large, low, high)]
    for one, place, name_at in zip(grown, places, _spread(places), strict=True):
        parts.append(_line(one, _down(one["small"]["cpu_ms"], low, high), place, name_at))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
            'font-size="12">',
            '<rect width="100%" height="100%" fill="white"/>',
            *parts,
            "</svg>",
            "",
        ]
    )


def _frame(small: int, large: int, low: float, high: float) -> str:
    end = WIDTH - RIGHT
    lines = [
        f'<text x="{LEFT}" y="24" font-size="15">CPU per request (ms) against resources stored, 8 clients; '
        f'<tspan fill="{BEYOND}">red: dearer than allowed</tspan></text>'
    ]
    for cost in (digit * 10.0**power for power in range(floor(low), ceil(high)) for digit in (1, 2, 5)):
        if low <= log10(cost) <= high:
            down = _down(cost, low, high)
            lines.append(f'<path d="M{LEFT} {down:.1f}H{end}" stroke="#ddd"/>')
            lines.append(f'<text x="{LEFT - 8}" y="{down + 4:.1f}" text-anchor="end">{cost:g}</text>')
    for across, count in ((LEFT, small), (end, large)):
        lines.append(f'<path d="M{across} {TOP}V{HEIGHT - BOTTOM}" stroke="#999"/>')
        lines.append(f'<text x="{across}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{count:,}</text>')
    return "\n".join(lines)


def _line(one: dict, begin: float, end: float, name_at: float) -> str:
    colour, across = WITHIN if one["ratio"] <= one["limit"] else BEYOND, WIDTH - RIGHT
    told = f"{one['scenario']} {one['large']['cpu_ms']:.2f} ({one['ratio']:.2f} times)"
    return (
        f'<path d="M{LEFT} {begin:.1f}L{across} {end:.1f}L{across + 20} {name_at:.1f}" stroke="{colour}" fill="none"/>'
        f'<text x="{across + 24}" y="{name_at + 4:.1f}" fill="{colour}">{escape(told)}</text>'
    )


def _down(cost: float, low: float, high: float) -> float:
    """Return how far down a cost is drawn."""
    return HEIGHT - BOTTOM - (log10(cost) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)


def _spread(places: Sequence[float]) -> list[float]:
    """Return ``places``, which grow, at least ``APART`` from one another and above the bottom as far as they fit."""
    spread: list[float] = []
    for place in places:
        spread.append(max(place, spread[-1] + APART) if spread else place)
    limit = HEIGHT - APART / 2
    for index in range(len(spread) - 1, -1, -1):
        spread[index] = min(spread[index], limit)
        limit = spread[index] - APART
    return spread
