"""Search parameters as this server understands them: which elements each one looks at. Words only.

A parameter is a union of branches; a branch is one element, named by its path without filters on its type, so that
parameters that look at the same element (``subject`` and ``patient``) share one place in the index.
"""

from dataclasses import dataclass

from polyclinic.fhir.path.tree import Expression
from polyclinic.fhir.search.steps import Place


@dataclass(frozen=True, slots=True)
class Branch:
    """One element that a parameter looks at.

    ``places`` are the JSON walks to it; ``target`` is the one resource type that a reference must lead to, if the
    parameter says so; ``systems`` is None where a value carries its own code system, else the systems that
    its element is bound to. Where only FHIRPath can tell the values, by ``expression``, places only tell their types.
    """

    path: str
    places: tuple[Place, ...]
    target: str | None = None
    systems: frozenset[str] | None = None
    expression: Expression | None = None

    @property
    def types(self) -> frozenset[str]:
        """The data types found there."""
        return frozenset(place.type for place in self.places)


@dataclass(frozen=True, slots=True)
class Focus:
    """One element on which the parts of a composite parameter must hold together.

    ``places`` are the walks to it, ``parts`` are parameters relative to it. Where it can occur once only the parts
    are asked of the resource, each for itself; where it ``repeats``, pairs of their values are kept. The first
    ``outer`` parts are not of the element but of the resource, once for all elements.
    """

    places: tuple[Place, ...]
    parts: tuple["Parameter", ...]
    repeats: bool
    outer: int = 0

    @property
    def inner(self) -> tuple["Parameter", ...]:
        """The parts of the element."""
        return self.parts[self.outer :]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of one resource type; ``targets`` are the types that a reference may lead to.

    ``foci`` are those of a composite, which has no branches. ``custom`` tells that it is not one of R4.
    """

    code: str
    type: str
    branches: tuple[Branch, ...]
    targets: tuple[str, ...] = ()
    url: str | None = None
    foci: tuple[Focus, ...] = ()
    documentation: str = ""
    custom: bool = False

    @property
    def follows(self) -> bool:
        """Whether it finds references that lead to resources."""
        return any("Reference" in branch.types for branch in self.branches)


def paths_present(parameter: Parameter) -> tuple[str, ...]:
    """Return the paths that a resource has (see ``Entries.present``) if ``parameter`` finds anything in it."""
    found = [_present(branch) for branch in parameter.branches]
    for focus in parameter.foci:
        found += [_present(branch) for branch in focus.inner[0].branches]
    return tuple(dict.fromkeys(found))


def _present(branch: Branch) -> str:
    return target_path(branch.path, branch.target) if branch.target else branch.path


def target_path(path: str, target: str) -> str:
    """Return the path of references at ``path`` that lead to a ``target``."""
    return f"{path}:{target}"
