"""How a function of FHIRPath is declared: its name, its number of arguments, what it takes and gives.

Three ways, from the plainest to the most general:

    @on(str, "startsWith", (str,))     one value in, one value out; {} where an operand is empty
    @on_items("skip", 1)               collections in, a collection out
    @looking("where", 1)               arguments are expressions that are evaluated on each item
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import DecimalException
from typing import Any

from polyclinic.fhir.path.errors import PathError
from polyclinic.fhir.path.nodes import Item
from polyclinic.fhir.path.scope import Collection, single, type_of

Implementation = Callable[..., Collection]


@dataclass(frozen=True, slots=True)
class Function:
    """A function and what the compiler must know: ``looks`` tells that arguments are evaluated per item.

    ``run`` takes the input collection, the scope, and its arguments: collections, or expressions if it looks.
    """

    run: Implementation
    least: int
    most: int
    looks: bool = False


FUNCTIONS: dict[str, Function] = {}


def on_items(name: str, least: int = 0, most: int | None = None) -> Callable[[Implementation], Implementation]:
    """Declare a function from (collection, scope, collections...) to a collection."""

    def declare(run: Implementation) -> Implementation:
        FUNCTIONS[name] = Function(run, least, least if most is None else most)
        return run

    return declare


def looking(name: str, least: int, most: int | None = None) -> Callable[[Implementation], Implementation]:
    """Declare a function from (collection, scope, expressions...) to a collection."""

    def declare(run: Implementation) -> Implementation:
        FUNCTIONS[name] = Function(run, least, least if most is None else most, looks=True)
        return run

    return declare


Kinds = type | tuple[type, ...]


def on(
    kinds: Kinds, name: str, parameters: tuple[Kinds, ...] = (), *, optional: int = 0
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function of one value; the last ``optional`` of its ``parameters`` may be left out.

    It is given plain values of the kinds named and returns a value, a list of values, or None for {}.
    What decimals cannot hold gives {} too.
    """

    def declare(calculate: Callable[..., Any]) -> Callable[..., Any]:
        def run(items: Collection, _scope: Any, *arguments: Collection) -> Collection:
            value = single(items)
            if value is None:
                return []
            values = [require(value, kinds, name)]
            for kind, argument in zip(parameters, arguments, strict=False):
                given = single(argument)
                if given is None:
                    return []
                values.append(require(given, kind, name))
            try:
                result = calculate(*values)
            except DecimalException:
                return []
            return [] if result is None else result if type(result) is list else [result]

        FUNCTIONS[name] = Function(run, len(parameters) - optional, len(parameters))
        return calculate

    return declare


def require(value: Item, kinds: Kinds, name: str) -> Item:
    """Return ``value`` if it is of one of ``kinds`` (a boolean is no integer). Raises: ``PathError``."""
    wanted = kinds if isinstance(kinds, tuple) else (kinds,)
    if type(value) in wanted:
        return value
    raise PathError(f"{name}() does not take {type_of(value)}")


def one(items: Collection, kind: type, name: str) -> Any:
    """Return the single plain value of an argument. Raises: ``PathError`` for none, several or another kind."""
    value = single(items)
    if value is None:
        raise PathError(f"{name}() needs a value")
    return require(value, kind, name)
