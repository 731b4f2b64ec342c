"""JSON of FHIR: decimals keep the precision they were written with (1.00 stays 1.00).

Source: https://hl7.org/fhir/R4/json.html and https://hl7.org/fhir/R4/datatypes.html#decimal
"""

from decimal import Decimal
from typing import Any

import msgspec

from polyclinic.fhir.outcome import Malformed

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(body: bytes) -> Any:
    """Return the JSON value in ``body``: dict, list, str, int, Decimal, bool or None.

    Raises: ``Malformed`` with the position, where the bytes are no UTF-8 JSON or nest too deeply.
    """
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise Malformed("the body is nested too deeply") from error


def decode_resource(body: bytes) -> dict[str, Any]:
    """Return the resource in ``body``, an object with a ``resourceType``.

    Raises: ``Malformed``.
    """
    value = decode(body)
    if type(value) is not dict:
        raise Malformed("the body is not a JSON object")
    if type(value.get("resourceType")) is not str:
        raise Malformed("the body has no resourceType", at="resourceType")
    return value


def encode(value: Any) -> bytes:
    """Return ``value`` as compact UTF-8 JSON; a Decimal becomes the number it was written as."""
    return _encoder.encode(value)
