"""Random questions by family: single types of parameters, chains, reverse chains, includes, orders and the rest.

``LAST0`` to ``LAST9`` in a value stand for moments at which the resources were written.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st
from oracle import Definitions

from drawn import IDS, NOWHERE
from drawn.kinds import PREFIXES
from drawn.parameters import COMMON, PARAMETERS, SORTS

LAST = tuple(f"LAST{number}" for number in range(10))
LINKS = {
    type: {code: tuple(name for name in kind.modified if name[0].isupper()) or ("Practitioner", "Patient")
           for code, kind in known.items() if kind.name == "reference"}
    for type, known in PARAMETERS.items()
}  # fmt: skip
"""Type -> reference parameter -> the types it leads to."""
BACK = {
    type: tuple((source, code) for source, known in LINKS.items() for code, targets in known.items() if type in targets)
    for type in PARAMETERS
}
"""Type -> which parameters of which types lead to it."""
COMPARTMENTS = ("Patient", "Encounter", "Practitioner", "RelatedPerson", "Device")


@dataclass(frozen=True)
class Question:
    """A search of one type, or of all (None), with its parameters in order, perhaps within a compartment."""

    type: str | None
    pairs: tuple[tuple[str, str], ...] = ()
    compartment: tuple[str, str] | None = None

    @property
    def path(self) -> str:
        if self.compartment:
            return "/".join(("/fhir", *self.compartment, self.type or "*"))
        return f"/fhir/{self.type}" if self.type else "/fhir"

    @property
    def sort(self) -> str | None:
        return next((value for name, value in self.pairs if name == "_sort"), None)


Draw = Callable[[st.SearchStrategy], object]


def _pair(draw, type, *names, plain=False):
    """Draw one parameter of a type, of the named kinds if any are named, with modifier unless plain, and value."""
    known = {code: kind for code, kind in PARAMETERS[type].items() if not names or kind.name in names}
    code = draw(st.sampled_from(sorted(known)))
    modifier, value = draw(known[code].plain if plain else known[code].asked)
    return (f"{code}:{modifier}" if modifier else code), value


def of_kind(*names, plain=False):
    """Draw questions by one to three parameters of the kinds; plain ones have no modifiers."""
    types = [type for type, known in PARAMETERS.items() if any(kind.name in names for kind in known.values())]

    @st.composite
    def asked(draw):
        type = draw(st.sampled_from(types))
        return Question(type, tuple(_pair(draw, type, *names, plain=plain) for _ in range(draw(st.integers(1, 3)))))

    return asked()


@st.composite
def mixed(draw):
    """Draw questions by several parameters of any kind, one of them twice, perhaps."""
    type = draw(st.sampled_from(sorted(PARAMETERS)))
    return Question(type, tuple(_pair(draw, type) for _ in range(draw(st.integers(1, 4)))))


@st.composite
def about_meta(draw):
    """Draw questions by parameters that every resource has."""
    return Question(draw(st.sampled_from(sorted(PARAMETERS))), (_common(draw),))


def _common(draw):
    code = draw(st.sampled_from((*COMMON, "_lastUpdated")))
    if code == "_lastUpdated":
        return code, draw(st.builds("{}{}".format, st.sampled_from(PREFIXES[:-1]), st.sampled_from((*LAST, "2000"))))
    modifier, value = draw(COMMON[code].asked)
    return (f"{code}:{modifier}" if modifier else code), value


@st.composite
def listed(draw):
    """Draw questions for the members of Lists."""
    type = draw(st.sampled_from(("Patient", "Observation", "Condition", "Organization")))
    lists = ",".join(draw(st.lists(st.sampled_from((*IDS, NOWHERE)), min_size=1, max_size=2)))
    more = (_pair(draw, type, plain=True),) if draw(st.booleans()) else ()
    return Question(type, (("_list", lists), *more))


def _chain(draw, type, depth):
    """Draw the name of a chained parameter and its value, ``depth`` links long."""
    if depth == 0:
        return _pair(draw, type, "string", "token", "date", "number", "quantity", "reference", "uri", "near")
    code = draw(st.sampled_from(sorted(LINKS[type])))
    targets = LINKS[type][code]
    linked = [target for target in targets if LINKS[target] or depth == 1]
    if not linked:
        return _chain(draw, type, 0)
    target = draw(st.sampled_from(linked))
    name, value = _chain(draw, target, depth - 1)
    typed = len(targets) > 1 or draw(st.booleans())
    return f"{code}:{target}.{name}" if typed else f"{code}.{name}", value


@st.composite
def chained(draw):
    """Draw questions by what is referred to, one to three links away."""
    type = draw(st.sampled_from([type for type, known in LINKS.items() if known]))
    return Question(type, (_chain(draw, type, draw(st.integers(1, 3))),))


@st.composite
def chained_untyped(draw):
    """Draw chains over references to several types that say none: R4's own example is ``subject.name``."""
    return Question(
        *draw(
            st.sampled_from(
                [
                    ("Observation", (("subject.name", "an"),)),
                    ("Observation", (("performer.name", "an"),)),
                    ("Observation", (("subject.status", "active"),)),
                    ("Patient", (("general-practitioner.name", "an,mull"),)),
                    ("MedicationRequest", (("requester.identifier", "A"),)),
                    ("Provenance", (("target.status", "final"),)),
                    ("Observation", (("subject._id", "a"),)),
                ]
            )
        )
    )


