"""One parameter of a query as it was asked, and how its value is taken apart.

Source: https://hl7.org/fhir/R4/search.html#escaping and #prefix
"""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Literal

from msgspec import Struct

from polyclinic.fhir.outcome import NotSupported, Refusal, Unacceptable
from polyclinic.fhir.search.parameters import Parameter

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PREFIXES: tuple[Prefix, ...] = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")

_PREFIX = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb|ap)(?=[-+.\d])")
_PIECE = re.compile(r"\\.|.", re.DOTALL)
_MEANING = re.compile(r"([\\,|$])")
_ESCAPED = re.compile(r"\\([\\,|$])")
_NEED_TERMINOLOGY = ("in", "not-in", "above", "below")


class Unknown(NotSupported):
    """A parameter that what is searched does not have."""

    def __init__(self, name: str, sentence: str) -> None:
        super().__init__(sentence, at=name)
        self.name = name


class Asked(Struct, frozen=True):
    """``parameter:modifier=values`` of a search among resources of ``type``; the values are alternatives.

    Values are still escaped. ``known`` are the parameters of the type by code, ``now`` is what "approximately" is
    measured from, ``base`` our own address with a slash at its end.
    """

    type: str
    parameter: Parameter
    modifier: str
    values: tuple[str, ...]
    known: Mapping[str, Parameter]
    now: datetime | None
    base: str = ""

    @property
    def code(self) -> str:
        """The parameter's code, without a modifier."""
        return self.parameter.code

    @property
    def name(self) -> str:
        """The parameter as the client wrote it."""
        return f"{self.code}:{self.modifier}" if self.modifier else self.code

    def only(self, *modifiers: str) -> None:
        """Check that the modifier, if any, is one of ``modifiers``. Refuses: ``NotSupported`` naming it."""
        if not self.modifier or self.modifier in modifiers:
            return
        if self.modifier in _NEED_TERMINOLOGY and self.parameter.type == "token":
            raise NotSupported(
                f"the modifier :{self.modifier} needs a terminology service, which is not there yet", at=self.name
            )
        takes = f"; it takes {', '.join(':' + each for each in modifiers)}" if modifiers else ""
        raise NotSupported(
            f"the modifier :{self.modifier[:64]} is not supported on {self.code}, a {self.parameter.type}{takes}",
            at=self.name,
        )

    def wrong(self, value: str, form: str) -> Unacceptable:
        """Return the refusal of ``value``, which is not of ``form``."""
        return Unacceptable(f"{self.name} takes {form}, not {value[:200]!r}", at=self.name)


class Elsewhere(Unknown):
    """A question about resources that another service keeps: ``asked`` looks into ``types`` of them."""

    def __init__(self, name: str, asked: str, types: Collection[str]) -> None:
        kept = f"{', '.join(sorted(types))} {'is' if len(types) == 1 else 'are'} kept by another service"
        super().__init__(name, f"{asked[:200]} cannot be followed: {kept}, and that is not supported yet")


def naming(refusal: Refusal, name: str) -> Refusal:
    """Return ``refusal`` of something inside a chain as one of the whole parameter ``name``."""
    if isinstance(refusal, Unknown):
        return Unknown(name, str(refusal))
    return refusal.__class__(str(refusal), at=name)


def split(value: str, separator: str) -> list[str]:
    """Return the parts of ``value`` between separators that no backslash escapes; the parts stay escaped."""
    if "\\" not in value:
        return value.split(separator)
    parts = [""]
    for piece in _PIECE.findall(value):
        if piece == separator:
            parts.append("")
        else:
            parts[-1] += piece
    return parts


def plain(text: str) -> str:
    """Return ``text`` without its escapes."""
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


def escaped(text: str) -> str:
    """Return ``text`` as one value of a parameter, in which nothing has a meaning of its own."""
    return _MEANING.sub(r"\\\1", text)


def prefixed(value: str) -> tuple[Prefix, str]:
    """Return the prefix of a date, number or quantity (``eq`` without one) and what follows it."""
    found = _PREFIX.match(value)
    return (found[1], value[2:]) if found else ("eq", value)  # type: ignore[return-value]
