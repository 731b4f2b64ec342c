"""Links inside a resource: references, addresses and narrative links, found by type and rewritten in place.

Only what R4 calls a link is touched: ``Reference.reference``, elements of type uri, url, oid and uuid, and ``href``
and ``src`` in narrative. An ``Identifier.value`` that looks like one stays as it is.
Source: https://hl7.org/fhir/R4/http.html#trules
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from polyclinic.fhir import definitions

_LINK, _NARRATIVE = "link", "narrative"
_LINKS = frozenset({"uri", "url", "oid", "uuid"})
_CONDITION = re.compile(r"[A-Z][A-Za-z]+\?.")
_ATTRIBUTE = re.compile(r"""(\b(?:href|src)\s*=\s*)(["'])(.*?)\2""")


@dataclass(frozen=True, slots=True)
class ConditionalReference:
    """A ``Reference`` whose ``reference`` is a search, such as ``Practitioner?identifier=x|1``."""

    holder: dict[str, Any]

    @property
    def search(self) -> str:
        """The search that names the resource meant."""
        return str(self.holder["reference"])

    def point_to(self, address: str) -> None:
        """Let the reference name a resource."""
        self.holder["reference"] = address


@dataclass(slots=True)
class Relinking:
    """Rewrites links by ``renamed``; gathers conditional references on the way.

    ``base`` is what relative references of the resource in hand are relative to, with a slash at its end.
    """

    renamed: Mapping[str, str]
    base: str = ""
    conditional: list[ConditionalReference] = field(default_factory=list)

    def relink(self, resource: dict[str, Any]) -> None:
        """Rewrite all links of ``resource``, in place. What is not shaped like FHIR is left to validation."""
        waiting = [(resource, "Resource")]
        while waiting:
            node, type_name = waiting.pop()
            if type_name == "Resource":
                type_name = str(node.get("resourceType"))
            elif type_name == "Reference":
                self._reference(node)
            if type_name in definitions.EVERY_TYPE:
                self._node(node, _linked(type_name), waiting)

    def _node(self, node: dict[str, Any], linked: Mapping[str, str], waiting: list[tuple[dict[str, Any], str]]) -> None:
        for name, value in node.items():
            kind = linked.get(name)
            if kind is None:
                continue
            if type(value) is dict:
                waiting.append((value, kind))
            elif type(value) is list:
                for index, item in enumerate(value):
                    if type(item) is dict:
                        waiting.append((item, kind))
                    elif kind is _LINK and type(item) is str:
                        value[index] = self.renamed.get(item, item)
            elif type(value) is str:
                node[name] = self._text(value, kind)

    def _text(self, value: str, kind: str) -> str:
        if kind is _LINK:
            return self.renamed.get(value, value)
        if kind is _NARRATIVE and ("href" in value or "src" in value):
            return _ATTRIBUTE.sub(self._attribute, value)
        return value

    def _attribute(self, found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}{self.renamed.get(found[3], found[3])}{found[2]}"

    def _reference(self, holder: dict[str, Any]) -> None:
        value = holder.get("reference")
        if type(value) is not str:
            return
        address = self.renamed.get(value) or (self.base and self.renamed.get(self.base + value))
        if address:
            holder["reference"] = address
        elif "?" in value and _CONDITION.match(value):
            self.conditional.append(ConditionalReference(holder))


@cache
def _linked(type_name: str) -> Mapping[str, str]:
    """Return which JSON properties of a type can hold links: by name, the type below or what the text is."""
    found = {}
    for name, described in definitions.properties(type_name).items():
        kind = definitions.structure(described.type).kind
        if described.type in _LINKS:
            found[name] = _LINK
        elif described.type == "xhtml":
            found[name] = _NARRATIVE
        elif kind == "primitive":
            found["_" + name] = "Element"
        else:
            found[name] = "Resource" if kind == "resource" else described.type
    return found
