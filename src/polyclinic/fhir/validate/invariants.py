"""Invariants of R4: those in Python where there are such, all others through FHIRPath.

Native ones are judged where they are met. FHIRPath ones need %resource: they travel up as a ``Judgement`` and
are judged when the resource around them is known.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from polyclinic.fhir.definitions import Invariant, ancestors, structure
from polyclinic.fhir.path import PathError, compile_path
from polyclinic.fhir.validate import native_resources, native_types
from polyclinic.fhir.validate.findings import Check, Finding, Found, Judgement
from polyclinic.fhir.validate.native import Holds

# Judged by the form of JSON, by the narrative's own reader, or by the resource that contains others.
ELSEWHERE = frozenset({"ele-1", "ref-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5"})

NATIVES: Mapping[tuple[str, str], Holds] = {**native_types.NATIVES, **native_resources.NATIVES}

Declared = tuple[str, Invariant]
"""An invariant with the path of the element that declares it."""


def judge_object(type_name: str, *, warnings: bool) -> Check | None:
    """Return the check of the invariants of a type, None where it has none."""
    declared = [(name, rule) for name in ancestors(type_name) for rule in structure(name).invariants]
    return _judge(declared, type_name, warnings=warnings)


def judge_element(check: Check, path: str, type_name: str, rules: Sequence[Invariant], *, warnings: bool) -> Check:
    """Return ``check``, followed by the invariants that the element at ``path`` adds to those of its type."""
    declared = [("" if ("", rule.key) in NATIVES else path, rule) for rule in rules]
    judge = _judge(declared, type_name, warnings=warnings)
    return _both(check, judge) if judge else check


def _both(first: Check, second: Check) -> Check:
    def both(value: Any, owner: dict[str, Any]) -> Found | None:
        found, more = first(value, owner), second(value, owner)
        return found + more if found and more else found or more

    return both


def _judge(declared: Sequence[Declared], type_name: str, *, warnings: bool) -> Check | None:
    counted = [(path, rule) for path, rule in declared if rule.key not in ELSEWHERE]
    counted = [(path, rule) for path, rule in counted if warnings or rule.severity == "error"]
    natives = tuple((rule, NATIVES[path, rule.key]) for path, rule in counted if (path, rule.key) in NATIVES)
    others = tuple(rule for path, rule in counted if (path, rule.key) not in NATIVES)

    def judge(value: Any, owner: dict[str, Any]) -> Found | None:
        found: Found | None = None
        for rule, holds in natives:
            answer = type(value) is not dict or holds(value)
            if not answer:
                unsure = answer is None
                found = [*(found or ()), Judgement(value, type_name, (rule,)) if unsure else refusal(rule)]
        return [*(found or ()), Judgement(value, type_name, others)] if others else found

    return judge if counted else None


def refusal(rule: Invariant) -> Finding:
    """Return the finding that an invariant is broken."""
    return Finding("invariant", f"{rule.key}: {rule.human}", severity=rule.severity)


def judge_by_path(judgement: Judgement, resource: dict[str, Any], root: dict[str, Any]) -> Iterator[Finding]:
    """Return the invariants that FHIRPath finds broken, with %resource and %rootResource known.

    One that cannot be evaluated (a step meets several values where R4's expression counts on one) is not broken.
    """
    node, name = judgement.node, judgement.type
    for rule in judgement.invariants:
        try:
            holds = compile_path(rule.expression).test(node, type=name, resource=resource, root_resource=root)
        except PathError:
            continue
        if not holds:
            finding = refusal(rule)
            finding.where = judgement.where
            yield finding
