"""Terms: the words of the index for values that are looked up whole. Extraction and query write them alike.

A term names the element, then how it was looked at, then the value: ``Observation.code`` + coded + system and code.
NUL separates them, because no FHIR string may hold it.
"""

import re

_REFERENCE = re.compile(
    r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?\Z"
)


def code_term(path: str, code: str) -> str:
    """Return the term of ``code`` in any system."""
    return f"{path}\0c{code}"


def coding_term(path: str, system: str, code: str) -> str:
    """Return the term of ``code`` in ``system``; an empty system means that there is none."""
    return f"{path}\0s{system}\0{code}"


def system_term(path: str, system: str) -> str:
    """Return the term of any code in ``system``."""
    return f"{path}\0a{system}"


def reference_term(path: str, target: str) -> str:
    """Return the term of a reference to ``target``, written as ``reference_target`` gives it."""
    return f"{path}\0r{target}"


def identified_term(path: str, system: str, value: str) -> str:
    """Return the term of a reference that names its target by a business identifier."""
    return f"{path}\0i{system}\0{value}"


def uri_term(path: str, uri: str) -> str:
    """Return the term of a uri, url or canonical."""
    return f"{path}\0u{uri}"


def unit_term(system: str, code: str) -> str:
    """Return the term of a unit by system and code, or, with an empty system, by code or name alone."""
    return f"\0q{system}\0{code}"


def reference_target(reference: str) -> str:
    """Return what a literal reference points to: ``Type/id`` or an absolute address, without a version."""
    if "/_history/" in reference:
        reference = reference.partition("/_history/")[0]
    return reference


def reference_type(reference: str) -> str | None:
    """Return the resource type that a literal reference names, if it names one."""
    found = _REFERENCE.match(reference)
    return found["type"] if found else None