def _reverse(draw, type, depth):
    """Draw the name of a reverse chain and its value."""
    source, code = draw(st.sampled_from(BACK[type]))
    if depth > 1 and BACK[source]:
        name, value = _reverse(draw, source, depth - 1)
    else:
        name, value = _chain(draw, source, draw(st.integers(0, 1)) if LINKS[source] else 0)
    return f"_has:{source}:{code}:{name}", value


@st.composite
def reverse_chained(draw):
    """Draw questions by what refers to the resource, nested up to three times, chains at the end."""
    type = draw(st.sampled_from([type for type, known in BACK.items() if known]))
    return Question(type, (_reverse(draw, type, draw(st.integers(1, 3))),))


def _directive(draw, type, *, iterates):
    """Draw one ``_include`` or ``_revinclude`` that starts from ``type``."""
    suffix = ":iterate" if iterates else ""
    if BACK[type] and draw(st.booleans()):
        source, code = draw(st.sampled_from(BACK[type]))
        code = draw(st.sampled_from((code, code, code, "*")))
        return f"_revinclude{suffix}", f"{source}:{code}"
    code = draw(st.sampled_from((*LINKS[type], "*")))
    target = draw(st.sampled_from(LINKS[type][code])) if code != "*" and draw(st.booleans()) else ""
    return f"_include{suffix}", f"{type}:{code}:{target}" if target else f"{type}:{code}"


@st.composite
def including(draw):
    """Draw questions that bring along what is referred to or refers, one step away."""
    type = draw(st.sampled_from(sorted(PARAMETERS)))
    more = [_directive(draw, type, iterates=False) for _ in range(draw(st.integers(1, 2)))]
    filter = (_pair(draw, type, plain=True),) if draw(st.booleans()) else ()
    return Question(type, (*filter, *more))


@st.composite
def including_again(draw):
    """Draw questions that go on from what they brought along."""
    type = draw(st.sampled_from(sorted(PARAMETERS)))
    name, value = _directive(draw, type, iterates=draw(st.booleans()))
    source, code, *target = value.split(":")
    further = source if name.startswith("_rev") else draw(st.sampled_from(target or _targets(type, code)))
    return Question(type, ((name, value), _directive(draw, further, iterates=True)))


def _targets(type, code):
    return LINKS[type].get(code) or sorted({name for names in LINKS[type].values() for name in names}) or [type]


