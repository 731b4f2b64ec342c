"""The syntax tree of a FHIRPath: frozen values without behaviour.

Source: http://hl7.org/fhirpath/N1 (grammar), of which every production ends in one of these classes:

    Literal  Empty  Variable  This  Index  Total  Member  Call  Indexer  TypeOperation  Sign  Binary

``at`` is the position of the node's first own token in the expression (characters from 0) and takes no part
in comparisons, so that two writings of one expression have equal trees.
"""

from dataclasses import dataclass, field
from typing import Literal as OneOf

from polyclinic.fhir.path.values import Value


@dataclass(frozen=True, slots=True)
class Literal:
    """A value written in the expression: ``true``, ``'x'``, ``1.0``, ``@2015-02``, ``4 days``."""

    value: Value
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Empty:
    """The empty collection, ``{}``."""

    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment: ``%resource`` has the name ``resource``, %`ext-x` the name ``ext-x``."""

    name: str
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class This:
    """``$this``: the item that the innermost enclosing function looks at, else the node evaluated on."""

    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Index:
    """``$index``: the place of ``$this`` in its collection, from 0."""

    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Total:
    """``$total``: what ``aggregate`` has gathered so far."""

    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Member:
    """``source.name``; without a source a path begins, and ``name`` may be the root's type."""

    source: "Expression | None"
    name: str
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Call:
    """``source.name(arguments)``; without a source the function is called on ``$this``."""

    source: "Expression | None"
    name: str
    arguments: tuple["Expression", ...]
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Indexer:
    """``source[index]``, from 0."""

    source: "Expression"
    index: "Expression"
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class TypeOperation:
    """``operand is T``, ``operand as T`` and the functions ``is(T)``, ``as(T)``, ``ofType(T)``.

    ``type`` is as written, such as ``Quantity``, ``FHIR.string`` or ``System.String``.
    """

    operand: "Expression"
    operator: OneOf["is", "as", "ofType"]
    type: str
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Sign:
    """A ``+`` or ``-`` before an operand."""

    operator: str
    operand: "Expression"
    at: int = field(compare=False, default=0)


@dataclass(frozen=True, slots=True)
class Binary:
    """``left operator right`` for every operator of two operands but ``is`` and ``as``."""

    operator: str
    left: "Expression"
    right: "Expression"
    at: int = field(compare=False, default=0)


Expression = Literal | Empty | Variable | This | Index | Total | Member | Call | Indexer | TypeOperation | Sign | Binary


def children(node: Expression) -> tuple[Expression, ...]:
    """Return the expressions directly inside ``node``, in the order they are written."""
    match node:
        case Member(source):
            return () if source is None else (source,)
        case Call(source, _, arguments):
            return arguments if source is None else (source, *arguments)
        case Indexer(source, index):
            return (source, index)
        case TypeOperation(operand) | Sign(_, operand):
            return (operand,)
        case Binary(_, left, right):
            return (left, right)
        case _:
            return ()
