"""Whole requests and Bundles of them: any method, any path, any parameters, any body."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from hypothesis import strategies as st

from . import bodies
from .values import CONTROLS, HEADERS, MODIFIERS, headers, texts

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
IDS = [
    "1",
    "demo-01",
    "a" * 64,
    "a" * 65,
    "x_y",
    "%00",
    "%ff",
    "..",
    "a%2Fb",
    "~",
    "",
    "\u00e9",
    "1|2",
    "Patient",
    "_history",
    "-.-",
]
OPERATIONS = [
    "$everything",
    "$validate",
    "$meta",
    "$meta-add",
    "$meta-delete",
    "$lastn",
    "$reindex",
    "$x",
    "$",
    "$$",
    "$a/b",
    "$graphql",
]
VERSIONS = ["1", "2", "0", "-1", "99999999999999999999", "x", "1.0", ""]
TYPES = [
    "Patient",
    "Observation",
    "Encounter",
    "Bundle",
    "Binary",
    "Parameters",
    "SearchParameter",
    "Group",
    "Task",
    "Questionnaire",
]


class Told:
    """What the server told of itself; its repr stays short.

    ``codes`` are by resource type the codes of its search parameters, ``pages`` the targets of links to a next page.
    """

    def __init__(self, codes: Mapping[str, tuple[str, ...]], pages: Sequence[str]) -> None:
        self.codes, self.pages = codes, pages

    def __repr__(self) -> str:
        return "Told(...)"


@dataclass(slots=True)
class Wild:
    """One request. ``target`` is the path below the server's root with its query, percent-encoded."""

    method: str
    target: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""


def types(told: Told):
    return st.one_of(
        st.sampled_from(TYPES),
        st.sampled_from(sorted(told.codes)),
        st.sampled_from(["patient", "Nothing", "_", "Résumé"]),
    )


@st.composite
def paths(draw, told: Told) -> str:
    """A path below the FHIR base, mostly of a form that FHIR knows."""
    type, id = draw(types(told)), draw(st.sampled_from(IDS))
    other, operation = draw(st.sampled_from([*TYPES, "*"])), draw(st.sampled_from(OPERATIONS))
    forms = [
        type, type, f"{type}/{id}", f"{type}/{id}", f"{type}/{id}/_history",
        f"{type}/{id}/_history/{draw(st.sampled_from(VERSIONS))}",
        f"{type}/_history", f"{type}/_search", f"{type}/{id}/{other}", f"{type}/{id}/{operation}",
        f"{type}/{operation}", operation, "",
        "_history", "_search", "metadata", f"{type}/{id}/{other}/_search", f"{type}//{id}", f"{type}/{id}/",
        "a/b/c/d/e/f",
    ]  # fmt: skip
    return draw(st.sampled_from(forms))


@st.composite
def names(draw, told: Told, type: str) -> str:
    """The name of a parameter, with or without a modifier or a chain."""
    codes = told.codes.get(type) or ("name",)
    name = draw(
        st.one_of(st.sampled_from(codes), st.sampled_from(codes), st.sampled_from(CONTROLS), st.text(max_size=8))
    )
    match draw(st.integers(0, 6)):
        case 0:
            return f"{name}:{draw(st.sampled_from(MODIFIERS))}"
        case 1:
            return f"{name}.{draw(st.sampled_from(codes))}"
        case _:
            return name


@st.composite
def queries(draw, told: Told, path: str, most: int = 4) -> str:
    """A query, percent-encoded; now and then what it encodes is no UTF-8."""
    type = path.partition("/")[0]
    pairs = draw(st.lists(st.tuples(names(told, type), texts), max_size=most))
    query = "&".join(f"{quote(name, safe=':.')}={quote(value, safe='|,:/')}" for name, value in pairs)
    return draw(
        st.sampled_from([query] * 12 + [query + "&name=%ff", query + "&%", query + "&&=&", query + "&name=%ED%A0%80"])
    )


@st.composite
def pages(draw, told: Told) -> Wild:
    """A link to a next page, with some of its characters changed; what is left of it is asked for."""
    page = draw(st.sampled_from(told.pages))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(page.find("?"), len(page)))
        put_in = draw(st.sampled_from(["", "A", "0", "-", "_", ".", "%00", "%ff", "=", "&", "a" * 300]))
        page = page[:at] + put_in + page[at + draw(st.integers(0, 3)) :]
    return Wild("GET", page)