@st.composite
def sorted_by(draw):
    """Draw questions with one to three keys of order."""
    type = draw(st.sampled_from(sorted(SORTS)))
    keys = draw(st.lists(st.sampled_from((*SORTS[type], "_id", "_lastUpdated")), min_size=1, max_size=3, unique=True))
    signed = ",".join(draw(st.sampled_from(("", "-"))) + key for key in keys)
    filter = (_pair(draw, type, plain=True),) if draw(st.integers(0, 2)) == 0 else ()
    return Question(type, (*filter, ("_sort", signed)))


@st.composite
def compartments(draw):
    """Draw questions within a compartment."""
    name = draw(st.sampled_from(COMPARTMENTS))
    type = draw(st.sampled_from(sorted(PARAMETERS.keys() & Definitions.compartment(name).keys())))
    filter = (_pair(draw, type, plain=True),) if draw(st.booleans()) else ()
    return Question(type, filter, (name, draw(st.sampled_from(IDS))))


@st.composite
def whole_compartments(draw):
    """Draw questions for all that is in a compartment, or for some types of it, by what all of them have."""
    name = draw(st.sampled_from(COMPARTMENTS))
    known = sorted(PARAMETERS.keys() & Definitions.compartment(name).keys())
    types = draw(st.lists(st.sampled_from(known), max_size=3, unique=True))
    chosen = (("_type", ",".join(types)),) if types else ()
    return Question(None, (*chosen, *_shared(draw)), (name, draw(st.sampled_from(IDS))))


@st.composite
def over_all_types(draw):
    """Draw questions over all types, by what all of them have, and in an order that all of them have."""
    return Question(None, (_common(draw), *_shared(draw)))


def _shared(draw):
    """Draw what may be asked of any type."""
    filter = (_common(draw),) if draw(st.booleans()) else ()
    order = draw(st.sampled_from(("", "_id,_lastUpdated", "-_lastUpdated,_id")))
    return (*filter, *([("_sort", order)] if order else []))


@st.composite
def over_types(draw):
    """Draw questions over several types, by what all of them have."""
    types = draw(st.lists(st.sampled_from(sorted(PARAMETERS)), min_size=1, max_size=3, unique=True))
    shared = sorted(set.intersection(*({*PARAMETERS[type]} for type in types)))
    pair = _common(draw)
    if shared and draw(st.booleans()):
        code = draw(st.sampled_from(shared))
        pair = (code, draw(PARAMETERS[types[0]][code].value))
    return Question(None, (("_type", ",".join(types)), pair))


@st.composite
def contained(draw):
    """Draw questions about resources inside others."""
    type = draw(st.sampled_from(("Practitioner", "Patient", "Observation", "Condition")))
    pairs = [_pair(draw, type) for _ in range(draw(st.integers(0, 2)))]
    how = [("_contained", draw(st.sampled_from(("true", "both"))))]
    how += draw(st.sampled_from(([], [("_containedType", "contained")], [("_containedType", "container")])))
    how += draw(st.sampled_from(([], [], [("_sort", "_lastUpdated")], [("_sort", "-_lastUpdated")], [("_id", "x,a")])))
    return Question(type, (*pairs, *how))


KINDS = ("string", "token", "reference", "date", "number", "quantity", "uri", "composite", "near")

FAMILIES = {
    **{name: of_kind(name, plain=True) for name in KINDS},
    **{f"{name} with modifiers": of_kind(name) for name in KINDS if name not in ("composite", "near")},
    "meta": about_meta(),
    "list": listed(),
    "mixed": mixed(),
    "chain": chained(),
    "untyped chain": chained_untyped(),
    "reverse chain": reverse_chained(),
    "include": including(),
    "iterate": including_again(),
    "sort": sorted_by(),
    "compartment": compartments(),
    "types": over_types(),
    "all types": over_all_types(),
    "whole compartment": whole_compartments(),
    "contained": contained(),
}
