"""The interactions of FHIR REST: what is offered at each kind of address, and by which function.

The table here is also what ``GET metadata`` tells, so that the two cannot disagree.
Source: https://hl7.org/fhir/R4/http.html#summary
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from polyclinic import __version__
from polyclinic.fhir.capability import Offer, Promise, Software, capability_statement, tell_includes
from polyclinic.fhir.json import encode
from polyclinic.fhir.outcome import NotSupported, Refusal, Unacceptable, Unavailable
from polyclinic.fhir.search.includes import leads_to
from polyclinic.fhir.search.terms import COMPARTMENTS
from polyclinic.fhir.search.vocabulary import Vocabulary
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.statuses import MethodNotAllowed
from polyclinic.kit.logs import Log
from polyclinic.kit.rest.bundles import take_bundle
from polyclinic.kit.rest.endpoint import Endpoint, etag_of, http_date
from polyclinic.kit.rest.histories import history
from polyclinic.kit.rest.later import SEARCHES, Later
from polyclinic.kit.rest.operations import OPERATIONS, operate
from polyclinic.kit.rest.operations.model import Operation
from polyclinic.kit.rest.patching import patch, patch_where
from polyclinic.kit.rest.prefer import preferred
from polyclinic.kit.rest.reading import read, read_version
from polyclinic.kit.rest.searching import search, search_by_form, types_searched
from polyclinic.kit.rest.targets import OPERATION_KINDS, Kind, Target, target_of
from polyclinic.kit.rest.written import create, delete, delete_where, only, update, update_where
from polyclinic.repository import Repository

Handler = Callable[[Endpoint, Call, Target], Awaitable[Answer]]
Offered = Mapping[str, tuple[str, Handler]]
"""By method: the code of the interaction and who serves it."""
Advise = Callable[[Repository, Refusal], Awaitable[None]]
"""Adds to a refusal what could be asked for instead."""

OFFERED: Mapping[Kind, Offered] = {
    "instance": {
        "GET": ("read", read),
        "PUT": ("update", update),
        "PATCH": ("patch", patch),
        "DELETE": ("delete", delete),
    },
    "version": {"GET": ("vread", read_version)},
    "type": {
        "GET": ("search-type", search),
        "POST": ("create", create),
        "PUT": ("update", update_where),
        "PATCH": ("patch", patch_where),
        "DELETE": ("delete", delete_where),
    },
    "type-search": {"POST": ("search-type", search_by_form)},
    "base-search": {"POST": ("search-system", search_by_form)},
    "compartment": {"GET": ("search-compartment", search)},
    "compartment-search": {"POST": ("search-compartment", search_by_form)},
    "instance-history": {"GET": ("history-instance", history)},
    "type-history": {"GET": ("history-type", history)},
    "system-history": {"GET": ("history-system", history)},
}
"""What is offered for resources; the base and metadata are ``Interactions``' own."""

RULES = {
    "versioning": "versioned",
    "readHistory": True,
    "updateCreate": True,
    "conditionalCreate": True,
    "conditionalRead": "full-support",
    "conditionalUpdate": True,
    "referencePolicy": ["literal", "logical"],
}
"""Elements of CapabilityStatement.rest.resource that are the same for each type."""

OF_TYPES = ("read", "vread", "update", "patch", "delete", "history-instance", "history-type", "create", "search-type")
NO_OTHERS: frozenset[str] = frozenset()
OF_SYSTEM = ("transaction", "batch", "history-system", "search-system")


