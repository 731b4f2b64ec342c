"""Terms: the words of the index for values that are looked up whole. Extraction and query write them alike.

A term names the element, then how it was looked at, then the value: ``Observation.code`` + coded + system and code.
NUL separates them, because no FHIR string may hold it.
"""

import re

from polyclinic.fhir.definitions import RESOURCE_TYPES

_REFERENCE = re.compile(
    r"(?:(?P<base>https?://.+)/)?(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/.+)?\Z"
)


COMPARTMENTS = frozenset({"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"})
"""Types that define a compartment: their resources are found by themselves, too."""


def self_term(type: str, id: str) -> str:
    """Return the term by which a resource that defines a compartment is in it itself."""
    return reference_term(f"{type}:self", f"{type}/{id}")


def contained_term(type: str) -> str:
    """Return the term of a resource that contains one of ``type``."""
    return f"#{type}"


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


def identified_anywhere_term(path: str, value: str) -> str:
    """Return the term of a reference that names its target by a business identifier of any system."""
    return f"{path}\0j{value}"


def identified_somehow_term(path: str, system: str) -> str:
    """Return the term of a reference that names its target by any business identifier of ``system``."""
    return f"{path}\0k{system}"


def uri_term(path: str, uri: str) -> str:
    """Return the term of a uri, url or canonical."""
    return f"{path}\0u{uri}"


def display_term(path: str, text: str) -> str:
    """Return the term of a folded ``text`` beside a code or reference."""
    return f"{path}\0d{text}"


def typed_identifier_term(path: str, system: str, code: str, value: str) -> str:
    """Return the term of an identifier whose type has a coding of ``system`` and ``code``."""
    return f"{path}\0o{system}\0{code}\0{value}"


def spelled_path(path: str, what: str) -> str:
    """Return the path under which the spellings of displays (``display``), uris or units of ``path`` are listed."""
    return f"{path}\0{what}"


def at_and_above(uri: str) -> list[str]:
    """Return ``uri`` and every address that it lies below, nearest first; only itself if it is no URL."""
    scheme, separator, rest = uri.rstrip("/").partition("://")
    if not separator:
        return [uri]
    steps = rest.split("/")
    return list(dict.fromkeys([uri, *(f"{scheme}://{'/'.join(steps[:n])}" for n in range(len(steps), 0, -1))]))


def unit_term(system: str, code: str) -> str:
    """Return the term of a unit by system and code, or, with an empty system, by code or name alone."""
    return f"\0q{system}\0{code}"


def reference_target(reference: str, base: str = "") -> str:
    """Return what a literal reference points to: ``Type/id`` or an absolute address, without a version.

    An address below ``base`` (with a slash at its end), which is our own, is as good as a relative one.
    """
    if "/_history/" in reference:
        reference = reference.partition("/_history/")[0]
    return reference.removeprefix(base) if base else reference


def reference_type(reference: str) -> str | None:
    """Return the resource type that a literal reference names, if it names one."""
    found = _REFERENCE.match(reference)
    return found["type"] if found and found["type"] in RESOURCE_TYPES else None
