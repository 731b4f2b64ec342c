"""What is looked up whole: tokens, references, uris and ids.

Source: https://hl7.org/fhir/R4/search.html#token, #reference and #uri
"""

import re
from collections.abc import Iterator

from polyclinic.fhir.outcome import NotSupported
from polyclinic.fhir.search import terms
from polyclinic.fhir.search.clauses import Clause, Ids, Spelled, Terms
from polyclinic.fhir.search.meaning.asked import Asked, plain, split
from polyclinic.fhir.search.parameters import Branch
from polyclinic.fhir.search.values import fold

_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}\Z")


def token(asked: Asked) -> Clause:
    """Return what a token parameter asks."""
    asked.only("not", "text", "of-type")
    if asked.modifier == "text":
        return _display(asked)
    if asked.modifier == "of-type":
        return _of_type(asked)
    found = tuple(
        term for v in asked.values for branch in asked.parameter.branches for term in _token_terms(branch, v, asked)
    )
    return Terms(asked.code, found, negated=asked.modifier == "not")


def _token_terms(branch: Branch, value: str, asked: Asked) -> Iterator[str]:
    parts = [plain(part) for part in split(value, "|")]
    if len(parts) > 2:
        raise asked.wrong(value, "[system]|[code]")
    if len(parts) == 1:
        yield terms.code_term(branch.path, parts[0])
        return
    system, code = parts
    if branch.systems is not None:
        if code and (not system or system in branch.systems):
            yield terms.code_term(branch.path, code)
        elif system and not code and system in branch.systems:
            raise NotSupported(f"{asked.name} has codes of one system only: name a code", at=asked.name)
    elif code:
        yield terms.coding_term(branch.path, system, code)
    elif system:
        yield terms.system_term(branch.path, system)
    else:
        raise asked.wrong(value, "[system]|[code]")


def _of_type(asked: Asked) -> Terms:
    """Return what ``identifier:of-type=[system]|[code]|[value]`` asks."""
    branches = [branch for branch in asked.parameter.branches if "Identifier" in branch.types]
    if not branches:
        raise NotSupported(f"the modifier :of-type is for identifiers, which {asked.code} is not", at=asked.name)
    found = []
    for value in asked.values:
        parts = [plain(part) for part in split(value, "|")]
        if len(parts) != 3 or not all(parts):
            raise asked.wrong(value, "[system]|[code]|[value]")
        found += [terms.typed_identifier_term(branch.path, *parts) for branch in branches]
    return Terms(asked.code, tuple(found))


def _display(asked: Asked) -> Spelled:
    """Return what ``:text`` asks: a text beside the code or reference that begins with the value."""
    texts = tuple(fold(plain(value)) for value in asked.values)
    if not all(texts):
        raise asked.wrong("", "a text")
    return Spelled(asked.code, "display", _paths(asked), texts)


def reference(asked: Asked) -> Clause:
    """Return what a reference parameter asks."""
    kind = asked.modifier
    if kind == "text":
        return _display(asked)
    if kind == "identifier":
        return _identified(asked)
    if kind and kind not in asked.parameter.targets:
        asked.only(*asked.parameter.targets, "identifier", "text")
    found = tuple(
        dict.fromkeys(
            term
            for value in asked.values
            for branch in asked.parameter.branches
            for term in _reference_terms(branch, plain(value), kind, asked)
        )
    )
    return Terms(asked.code, found)


def _reference_terms(branch: Branch, value: str, kind: str, asked: Asked) -> Iterator[str]:
    types = branch.types
    if "canonical" in types or "uri" in types:
        yield terms.uri_term(branch.path, value)
    if "Reference" not in types:
        return
    targets = (branch.target,) if branch.target else asked.parameter.targets
    if _ID.match(value):
        for target in (kind,) if kind else targets:
            if target in targets:
                yield terms.reference_term(branch.path, f"{target}/{value}")
        return
    value = terms.reference_target(value, asked.base)
    named = terms.reference_type(value)
    if named is None and ":" not in value:
        raise asked.wrong(value, "an id, Type/id or an address")
    if named is None or ((not kind or named == kind) and named in targets):
        yield terms.reference_term(branch.path, value)


def _identified(asked: Asked) -> Terms:
    """Return what ``subject:identifier=[system]|[value]`` asks, or ``[value]`` of any system, or ``[system]|``."""
    found = []
    for value in asked.values:
        parts = [plain(part) for part in split(value, "|")]
        if len(parts) > 2 or not any(parts):
            raise asked.wrong(value, "[system]|[value], [value] or [system]|")
        found += [_identified_term(path, parts) for path in _paths(asked)]
    return Terms(asked.code, tuple(found))


def _identified_term(path: str, parts: list[str]) -> str:
    if len(parts) == 1:
        return terms.identified_anywhere_term(path, *parts)
    system, value = parts
    return terms.identified_term(path, system, value) if value else terms.identified_somehow_term(path, system)


def uri(asked: Asked) -> Clause:
    """Return what a uri parameter asks; ``:below`` finds what lies below the value, ``:above`` what it lies below."""
    asked.only("above", "below")
    values = [plain(value) for value in asked.values]
    if asked.modifier == "below":
        return Spelled(asked.code, "uri", _paths(asked), tuple(value.rstrip("/") for value in values))
    if asked.modifier == "above":
        values = [above for value in values for above in terms.at_and_above(value)]
    return Terms(asked.code, tuple(terms.uri_term(path, value) for value in values for path in _paths(asked)))


def _paths(asked: Asked) -> tuple[str, ...]:
    return tuple(branch.path for branch in asked.parameter.branches)


def ids(asked: Asked) -> Ids:
    """Return what ``_id`` asks; an id has no system, so it may be written as a code without one."""
    asked.only("not")
    return Ids(tuple(plain(value).removeprefix("|") for value in asked.values), negated=asked.modifier == "not")
