"""The search parameters that are known, by type: those of R4, and with them those that somebody has defined here."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from polyclinic.fhir import definitions
from polyclinic.fhir.definitions import SearchParameter
from polyclinic.fhir.search.branches import branches_defined, branches_of_r4
from polyclinic.fhir.search.composites import foci_of
from polyclinic.fhir.search.emit import EMITTED
from polyclinic.fhir.search.parameters import Branch, Parameter
from polyclinic.fhir.search.steps import Field, Place

_BASE = "http://hl7.org/fhir/SearchParameter"
_SPECIAL = {
    "_id": Parameter("_id", "special", (), url=f"{_BASE}/Resource-id"),
    "_lastUpdated": Parameter("_lastUpdated", "special", (), url=f"{_BASE}/Resource-lastUpdated"),
    "_content": Parameter("_content", "special", (), url=f"{_BASE}/Resource-content"),
    "_text": Parameter("_text", "special", (), url=f"{_BASE}/DomainResource-text"),
}
SPECIAL_TYPES = MappingProxyType({"_id": "token", "_lastUpdated": "date", "_content": "string", "_text": "string"})
"""The type by which R4 defines the parameters that have a meaning of their own."""
NEVER_KEPT = frozenset({"OperationOutcome", "Parameters"})
"""Resource types that are only sent: nothing can be found among them."""


class Vocabulary:
    """The known search parameters. ``custom`` are further ones by resource type; they never replace one of R4.

    ``base`` is our own address with a slash at its end: references below it are taken as relative ones.

    ``number`` tells vocabularies of one service apart: what was indexed with a lower one may lack a custom parameter.
    ``kept`` are the resource types that are kept where this is the vocabulary; all others are ``away``.
    """

    def __init__(
        self,
        custom: Mapping[str, Sequence[SearchParameter]] | None = None,
        number: int = 0,
        base: str = "",
        kept: frozenset[str] = definitions.RESOURCE_TYPES,
    ) -> None:
        self.custom = MappingProxyType(dict(custom or {}))
        self.number = number
        self.base = base
        self.kept = kept
        self.away = definitions.RESOURCE_TYPES - NEVER_KEPT - kept
        self._by_type: dict[str, Mapping[str, Parameter]] = {}

    def of(self, type: str) -> Mapping[str, Parameter]:
        """Return the parameters by which resources of ``type`` can be searched, by code."""
        found = self._by_type.get(type)
        if found is None:
            found = self._by_type[type] = self._of(type)
        return found

    def _of(self, type: str) -> Mapping[str, Parameter]:
        known = _of_r4(type)
        if type not in self.custom:
            return known
        own = [understood(d, type, custom=True) for d in self.custom[type] if d.code not in known]
        # those of R4 first: where both look at one element, theirs tells the clinical date
        return MappingProxyType({**known, **{each.code: each for each in own if each}})


class Noting(Vocabulary):
    """A vocabulary that notes which parameters that somebody has defined are asked for: type, and the parameter."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__(vocabulary.custom, vocabulary.number, vocabulary.base, vocabulary.kept)
        self._vocabulary = vocabulary
        self.noted: dict[tuple[str, str], Parameter] = {}

    def of(self, type: str) -> Mapping[str, Parameter]:
        """Return the parameters of ``type``, whose use is noted."""
        known = self._vocabulary.of(type)
        return _Noted(type, known, self.noted) if type in self.custom else known


class _Noted(Mapping[str, Parameter]):
    def __init__(self, type: str, known: Mapping[str, Parameter], noted: dict[tuple[str, str], Parameter]) -> None:
        self._type, self._known, self._noted = type, known, noted

    def __getitem__(self, code: str) -> Parameter:
        found = self._known[code]
        if found.custom:
            self._noted[self._type, code] = found
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


@cache
def _of_r4(type: str) -> Mapping[str, Parameter]:
    defined = definitions.search_parameters(type)
    found = {code: parameter for code, parameter in _SPECIAL.items() if code in defined}
    for code, definition in defined.items():
        if code not in found and (made := understood(definition, type)):
            found[code] = made
    for code, definition in defined.items():
        if definition.type == "composite" and (foci := foci_of(definition, type, found)):
            found[code] = Parameter(code, "composite", (), url=definition.url, foci=foci)
    return MappingProxyType(found)


R4 = Vocabulary()
"""The search parameters of R4 and no others."""


def understood(definition: SearchParameter, type: str, *, custom: bool = False) -> Parameter | None:
    """Return ``definition`` as it applies to resources of ``type``; None where this server cannot follow it.

    Raises: ``Unfollowable``, saying why, for a ``custom`` one.
    """
    if definition.code == "near":
        position = Branch("Location.position", (Place((Field("position"),), "Location.position"),))
        return Parameter("near", "special", (position,), url=definition.url)
    if definition.type not in EMITTED or not definition.expression:
        return None
    branches = branches_defined(definition, type) if custom else tuple(branches_of_r4(definition, type))
    if not branches:
        return None
    targets = definition.targets or tuple(sorted(definitions.RESOURCE_TYPES))
    return Parameter(
        definition.code,
        definition.type,
        branches,
        targets,
        definition.url,
        documentation=definition.expression,
        custom=custom,
    )