class Interactions:
    """Serves all calls to one FHIR endpoint: what FHIR defines, and the service's own ``operations``."""

    def __init__(
        self, endpoint: Endpoint, log: Log, operations: Sequence[Operation] = (), advise: Advise | None = None
    ) -> None:
        self._endpoint = endpoint
        self._advise = advise
        self._statement: bytes | None = None
        self._stated = Vocabulary(kept=endpoint.types)
        self._later = Later(endpoint, self.answer, log)
        fetching = Operation("later", "urn:polyclinic:later", self._later.fetch, at=("system", "type"), deletes=True)
        self._operations = (*OPERATIONS, *operations, fetching)
        self._spoken = {each.name: frozenset(each.answers) for each in self._operations if each.answers}
        self._offered: Mapping[Kind, Offered] = {
            **OFFERED,
            "base": {"POST": ("batch", self._bundle), "GET": ("search-system", search)},
            "metadata": {"GET": ("capabilities", self._metadata)},
        }

    async def answer(self, call: Call) -> Answer:
        """Return the answer to ``call``. Refuses: in the words of FHIR whatever cannot be done."""
        if self._advise is None:
            return await self._answer(call)
        try:
            return await self._answer(call)
        except Refusal as refusal:
            await self._advise(self._endpoint.repository, refusal)
            raise

    def speaks(self, path: str) -> frozenset[str]:
        """Return the media types beside FHIR JSON that are answered at ``path``: those of an operation."""
        return self._spoken.get(path[path.rfind("$") + 1 :], NO_OTHERS) if "$" in path else NO_OTHERS

    async def _answer(self, call: Call) -> Answer:
        target = target_of(call.path)
        if target.type:
            call.type = self._type_served(target)
        if target.kind in OPERATION_KINDS:
            return await operate(self._endpoint, call, target, self._operations)
        offered = self._offered[target.kind]
        found = offered.get("GET" if call.method == "HEAD" else call.method)
        if found is None:
            raise _not_offered(call, target, offered)
        call.interaction, handler = found
        if call.interaction in SEARCHES and call.patience is None and preferred(call.headers).later:
            return await self._later.begin(call)
        return await handler(self._endpoint, call, target)

    def _type_served(self, target: Target) -> str:
        """Return the type that ``target`` is about, of a compartment one that is searched in it."""
        if target.inner and target.type in COMPARTMENTS and target.type not in self._endpoint.types:
            return types_searched(self._endpoint, target)[0]
        return self._endpoint.own(target.type)

    async def _bundle(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        only(call)
        return await take_bundle(endpoint, call, self.answer)

    async def _metadata(self, endpoint: Endpoint, call: Call, target: Target) -> Answer:
        check_statement_asked(call)
        vocabulary = self._vocabulary()
        if self._statement is None or self._stated is not vocabulary:
            self._statement, self._stated = encode(statement(endpoint, vocabulary, self._operations)), vocabulary
        return unless_known(call, self._statement, {"last-modified": http_date(endpoint.started)})

    def _vocabulary(self) -> Vocabulary:
        """Return what can be searched by; while the database is away, what was last told."""
        try:
            return self._endpoint.repository.vocabulary
        except Unavailable:
            return self._stated


def statement(endpoint: Endpoint, vocabulary: Vocabulary, offered: Sequence[Operation]) -> dict[str, object]:
    """Return the CapabilityStatement of ``endpoint``, which can be searched by ``vocabulary``."""
    software = Software(f"Polyclinic {endpoint.service}", __version__, endpoint.base, endpoint.started)
    searched = {type: tuple(vocabulary.of(type)) for type in endpoint.types}
    rules = RULES | {"conditionalDelete": endpoint.conditional_delete}
    operations = tuple(Promise(each.name, each.definition, each.at, each.types) for each in offered)
    offer = Offer(OF_TYPES, OF_SYSTEM, rules, operations)
    told = capability_statement(software, offer, searched, vocabulary.custom)
    known = {type: vocabulary.of(type) for type in endpoint.types}
    tell_includes(
        told,
        {
            type: {
                code: led
                for code, parameter in of_type.items()
                if parameter.follows and (led := vocabulary.kept.intersection(leads_to(parameter)))
            }
            for type, of_type in known.items()
        },
    )
    return told


def check_statement_asked(call: Call) -> None:
    """Check that a call to metadata asks for the CapabilityStatement (https://hl7.org/fhir/R4/http.html#capabilities).

    Refuses: ``NotSupported`` for another statement, ``Unacceptable`` for what is no mode or any other parameter.
    """
    only(call, "mode")
    for mode in (value for name, value in call.pairs() if name == "mode"):
        if mode == "terminology":
            raise NotSupported("mode=terminology is not supported: there is no terminology service here", at="mode")
        if mode not in ("full", "normative"):
            raise Unacceptable(f"mode is full, normative or terminology, not {mode[:64]!r}", at="mode")


def unless_known(call: Call, body: bytes, headers: dict[str, str]) -> Answer:
    """Return ``body`` with an entity tag of its content, or 304 where the client has it."""
    tag = etag_of(body)
    headers["etag"] = tag
    if tag in call.headers.get("if-none-match", ""):
        return Answer(304, headers=headers)
    return Answer(200, body, headers)


def _not_offered(call: Call, target: Target, offered: Offered) -> MethodNotAllowed:
    allow = tuple(offered) + (("HEAD",) if "GET" in offered else ())
    where = {"base": "the base", "base-search": "all types at once"}.get(target.kind, target.kind.replace("-", " of "))
    return MethodNotAllowed(f"{call.method[:20]} on {where} is not offered here", allow=allow or ("none",))
