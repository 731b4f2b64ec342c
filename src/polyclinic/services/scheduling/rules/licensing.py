"""Licensing: in which jurisdictions a patient is, by their address, as calendars say where they are licensed.

A state is written as USPS does in the United States (US Core's Patient.address.state), a country by ISO 3166-1, both
together by ISO 3166-2. Source: https://hl7.org/fhir/R4/datatypes.html#Address
"""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from polyclinic.services.scheduling.model import Code
from polyclinic.services.scheduling.rules.times import edge_of

COUNTRIES, SUBDIVISIONS, STATES = "urn:iso:std:iso:3166", "urn:iso:std:iso:3166:-2", "https://www.usps.com/"
NOWHERE: frozenset[Code] = frozenset({("", "")})
"""Where somebody is of whom nobody knows it: no calendar is licensed there."""
_ELSEWHERE = frozenset({"old", "billing"})
_AMERICA = frozenset({"US", "USA"})


def jurisdictions_of(patient: dict[str, Any], today: date) -> frozenset[Code]:
    """Return the jurisdictions in which a patient lives ``today``, by every code they may be written by."""
    addresses = (each for each in patient.get("address", ()) if _is_current(each, today))
    return frozenset(code for address in addresses for code in _codes(address))


def of_all(jurisdictions: Iterable[frozenset[Code]]) -> frozenset[Code]:
    """Return the jurisdictions that several patients are in together, ``NOWHERE`` without any."""
    each = list(jurisdictions)
    return (frozenset.intersection(*each) if each else frozenset()) or NOWHERE


def _codes(address: dict[str, Any]) -> Iterator[Code]:
    country, state = address.get("country", "").strip().upper(), address.get("state", "").strip().upper()
    if country:
        yield from ((system, country) for system in ("", COUNTRIES))
    if country in _AMERICA:
        yield from ((COUNTRIES, code) for code in sorted(_AMERICA))
    if not state:
        return
    yield from ((system, state) for system in ("", SUBDIVISIONS))
    if not country or country in _AMERICA:
        yield STATES, state
    if country:
        whole = f"{'US' if country in _AMERICA else country}-{state}"
        yield from ((system, whole) for system in ("", SUBDIVISIONS))


def _is_current(address: dict[str, Any], today: date) -> bool:
    if address.get("use") in _ELSEWHERE:
        return False
    period = address.get("period", {})
    begin, end = period.get("start"), period.get("end")
    return (begin is None or _day(begin, last=False) <= today) and (end is None or _day(end, last=True) >= today)


def _day(text: str, *, last: bool) -> date:
    """Return the local day of a dateTime, whatever its time."""
    try:
        found = edge_of(text[:10], last=last)
    except ValueError:  # a day no calendar has
        return date.max if last else date.min
    assert isinstance(found, date)  # there is no time in it
    return found
