"""JSON Patch: operations on a document of JSON, whatever it means.

Source: RFC 6902
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from polyclinic.fhir.outcome import Invalid, Malformed, TooCostly
from polyclinic.fhir.patch.copying import Copier, Json
from polyclinic.fhir.patch.pointer import index_of, steps_of, value_at
from polyclinic.fhir.patch.refusals import TestFailed, Unpatchable

MOST_OPERATIONS = 10_000

_NEEDS: Mapping[str, str] = {
    "add": "value",
    "remove": "",
    "replace": "value",
    "move": "from",
    "copy": "from",
    "test": "value",
}
"""What each operation needs beside its path."""


@dataclass(frozen=True, slots=True)
class _Operation:
    """One operation; ``place`` is where the patch has it, such as ``[2]``."""

    op: str
    path: tuple[str, ...]
    source: tuple[str, ...]
    value: Json
    place: str

    @property
    def at_path(self) -> str:
        return f"{self.place}/path"

    @property
    def at_source(self) -> str:
        return f"{self.place}/from"


@dataclass(frozen=True, slots=True)
class JsonPatch:
    """A JSON Patch that has been read."""

    operations: tuple[_Operation, ...]

    def apply(self, document: Json) -> Json:
        """Return what ``document`` becomes, as ``Patch`` says."""
        copier = Copier()
        try:
            work = _Work(copier.copy(document), copier)
            for operation in self.operations:
                _DOES[operation.op](work, operation)
        except RecursionError as error:
            raise Unpatchable("the patch nests the resource too deeply") from error
        return work.document


def json_patch(operations: Json) -> JsonPatch:
    """Return the patch that a decoded body says.

    Refuses: ``Malformed`` where it is no list, ``Invalid`` naming the faulty operation, ``TooCostly``.
    """
    if type(operations) is not list:
        raise Malformed("a JSON Patch is a list of operations")
    if len(operations) > MOST_OPERATIONS:
        raise TooCostly(f"the patch has more than {MOST_OPERATIONS} operations")
    return JsonPatch(tuple(_read(operation, f"[{index}]") for index, operation in enumerate(operations)))


def _read(operation: Json, place: str) -> _Operation:
    if type(operation) is not dict:
        raise Invalid("an operation is an object", at=place)
    op = operation.get("op")
    if type(op) is not str or op not in _NEEDS:
        raise Invalid(f"op is one of {', '.join(_NEEDS)}", at=f"{place}/op")
    for name in filter(None, ("path", _NEEDS[op])):
        if name not in operation:
            raise Invalid(f"{op} needs {name!r}", at=f"{place}/{name}")
    path = steps_of(operation["path"], f"{place}/path")
    source = steps_of(operation["from"], f"{place}/from") if _NEEDS[op] == "from" else ()
    if op == "move" and len(source) < len(path) and path[: len(source)] == source:
        raise Invalid("a value cannot be moved into itself", at=f"{place}/path")
    return _Operation(op, path, source, operation.get("value"), place)


@dataclass(slots=True)
class _Work:
    """A document under change, its own in all its parts."""

    document: Json
    copier: Copier = field(default_factory=Copier)

    def add(self, operation: _Operation) -> None:
        self._put(operation, self.copier.copy(operation.value))

    def remove(self, operation: _Operation) -> None:
        self._take(operation.path, operation.at_path)

    def replace(self, operation: _Operation) -> None:
        value = self.copier.copy(operation.value)
        if not operation.path:
            self.document = value
            return
        holder, key = self._holder(operation.path, operation.at_path)
        holder[key] = value

    def move(self, operation: _Operation) -> None:
        value_at(self.document, operation.source, operation.at_source)
        if operation.source != operation.path:
            self._put(operation, self._take(operation.source, operation.at_source))

    def copy(self, operation: _Operation) -> None:
        self._put(operation, self.copier.copy(value_at(self.document, operation.source, operation.at_source)))

    def test(self, operation: _Operation) -> None:
        if not equal(value_at(self.document, operation.path, operation.at_path), operation.value):
            raise TestFailed("the value is not the one that the test expects", at=operation.at_path)

    def _put(self, operation: _Operation, value: Json) -> None:
        if not operation.path:
            self.document = value
            return
        *way, last = operation.path
        holder = value_at(self.document, way, operation.at_path)
        if type(holder) is dict:
            holder[last] = value
        elif type(holder) is list:
            index = len(holder) if last == "-" else index_of(last, len(holder) + 1, operation.at_path)
            holder.insert(index, value)
        else:
            raise Unpatchable("only objects and lists can be added to", at=operation.at_path)

    def _take(self, path: Sequence[str], at: str) -> Json:
        if not path:
            raise Unpatchable("the whole resource cannot be taken away", at=at)
        holder, key = self._holder(path, at)
        return holder.pop(key)

    def _holder(self, path: Sequence[str], at: str) -> tuple[Json, str | int]:
        """Return the object or list that has the value at ``path``, and under which key."""
        *way, last = path
        holder = value_at(self.document, way, at)
        value_at(holder, [last], at)
        return holder, index_of(last, len(holder), at) if type(holder) is list else last


_DOES: Mapping[str, Callable[[_Work, _Operation], None]] = {
    "add": _Work.add,
    "remove": _Work.remove,
    "replace": _Work.replace,
    "move": _Work.move,
    "copy": _Work.copy,
    "test": _Work.test,
}


def equal(one: Json, other: Json) -> bool:
    """Whether two values are equal as RFC 6902 section 4.6 says: numbers by value, 1.0 equals 1; texts exactly."""
    if type(one) is dict and type(other) is dict:
        return one.keys() == other.keys() and all(equal(value, other[name]) for name, value in one.items())
    if type(one) is list and type(other) is list:
        return len(one) == len(other) and all(map(equal, one, other))
    if type(one) in (int, Decimal) and type(other) in (int, Decimal):
        return bool(one == other)
    return type(one) is type(other) and bool(one == other)
