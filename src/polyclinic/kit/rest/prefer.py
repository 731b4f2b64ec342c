"""What a client prefers: the ``Prefer`` header, and conditions in other headers.

Source: https://hl7.org/fhir/R4/http.html#ops and #concurrency
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, cast

from polyclinic.fhir.outcome import PreconditionFailed, Unacceptable

Returning = Literal["minimal", "representation", "OperationOutcome"]
_CHOICES = {"return": ("minimal", "representation", "OperationOutcome"), "handling": ("strict", "lenient")}
_TAG = re.compile(r'(?:W/)?"([^"]*)"|(\*)|([0-9]+)')


@dataclass(frozen=True, slots=True)
class Preference:
    """What is to come back after a write (None if nothing was said), and how to treat unknown parameters.

    ``later`` asks for an answer that is fetched later (respond-async).
    """

    returning: Returning | None = None
    lenient: bool = False
    later: bool = False


_NOTHING = Preference()


@lru_cache(maxsize=128)
def preference(header: str) -> Preference:
    """Return what a ``Prefer`` header asks for; what it does not know it ignores, as RFC 7240 demands.

    Refuses: ``Unacceptable`` for a value of ``return`` or ``handling`` that FHIR does not define.
    """
    chosen: dict[str, str] = {}
    for item in re.split(r"[,;]", header):
        name, _, value = item.strip().partition("=")
        if name.lower() == "respond-async":
            chosen["later"] = "true"
        choices = _CHOICES.get(name.lower())
        if choices is None:
            continue
        if value.strip('"') not in choices:
            raise Unacceptable(f"Prefer: {name} is one of {', '.join(choices)}", at="Prefer")
        chosen.setdefault(name.lower(), value.strip('"'))
    return Preference(
        cast(Returning | None, chosen.get("return")), chosen.get("handling") == "lenient", "later" in chosen
    )


def preferred(headers: Mapping[str, str]) -> Preference:
    """Return the preference in the headers of a request."""
    header = headers.get("prefer")
    return preference(header) if header else _NOTHING


def version_to_match(header: str | None) -> int | None:
    """Return the version that an ``If-Match`` header names, None without one.

    Refuses: ``Unacceptable`` where it is no entity tag, ``PreconditionFailed`` where no version can have it.
    """
    if header is None:
        return None
    found = _TAG.fullmatch(header.strip())
    if found is None or found[2]:
        raise Unacceptable('If-Match names one version, such as W/"3"', at="If-Match")
    number = found[1] or found[3] or ""
    if not (number.isascii() and number.isdigit() and len(number) < 10):
        raise PreconditionFailed("no version of this resource has the entity tag of If-Match", at="If-Match")
    return int(number)


def has_version(header: str, version: int) -> bool:
    """Whether an ``If-None-Match`` header names ``version`` or any version."""
    return any(star or (tag or bare) == str(version) for tag, star, bare in _TAG.findall(header))
