"""Checks of the primitive types of R4 (https://hl7.org/fhir/R4/datatypes.html#primitive).

Each is written for speed; test_validate_primitives holds them against the patterns of the tables. Beyond
those patterns, days must exist in the calendar, base64 must decode, and text has no NUL, which neither XML
nor a database keeps. Sentences never repeat the value: it may be a patient's.
"""

import binascii
import re
from calendar import isleap
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from polyclinic.fhir.narrative import check_narrative
from polyclinic.fhir.validate.findings import Check, Finding, Found, broken, kind

LONGEST = 1024 * 1024  # characters of a string, R4 datatypes.html#string
LARGEST = 2**31 - 1  # of the integer types, R4 datatypes.html#integer

_YEAR = "(?!0000)[0-9]{4}"
_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|[12][0-9]))"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"

_DATE = rf"{_YEAR}(?:-(?:{_DAY}|{_MONTH}))?"
_DATE_TIME = rf"{_YEAR}(?:-(?:{_DAY}(?:T{_TIME}{_ZONE})?|{_MONTH}))?"
_INSTANT = rf"{_YEAR}-{_DAY}T{_TIME}{_ZONE}"


def check_string(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check a string or markdown: any characters but NUL, at least one, at most 1 Mi."""
    if type(value) is str and value and len(value) <= LONGEST and "\0" not in value:
        return None
    return _explain(value, str, f"must be a string of 1 to {LONGEST} characters without NUL")


def check_boolean(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check a boolean."""
    return None if value is True or value is False else _explain(value, bool, "must be true or false")


def check_decimal(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check a decimal: any JSON number."""
    if type(value) is Decimal or type(value) is int:
        return None
    return _explain(value, Decimal, "must be a number, written without quotes")


def _integers(least: int) -> Check:
    sentence = f"must be a whole number from {least} to {LARGEST}, written without quotes, point or exponent"

    def check(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is int and least <= value <= LARGEST:
            return None
        return _explain(value, int, sentence)

    return check


def check_code(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check a code: no blanks but single ones inside."""
    if type(value) is str and (value.split() == [value] or _is_code(value)) and len(value) <= LONGEST:
        return None
    return _explain(value, str, "must be a code: not empty, no blanks around it, no two blanks in a row")


_is_code = re.compile("[^ \t\r\n]+(?:[ \t\r\n][^ \t\r\n]+)*").fullmatch


def check_uri(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check a uri, url or canonical: not empty, no blanks."""
    if type(value) is str and (value.split() == [value] or _is_uri(value)):
        return None
    return _explain(value, str, "must be a URI: not empty and without blanks")


_is_uri = re.compile("[^ \t\r\n]+").fullmatch


def _matching(pattern: str, sentence: str) -> Check:
    matches = re.compile(pattern).fullmatch

    def check(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is str and matches(value):
            return None
        return _explain(value, str, sentence)

    return check


def _calendar(pattern: str, sentence: str) -> Check:
    matches = re.compile(pattern).fullmatch

    def check(value: Any, owner: dict[str, Any]) -> Found | None:
        if type(value) is str and matches(value) and (value[5:10] != "02-29" or isleap(int(value[:4]))):
            return None
        return _explain(value, str, sentence)

    return check


def check_base64(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check base64Binary: RFC 4648 section 4 with padding; blanks are allowed as in R4's pattern."""
    if type(value) is str and not (value == "" or value.isspace()):
        try:
            binascii.a2b_base64("".join(value.split()), strict_mode=True)
        except ValueError:
            pass
        else:
            return None
    return _explain(value, str, "must be base64 with padding (RFC 4648 section 4)")


def check_xhtml(value: Any, owner: dict[str, Any]) -> Found | None:
    """Check the XHTML of a narrative."""
    if type(value) is not str:
        return _explain(value, str, "must be a string of XHTML")
    return [Finding(issue.code, issue.diagnostics) for issue in check_narrative(value)] or None


def _explain(value: Any, wanted: type, sentence: str) -> Found:
    number = wanted in (int, Decimal) and type(value) in (int, Decimal)
    if type(value) is wanted or number:
        return broken("value", sentence)
    return broken("structure", f"{sentence}; here is {kind(value)}")


PRIMITIVES: Mapping[str, Check] = {
    "base64Binary": check_base64,
    "boolean": check_boolean,
    "canonical": check_uri,
    "code": check_code,
    "date": _calendar(_DATE, "must be a date that exists: YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": _calendar(
        _DATE_TIME, "must be YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss with Z or an offset, and exist"
    ),
    "decimal": check_decimal,
    "id": _matching(r"[A-Za-z0-9.-]{1,64}", "must be an id: 1 to 64 of A-Z, a-z, 0-9, - and ."),
    "instant": _calendar(_INSTANT, "must be YYYY-MM-DDThh:mm:ss with Z or an offset, and exist"),
    "integer": _integers(-LARGEST - 1),
    "markdown": check_string,
    "oid": _matching(r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+", "must be an OID as urn:oid:1.2.3"),
    "positiveInt": _integers(1),
    "string": check_string,
    "time": _matching(_TIME, "must be a time of day: hh:mm:ss, without an offset"),
    "unsignedInt": _integers(0),
    "uri": check_uri,
    "url": check_uri,
    "uuid": _matching(
        "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        "must be a UUID as urn:uuid:..., in lower case",
    ),
    "xhtml": check_xhtml,
}
