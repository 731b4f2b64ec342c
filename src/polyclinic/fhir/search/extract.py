"""Extraction: everything a resource is found by, in one walk over its JSON.

The walks of all parameters of a type are compiled once into a tree of closures; elements that a resource does not
have cost nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from typing import Any

from polyclinic.fhir.outcome import Refusal
from polyclinic.fhir.path import Node, compile_tree, json_of
from polyclinic.fhir.path.values import system_type
from polyclinic.fhir.search.clinical_date import CLINICAL_DATE
from polyclinic.fhir.search.composites import within
from polyclinic.fhir.search.emit import EMITTED, SYSTEM_TYPES, Emit, Entries
from polyclinic.fhir.search.labels import spelled
from polyclinic.fhir.search.pairs import pair, pairs_of
from polyclinic.fhir.search.parameters import Branch, Focus, Parameter
from polyclinic.fhir.search.steps import Field, Step, Where
from polyclinic.fhir.search.terms import COMPARTMENTS, contained_term, self_term
from polyclinic.fhir.search.vocabulary import R4, Vocabulary

Visit = Callable[[Any, Entries], None]

__all__ = ["Entries", "extract"]


def extract(resource: dict[str, Any], vocabulary: Vocabulary = R4) -> Entries:
    """Return what ``resource`` (valid R4, decimals as Decimal) is found by: its own type and those inside it, too."""
    type = resource["resourceType"]
    out = Entries(base=vocabulary.base)
    out.terms.add(type)
    visits, whole = _compiled(vocabulary if type in vocabulary.custom else R4, type)
    for name, value in resource.items():
        visit = visits.get(name)
        if visit is not None:
            visit(value, out)
    for visit in whole:
        visit(resource, out)
    if "meta" in resource:
        out.spellings.update(spelled(type, resource["meta"]))
    out.terms.update(pairs_of(type, out.terms))
    out.terms.update([contained_term(one["resourceType"]) for one in resource.get("contained", ())])
    if type in COMPARTMENTS and "id" in resource:
        out.terms.add(self_term(type, resource["id"]))
    return out


@dataclass(slots=True)
class _Node:
    """Where walks part: what is kept here, and the steps further in."""

    keep: list[Visit] = field(default_factory=list)
    further: dict[Step, "_Node"] = field(default_factory=dict)


@lru_cache(maxsize=2048)
def _compiled(vocabulary: Vocabulary, type: str) -> tuple[dict[str, Visit], tuple[Visit, ...]]:
    root, whole = _Node(), []
    seen: set[tuple[str, ...]] = set()
    dated = CLINICAL_DATE.get(type)
    for parameter in vocabulary.of(type).values():
        for branch in parameter.branches:
            if (branch.path, parameter.type) in seen:
                continue
            seen.add((branch.path, parameter.type))
            if branch.expression is not None:
                whole.append(_evaluated(branch, EMITTED[parameter.type]))
            for place in branch.places if branch.expression is None else ():
                emit = EMITTED[parameter.type][place.type]
                keep = _dated(branch.path, emit) if parameter.code == dated else _kept(branch.path, emit)
                _plant(root, place.steps).keep.append(keep)
        for focus in parameter.foci:
            parts = tuple(branch.path for part in focus.inner for branch in part.branches)
            if focus.repeats and parts not in seen:
                seen.add(parts)
                for place in focus.places:
                    _plant(root, place.steps).keep.append(_together(focus))
    visits = {step.name: _visit(node) for step, node in root.further.items() if isinstance(step, Field)}
    return visits, tuple(whole)


def _together(focus: Focus) -> Visit:
    """Keep the values of the second part of ``focus`` beside each one of the first, as found on the same element.

    Two numbers are kept as one span, from the first to the second.
    """
    first, second = (_visit(_planted(part)) for part in focus.inner)

    def keep(value: Any, out: Entries) -> None:
        left, right = Entries(base=out.base), Entries(base=out.base)
        first(value, left)
        second(value, right)
        for a in filter(_is_exact, left.terms):
            out.terms.update([pair(a, b) for b in right.terms])
            out.spans += [(within(path, a), low, high, unit, code) for path, low, high, unit, code in right.spans]
            out.texts.update([(within(path, a), folded, written) for path, folded, written in right.texts])
        for a, low, *_ in left.spans:
            out.spans += [(within(b, a), low, high, None, None) for b, high, *_ in right.spans]

    return keep


def _is_exact(term: str) -> bool:
    """Whether ``term`` names a code, a system or a target, and not only a display."""
    return term.partition("\0")[2][:1] in ("c", "s", "a", "r")


def _planted(part: Parameter) -> _Node:
    root = _Node()
    for branch in part.branches:
        for place in branch.places:
            _plant(root, place.steps).keep.append(_kept(branch.path, EMITTED[part.type][place.type]))
    return root


def _plant(root: _Node, steps: tuple[Step, ...]) -> _Node:
    node = root
    for step in steps:
        node = node.further.setdefault(step, _Node())
    return node


def _kept(path: str, emit: Emit) -> Visit:
    def keep(value: Any, out: Entries) -> None:
        emit(path, value, out)

    return keep


def _dated(path: str, emit: Emit) -> Visit:
    def keep(value: Any, out: Entries) -> None:
        before = len(out.spans)
        emit(path, value, out)
        for _, low, _, _, _ in out.spans[before:]:
            if low > -inf and (out.at is None or low < out.at):
                out.at = low

    return keep


def _evaluated(branch: Branch, emitted: Mapping[str, Emit]) -> Visit:
    assert branch.expression is not None  # the caller has seen to it
    expression = compile_tree(branch.expression)

    def keep(resource: Any, out: Entries) -> None:
        try:
            found = expression.select(resource)
        except Refusal:  # what cannot be told of this resource is not there to be found by
            return
        for item in found:
            emit, value = emitted.get(_type_of(item)), json_of(item)
            if emit is not None and value is not None:
                emit(branch.path, value, out)

    return keep


def _type_of(item: Any) -> str:
    """Return the data type of an element found, or as what a computed value is kept."""
    return item.shape.name if isinstance(item, Node) else SYSTEM_TYPES.get(f"System.{system_type(item)}", "")


def _visit(node: _Node) -> Visit:
    actions = (*node.keep, *(_further(step, _visit(child)) for step, child in node.further.items()))
    if len(actions) == 1:
        return _each(actions[0])

    def visit(value: Any, out: Entries) -> None:
        for item in value if type(value) is list else (value,):
            if item is not None:
                for action in actions:
                    action(item, out)

    return visit


def _each(action: Visit) -> Visit:
    def visit(value: Any, out: Entries) -> None:
        if type(value) is not list:
            action(value, out)
            return
        for item in value:
            if item is not None:
                action(item, out)

    return visit


def _further(step: Step, visit: Visit) -> Visit:
    match step:
        case Field(name):

            def go(value: Any, out: Entries) -> None:
                found = value.get(name)
                if found is not None:
                    visit(found, out)

        case Where(name, wanted):

            def go(value: Any, out: Entries) -> None:
                if value.get(name) == wanted:
                    visit(value, out)

    return go
