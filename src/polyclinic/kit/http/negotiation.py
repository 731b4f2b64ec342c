"""Which format a client wants and sends: FHIR JSON, or an honest refusal.

Source: https://hl7.org/fhir/R4/http.html#mime-type and #parameters
"""

import re
from functools import lru_cache

from msgspec import Struct

from polyclinic.kit.http.message import Call, Pairs
from polyclinic.kit.http.statuses import NotAcceptable, UnsupportedMediaType

FHIR_JSON = "application/fhir+json"
JSON_PATCH = "application/json-patch+json"
NDJSON = "application/fhir+ndjson"
CALENDAR = "text/calendar"
FORM = "application/x-www-form-urlencoded"
OUR_TYPES = frozenset({FHIR_JSON, "application/json", "text/json"})
OUR_VERSIONS = frozenset({"4.0", "4.0.1"})
OUR_FORMATS = OUR_TYPES | {"json", "application/fhir json", "text/fhir+json"}  # a "+" in a URL decodes to " "


class Shape(Struct, frozen=True):
    """How an answer is to look: indented or not, packed or not."""

    pretty: bool = False
    gzip: bool = False


def agreed_shape(call: Call, also: frozenset[str] = frozenset()) -> Shape:
    """Return how to answer ``call``; ``also`` are other types that are spoken at its address.

    Refuses: ``NotAcceptable`` where the client takes neither JSON of R4 nor any of these.
    """
    accept, encodings = call.headers.get("accept", ""), call.headers.get("accept-encoding", "")
    if "_format=" in call.query or "_pretty=" in call.query:
        return _shape_by_parameters(call.pairs(), accept, encodings, also)
    _accepted(accept, also)
    return Shape(gzip=_takes_gzip(encodings))


def without_format(pairs: Pairs) -> Pairs:
    """Return ``pairs`` without the parameters that only shape the answer."""
    return [pair for pair in pairs if pair[0] not in ("_format", "_pretty")]


def agreed_body(call: Call) -> None:
    """Check that the body of ``call`` is something this server reads; without a content type it is FHIR JSON.

    Refuses: ``UnsupportedMediaType``.
    """
    _readable(call.headers.get("content-type", ""))


def is_form(call: Call) -> bool:
    """Whether the body of ``call`` is a form, as of a search by POST."""
    return media_of(call) == FORM


def media_of(call: Call) -> str:
    """Return the type of the body as the client says it, without parameters; empty if it says nothing."""
    return call.headers.get("content-type", "").partition(";")[0].strip().lower()


def _shape_by_parameters(pairs: Pairs, accept: str, encodings: str, also: frozenset[str]) -> Shape:
    parameters = dict(pairs)
    wanted = parameters.get("_format")
    if wanted is None:
        _accepted(accept, also)
    elif not _is_format(wanted.partition(";")[0].strip().lower(), also):
        raise NotAcceptable(f"_format={wanted} is not spoken here; use _format=json", at="_format")
    return Shape(pretty=parameters.get("_pretty") == "true", gzip=_takes_gzip(encodings))


def _is_format(wanted: str, also: frozenset[str]) -> bool:
    return wanted in OUR_FORMATS or any(wanted in (each, each.replace("+", " ")) for each in also)


@lru_cache(maxsize=256)
def _accepted(accept: str, also: frozenset[str]) -> None:
    if not accept.strip() or any(_is_ours(one, also) for one in accept.split(",")):
        return
    raise NotAcceptable(f"none of the accepted formats is spoken here; this server answers {FHIR_JSON} (4.0.1)")


def _is_ours(accepted: str, also: frozenset[str]) -> bool:
    media, parameters = _parts(accepted)
    if parameters.get("q", "1").rstrip("0").rstrip(".") in ("", "0"):
        return False
    if media in OUR_TYPES:
        return parameters.get("fhirversion", "4.0") in OUR_VERSIONS
    return media in ("*/*", "application/*") or any(media in (each, f"{each.partition('/')[0]}/*") for each in also)


@lru_cache(maxsize=256)
def _readable(content_type: str) -> None:
    media, parameters = _parts(content_type)
    if media and media not in OUR_TYPES:
        raise UnsupportedMediaType(f"a body of {media or 'unknown type'} is not read here; send {FHIR_JSON}")
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        raise UnsupportedMediaType("the body must be in UTF-8")
    if parameters.get("fhirversion", "4.0") not in OUR_VERSIONS:
        raise UnsupportedMediaType("this server reads FHIR 4.0.1 only")


def _parts(text: str) -> tuple[str, dict[str, str]]:
    media, *rest = text.split(";")
    named = (item.partition("=") for item in rest)
    return media.strip().lower(), {name.strip().lower(): value.strip(' "').lower() for name, _, value in named}


@lru_cache(maxsize=256)
def _takes_gzip(encodings: str) -> bool:
    return bool(re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", encodings.lower()))
