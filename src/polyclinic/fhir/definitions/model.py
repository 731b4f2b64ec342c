"""The shapes in which the definitions of R4 are kept in ``tables/`` and handed out; no lookups here.

Defaults are left out of the tables, so a default must never change its meaning.
"""

from typing import Literal

import msgspec

Kind = Literal["primitive", "complex", "backbone", "resource"]


class Invariant(msgspec.Struct, frozen=True, omit_defaults=True):
    """A rule that FHIRPath expresses (https://hl7.org/fhir/R4/conformance-rules.html#constraints).

    It holds where ``expression``, evaluated on the element that carries it, is true or empty.
    """

    key: str
    human: str
    expression: str
    severity: Literal["error", "warning"] = "error"


class Element(msgspec.Struct, frozen=True, omit_defaults=True):
    """One element of a structure.

    ``name`` is the FHIRPath name (``value``, never ``value[x]`` nor ``valueQuantity``). ``types`` are names
    of structures: a data type, a resource, or the path of a backbone (``Patient.contact``), also where
    R4 only refers to a backbone by content reference. ``choice`` tells that the JSON property
    carries the type in its name, even where only one is allowed. ``max`` None means any number.
    ``targets`` are the types a Reference may point to, empty for any. ``binding`` is the
    URL of the value set its codes must come from, empty unless R4 requires it.
    ``summary`` tells whether it belongs to ``_summary=true``. ``is_list`` tells whether JSON has an array.
    """

    name: str
    types: tuple[str, ...]
    min: int = 0
    max: int | None = 1
    choice: bool = False
    targets: tuple[str, ...] = ()
    binding: str = ""
    summary: bool = False
    invariants: tuple[Invariant, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether JSON has an array here, even for one value."""
        return self.max != 1


class Structure(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type of R4 with what it adds to its ``base``; ``elements()`` of the package has what it inherits.

    ``pattern``, ``minimum``, ``maximum`` and ``max_length`` (characters) are the limits of a primitive.
    """

    name: str
    kind: Kind
    base: str = ""
    abstract: bool = False
    elements: tuple[Element, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    pattern: str = ""
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None


class Property(msgspec.Struct, frozen=True):
    """What one JSON property means: ``valueQuantity`` is the element ``value`` as a ``Quantity``."""

    name: str
    element: Element
    type: str


class ValueSet(msgspec.Struct, frozen=True, omit_defaults=True):
    """The codes of a value set that R4 requires somewhere, by code system.

    Where R4 does not enumerate them, ``codes`` is empty and ``syntax`` is a regular expression for
    the whole code, or empty too: then nothing can be checked without a terminology service.
    """

    codes: dict[str, tuple[str, ...]] = {}
    syntax: str = ""


class Component(msgspec.Struct, frozen=True):
    """A part of a composite parameter: another parameter's code, applied to ``expression`` of each match."""

    code: str
    expression: str


class SearchParameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One search parameter as it applies to one resource type.

    ``expression`` is FHIRPath from the resource, restricted to this type where R4 shares the
    parameter between types; empty for those that are no elements (``_text``, ``_content``, ``_query``).
    ``targets`` are the types a reference may lead to, empty for any. ``multiple_or``: ``a,b`` in one value is
    allowed. R4 restricts neither repetition nor comparators nor modifiers of single parameters.
    """

    code: str
    type: Literal["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"]
    url: str
    expression: str = ""
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    multiple_or: bool = True
