"""What is asked of a resource on the other end of a reference: chains, ``_has`` and ``_list``.

Source: https://hl7.org/fhir/R4/search.html#chaining, #has and lifecycle.html#current
"""

from collections.abc import Callable

from polyclinic.fhir import definitions
from polyclinic.fhir.outcome import NotSupported, Unacceptable
from polyclinic.fhir.search.clauses import AnyOf, Clause, Ids, Linked, LinkedFrom
from polyclinic.fhir.search.meaning.asked import Unknown, plain
from polyclinic.fhir.search.parameters import Parameter
from polyclinic.fhir.search.vocabulary import NEVER_KEPT, Vocabulary

DEEPEST = 10
"""References that one chain may follow."""

Inner = Callable[[str, str, str], Clause]
"""Makes the clause of resource type, parameter name (with what follows) and value: what is asked at the other end."""


def chain(vocabulary: Vocabulary, type: str, name: str, value: str, inner: Inner) -> Clause:
    """Return what ``subject:Patient.name=x`` asks of a ``type``; without a target all fitting ones are meant.

    Raises: ``NotSupported`` or ``Unacceptable`` naming the parameter.
    """
    head, _, rest = name.partition(".")
    code, _, target = head.partition(":")
    parameter = reference_of(vocabulary, type, code, name)
    if name.count(".") > DEEPEST:
        raise Unacceptable(f"{name[:64]}... follows more than {DEEPEST} references", at=name)
    if target and target not in parameter.targets:
        raise Unacceptable(f"{code} of {type} never refers to a {target[:64]}", at=name)
    targets = (target,) if target else _answering(vocabulary, parameter, rest)
    if not targets:
        raise Unknown(name, f"nothing that {code} of {type} refers to has a search parameter {rest[:64]}")
    found = tuple(
        Linked(code, paths, (one,), (inner(one, rest, value),))
        for one in targets
        if (paths := tuple(b.path for b in parameter.branches if b.target in (None, one)))
    )
    return found[0] if len(found) == 1 else AnyOf(code, tuple((each,) for each in found))


def reference_of(vocabulary: Vocabulary, type: str, code: str, name: str) -> Parameter:
    """Return the reference parameter ``code`` of ``type``. Raises: ``NotSupported`` or ``Unacceptable``."""
    parameter = vocabulary.of(type).get(code)
    if parameter is None:
        raise Unknown(name, f"{type} has no search parameter {code[:64]}")
    if parameter.type != "reference":
        raise Unacceptable(f"{code} of {type} is a {parameter.type}, not a reference that could be followed", at=name)
    return parameter


def _answering(vocabulary: Vocabulary, parameter: Parameter, rest: str) -> tuple[str, ...]:
    """Return the targets that have the parameter which ``rest`` begins with."""
    code = rest.partition(".")[0].partition(":")[0]
    aimed = {branch.target for branch in parameter.branches}
    targets = tuple(t for t in parameter.targets if (None in aimed or t in aimed) and t not in NEVER_KEPT)
    if code == "_has":
        return targets
    return tuple(target for target in targets if code in vocabulary.of(target))


def has(vocabulary: Vocabulary, types: tuple[str, ...], name: str, value: str, inner: Inner) -> LinkedFrom:
    """Return what ``_has:Observation:patient:code=x`` asks: a resource that refers here and answers to the rest."""
    parts = name.split(":", 3)
    if len(parts) != 4 or not parts[3]:
        raise Unacceptable(f"{name[:200]} is to be _has:[type]:[reference]:[parameter]", at=name)
    _, source, code, rest = parts
    if source not in definitions.RESOURCE_TYPES:
        raise Unacceptable(f"{source[:64]!r} is no resource type of FHIR R4", at=name)
    if name.count("_has:") > DEEPEST:
        raise Unacceptable(f"_has is nested more than {DEEPEST} times", at="_has")
    parameter = reference_of(vocabulary, source, code, name)
    if not set(types) & set(parameter.targets):
        raise Unacceptable(f"{code} of {source} never refers to a {' or '.join(types)[:200]}", at=name)
    paths = tuple(b.path for b in parameter.branches if b.target is None or b.target in types)
    return LinkedFrom("_has", paths, source, (inner(source, rest, value),))


def listed(value: tuple[str, ...]) -> LinkedFrom:
    """Return what ``_list=42`` asks: whatever the List 42 has among its entries."""
    ids = tuple(plain(each).removeprefix("List/") for each in value)
    for id in ids:
        if id.startswith("$"):
            raise NotSupported(f"the functional list {id[:64]} is not kept here; name a List by its id", at="_list")
    return LinkedFrom("_list", ("List.entry.item",), "List", (Ids(ids),))
