"""Labels: the profiles, security labels and tags that resources of a type have in their meta, spelled for ``$meta``.

A profile is spelled as its canonical, the others as system, a blank (which no URI has) and code.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from polyclinic.fhir.search import terms

Kind = Literal["profile", "security", "tag"]
KINDS: tuple[Kind, ...] = ("profile", "security", "tag")
"""The elements of Meta that label a resource."""


@dataclass(frozen=True, slots=True)
class Label:
    """One label that resources of ``type`` have, or have had."""

    type: str
    kind: Kind
    spelled: str

    @property
    def term(self) -> str:
        """The term by which resources of any type with this label are found."""
        path = f"Resource.meta.{self.kind}"
        if self.kind == "profile":
            return terms.uri_term(path, self.spelled)
        system, _, code = self.spelled.partition(" ")
        return terms.coding_term(path, system, code)

    @property
    def json(self) -> str | dict[str, str]:
        """The label as meta has it."""
        if self.kind == "profile":
            return self.spelled
        system, _, code = self.spelled.partition(" ")
        return {"system": system, "code": code} if system else {"code": code}


def labels_path(type: str, kind: Kind) -> str:
    """Return the path under which the labels of a resource type are listed."""
    return terms.spelled_path(type, kind)


def spelled(type: str, meta: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the labels in the ``meta`` of a ``type``, each with its path; one without a code is none."""
    for profile in meta.get("profile", ()):
        yield labels_path(type, "profile"), profile
    for kind in KINDS[1:]:
        for coding in meta.get(kind, ()):
            if "code" in coding:
                yield labels_path(type, kind), f"{coding.get('system', '')} {coding['code']}"


def united(metas: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Return the labels of several ``metas``, each once, in the order of ``meta_of``."""
    pairs = [pair for meta in metas for pair in spelled("", meta)]
    kinds = {labels_path("", kind): kind for kind in KINDS}
    return meta_of([Label("", kinds[path], text) for path, text in pairs])


def meta_of(labels: Iterable[Label]) -> dict[str, list[Any]]:
    """Return a Meta with ``labels``, each once, in the order of their spelling."""
    made: dict[str, list[Any]] = {}
    for kind in KINDS:
        found = {each.spelled: each.json for each in labels if each.kind == kind}
        if found:
            made[kind] = [found[text] for text in sorted(found)]
    return made
