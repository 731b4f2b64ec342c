"""Random values and modifiers for one search parameter, by its type."""

from dataclasses import dataclass

from hypothesis import strategies as st
from oracle.grammar import escape

from drawn import ELSEWHERE, HERE, IDS, NOWHERE
from drawn.pools import CODES, INSTANTS, NAMES, PLACES, SYSTEMS, TEXTS, TIMES, UCUM, URLS

PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
ASKED_TIMES = (*TIMES, "2013-01-14T10:00", "2013-01-14T08:00Z", "2013-01-14T08:00:00", "2014", "2100")
ASKED_NUMBERS = ("5", "5.4", "5.40", "5400", "0.0054", "5.4e-3", "1e2", "100", "99.5", "-1", "0")
ASKED_UNITS = ("", f"|{UCUM}|mg", f"|{UCUM}|g", f"|{UCUM}|[lb_av]", f"|{UCUM}|mm[Hg]", "||mg", "||mmHg",
               f"|{ELSEWHERE}|mg")  # fmt: skip
MISSING = st.sampled_from(("true", "false"))


@dataclass(frozen=True)
class Kind:
    """The type of a parameter, one alternative of its value, and the alternatives for each modifier."""

    name: str
    value: st.SearchStrategy[str]
    modified: dict[str, st.SearchStrategy[str]]

    @property
    def plain(self):
        """Draw no modifier and a list of alternatives."""
        return st.tuples(st.just(""), _listed(self.value))

    @property
    def asked(self):
        """Draw a modifier, empty for none, and a list of alternatives."""
        modified = [
            st.tuples(st.just(name), value if name == "missing" else _listed(value))
            for name, value in self.modified.items()
        ]
        return st.one_of(*[self.plain] * max(1, len(modified)), *modified)


def _listed(value):
    return st.lists(value, min_size=1, max_size=3).map(",".join)


def _beginnings(pool):
    """Draw a text of the pool, its beginning or its end, in another case; never blank."""
    cut = st.builds(lambda text, length: text[:length], st.sampled_from(pool), st.integers(1, 9))
    end = st.sampled_from(pool).map(lambda text: text[-3:])
    whole = st.sampled_from(pool)
    cased = st.builds(
        lambda text, change: change(text), cut | end | whole, st.sampled_from((str, str.upper, str.lower))
    )
    return cased.filter(str.strip).map(escape)


def string(pool=NAMES):
    exact = st.sampled_from(pool).map(escape)
    return Kind("string", _beginnings(pool), {"exact": exact, "contains": _beginnings(pool), "missing": MISSING})


def token(codes=CODES, systems=SYSTEMS, *, texts=(), identifiers=False, system_only=True):
    """Draw tokens; ``texts`` are searched by :text, ``identifiers`` have a type."""
    code = st.sampled_from(codes).map(escape)
    system = st.sampled_from(systems).map(escape) if systems else st.nothing()
    forms = [code, code, st.builds("{}|{}".format, system, code), code.map("|{}".format)]
    value = st.one_of(*forms, *([system.map("{}|".format)] if system_only and systems else []))
    modified = {"not": value, "missing": MISSING}
    if texts:
        modified["text"] = _beginnings(texts)
    if identifiers:
        modified["of-type"] = st.builds("{}|{}|{}".format, system, code, code)
    return Kind("token", value, modified)


def concept(codes=CODES):
    return token(codes, texts=TEXTS)


def code(codes, system=None):
    """Draw plain codes, which imply their system."""
    return token(codes, (system, ELSEWHERE) if system else (), system_only=False)


def reference(*types, identified=True):
    """Draw references to any of the types."""
    id = st.sampled_from((*IDS, NOWHERE))
    named = st.builds("{}/{}".format, st.sampled_from(types), id)
    value = st.one_of(id, named, named, named.map(f"{HERE}/{{}}".format), named.map(f"{ELSEWHERE}/{{}}".format))
    modified = {"missing": MISSING, **dict.fromkeys(types, id)}
    if identified:
        system, code = st.sampled_from(SYSTEMS).map(escape), st.sampled_from(CODES).map(escape)
        modified["identifier"] = st.one_of(
            st.builds("{}|{}".format, system, code), code.map("|{}".format), code, system.map("{}|".format)
        )
    return Kind("reference", value, modified)


def date():
    value = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(ASKED_TIMES))
    return Kind("date", value, {"missing": MISSING})


def instant():
    value = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from((*INSTANTS, "2013", "2013-01-14")))
    return Kind("date", value, {"missing": MISSING})


def number():
    value = st.builds("{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(ASKED_NUMBERS))
    return Kind("number", value, {"missing": MISSING})


def quantity():
    value = st.builds("{}{}{}".format, st.sampled_from(PREFIXES), st.sampled_from(ASKED_NUMBERS),
                      st.sampled_from(ASKED_UNITS))  # fmt: skip
    return Kind("quantity", value, {"missing": MISSING})


def uri(pool=URLS):
    value = st.sampled_from(pool).map(escape)
    url = st.sampled_from([text for text in pool if text.startswith("http") and "|" not in text])
    return Kind("uri", value, {"above": url, "below": url, "missing": MISSING})


def composite(*kinds):
    """Draw a part for each component."""
    return Kind("composite", st.tuples(*(kind.value for kind in kinds)).map("$".join), {})


def near():
    """Draw circles whose edges are far from every place."""
    circle = st.sampled_from(("0.5|km", "500|m", "3000|km", "3000", "2|[mi_i]"))
    return Kind("near", st.builds(lambda at, size: f"{at[0]}|{at[1]}|{size}", st.sampled_from(PLACES), circle), {})