@st.composite
def requests(draw, told: Told) -> Wild:
    """Any request."""
    path = draw(paths(told))
    target = "/fhir/" + quote(path, safe="/%$*:@!~._-|")
    query = draw(queries(told, path))
    method = draw(st.sampled_from(METHODS))
    form = method == "POST" and path.endswith("_search") and draw(st.integers(0, 3))
    if form:
        kind = [("Content-Type", "application/x-www-form-urlencoded")]
        return Wild(method, target, kind, draw(queries(told, path)).encode())
    if query:
        target += f"?{query}"
    body = draw(wild_bodies(told)) if method not in ("GET", "HEAD", "TRACE") else b""
    return Wild(method, target, draw(headers(sound=draw(st.booleans()))), body)


@st.composite
def kept_resources(draw, told: Told) -> Wild:
    """A create or update whose frame is sound, so that what is wrong is wrong in the resource."""
    resource = draw(bodies.resources())
    type = resource.get("resourceType") if isinstance(resource.get("resourceType"), str) else "Patient"
    path, method = quote(f"/fhir/{type}"), "POST"
    if isinstance(resource.get("id"), str) and draw(st.booleans()):
        path, method = quote(f"/fhir/{type}/{resource['id'][:100]}", "/", errors="replace"), "PUT"
    body = bodies.said(resource)
    if draw(st.integers(0, 4)) == 0:
        body = draw(bodies.garbled(body))
    return Wild(method, path, draw(headers(sound=True)), body)


@st.composite
def patching(draw, told: Told) -> Wild:
    """A patch of any kind."""
    kind = draw(st.sampled_from(HEADERS["Content-Type"]))
    body = bodies.said(draw(st.one_of(bodies.patches(), bodies.json_values)))
    path = draw(st.sampled_from(["Patient/wild", "Patient?identifier=wild|1", "Patient/nobody", "Observation?code=1"]))
    return Wild("PATCH", f"/fhir/{path}", [("Content-Type", kind), *draw(headers())[:1]], body)


@st.composite
def entries(draw, told: Told) -> object:
    """An entry of a Bundle, mostly of the form that Bundles want."""
    path = draw(paths(told))
    query = draw(queries(told, path, 2))
    url = f"{path}?{query}" if query else path
    verb = draw(st.sampled_from([*METHODS[:6], "FROB"]))
    resource = draw(st.one_of(bodies.resources(), bodies.patches()))
    if verb in ("POST", "PUT") and isinstance(resource, dict) and draw(st.integers(0, 2)):
        url = f"{resource.get('resourceType')}" + (f"/{resource.get('id')}" if verb == "PUT" else "")
    addresses = ["urn:uuid:a", "urn:uuid:b", "http://x/fhir/Patient/1", "Patient/1", "", 5]
    entry = {"fullUrl": draw(st.sampled_from(addresses)), "resource": resource, "request": {"method": verb, "url": url}}
    if draw(st.booleans()):
        condition = draw(st.sampled_from(["ifNoneExist", "ifMatch", "ifNoneMatch", "ifModifiedSince"]))
        entry["request"][condition] = draw(
            st.one_of(st.sampled_from(HEADERS["If-None-Exist"] + HEADERS["If-Match"]), texts)
        )
    if verb in ("GET", "DELETE", "HEAD") and draw(st.booleans()):
        del entry["resource"]
    return entry if draw(st.integers(0, 12)) else draw(bodies.json_values)


@st.composite
def bundles(draw, told: Told) -> Wild:
    """A batch or transaction, or something like it."""
    kind = draw(st.sampled_from(["batch", "batch", "transaction", "transaction", "transaction", "history", 5, ""]))
    listed = draw(st.lists(entries(told), max_size=5))
    body = bodies.said({"resourceType": "Bundle", "type": kind, "entry": listed})
    if draw(st.integers(0, 9)) == 0:
        body = draw(bodies.garbled(body))
    return Wild("POST", "/fhir", draw(headers(sound=True)), body)


def wild_bodies(told: Told):
    return st.one_of(
        st.sampled_from(bodies.BYTES + bodies.NESTED + [b'"' + s.encode() for s in bodies.SURROGATES]),
        bodies.resources().map(bodies.said),
        bodies.resources().map(bodies.said).flatmap(bodies.garbled),
        bodies.json_values.map(bodies.said),
        bodies.patches().map(bodies.said),
        st.binary(max_size=50),
    )
