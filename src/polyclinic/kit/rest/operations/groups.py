"""Groups of Observations that are of one kind, told by their codes alone."""

from dataclasses import dataclass, field

import msgspec

from polyclinic.fhir.search.values import fold
from polyclinic.repository.model import Kept

Kind = tuple[str, str]
"""System and code, or a folded text after a system that no coding can have."""
_TEXT = "\0"


class _Coding(msgspec.Struct):
    system: str = ""
    code: str = ""


class _Concept(msgspec.Struct):
    coding: list[_Coding] = []
    text: str = ""

    def kinds(self) -> set[Kind]:
        """Return what tells which kind this is: its codings, or without any its text."""
        kinds = {(each.system, each.code) for each in self.coding if each.code}
        return kinds or ({(_TEXT, fold(self.text))} if self.text else set())


class _Coded(msgspec.Struct):
    """An Observation of which only the code is read."""

    code: _Concept = msgspec.field(default_factory=_Concept)


_coded = msgspec.json.Decoder(_Coded)


@dataclass(slots=True)
class _Group:
    kinds: set[Kind] = field(default_factory=set)
    items: list[tuple[int, Kept]] = field(default_factory=list)
    """In the order in which they were added, each with its place in it."""


@dataclass(slots=True)
class Groups:
    """The first ``most`` of each group, of what is added newest first.

    Two are of one group if they share a coding, also by way of a third; without any coding if they have the same
    text. What has neither is a group of its own.
    """

    most: int
    _added: int = 0
    _of: dict[Kind, _Group] = field(default_factory=dict)
    _groups: list[_Group] = field(default_factory=list)

    def add(self, kept: Kept) -> None:
        """Add one that is older than all before."""
        kinds = _coded.decode(kept.body or b"{}").code.kinds()
        group = self._group_of(kinds)
        if len(group.items) < self.most:
            group.items.append((self._added, kept))
        self._added += 1

    def items(self) -> list[Kept]:
        """Return what is in all groups, the group with the newest first."""
        groups = sorted(self._groups, key=lambda group: group.items[0][0])
        return [kept for group in groups for _, kept in group.items]

    def _group_of(self, kinds: set[Kind]) -> _Group:
        """Return the group of all of ``kinds``: a new one, the one they have, or the several they have as one."""
        found = list({id(self._of[kind]): self._of[kind] for kind in kinds if kind in self._of}.values())
        group = found[0] if found else _Group()
        if not found:
            self._groups.append(group)
        for other in found[1:]:
            self._groups = [each for each in self._groups if each is not other]
            group.kinds |= other.kinds
            group.items = sorted(group.items + other.items, key=lambda item: item[0])[: self.most]
        group.kinds |= kinds
        self._of.update(dict.fromkeys(group.kinds if len(found) > 1 else kinds, group))
        return group
