"""Steps: what each entry of a transaction is going to do, judged before anything is done.

Source: https://hl7.org/fhir/R4/http.html#trules
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from polyclinic.fhir.bundle import Entry
from polyclinic.fhir.outcome import Invalid, Issue, Refusal, Unacceptable
from polyclinic.fhir.patch import Patch
from polyclinic.fhir.search.query import Query, parse
from polyclinic.kit.http.message import Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.patching import sent_patch
from polyclinic.kit.rest.prefer import version_to_match
from polyclinic.kit.rest.subset import WHOLE, Part, asked_part
from polyclinic.kit.rest.targets import Target, target_of
from polyclinic.kit.rest.written import agree_on_id, agree_on_type, condition, only
from polyclinic.repository.ids import new_id
from polyclinic.repository.model import Create, Delete, Kept, Resource, Update, Write, Written


@dataclass(slots=True)
class Step:
    """One entry on its way. ``id`` is the one it creates, changes or deletes; if a condition finds another, that one's.

    ``sent_id`` is the id in the body of a conditional update. ``where`` is the condition of a conditional create,
    update, patch or delete; ``found`` what it matched, ``others`` what a delete of several matched beside it.
    ``patched`` is what a ``patch`` makes of its resource.
    """

    entry: Entry
    target: Target
    call: Call
    id: str = ""
    sent_id: str = ""
    where: Query | None = None
    if_match: int | None = None
    patch: Patch | None = None
    patched: Resource | None = None
    part: Part = WHOLE
    found: Kept | None = None
    others: tuple[Kept, ...] = ()
    written: list[Written] = field(default_factory=list)

    @property
    def resource(self) -> Resource:
        """The resource of a create or update."""
        assert self.entry.resource is not None  # entries_of has seen to it
        return self.entry.resource

    @property
    def address(self) -> str:
        """What links to this resource say, such as ``Patient/1``."""
        return f"{self.target.type}/{self.id}"

    @property
    def reads(self) -> bool:
        """Whether this step changes nothing by its nature."""
        return self.entry.method in ("GET", "HEAD") or self.target.kind == "type-search"

    def writes(self) -> list[Write]:
        """Return what is to be written, nothing where the condition says that there is nothing to do."""
        if self.entry.method == "DELETE":
            ids = [self.id, *(kept.id for kept in self.others)] if self.id else []
            return [Delete(self.target.type, id, self.if_match) for id in ids]
        if self.entry.method == "PUT":
            return [Update(self.resource, if_match=self.if_match)]
        if self.patched is not None:
            return [Update(self.patched, if_match=self.if_match)]
        return [] if self.found else [Create(self.resource, id=self.id)]


def step_of(endpoint: Endpoint, entry: Entry) -> Step:
    """Return what ``entry`` is going to do; a new resource gets its id here.

    Refuses: whatever the single interaction would refuse, and what a transaction does not take.
    """
    call = call_of(endpoint.base, entry, "return=representation")
    target = target_of(call.path)
    if target.type:
        endpoint.own(target.type)
    step = Step(entry, target, call)
    if step.reads:
        return _reading(endpoint, step)
    if target.kind not in ("type", "instance") or (entry.method, target.kind) == ("POST", "instance"):
        raise Unacceptable(f"a transaction cannot {entry.method} {entry.url[:200]!r}")
    step.if_match = version_to_match(call.headers.get("if-match"))
    if entry.method in ("DELETE", "PATCH"):
        return _of_what_stands(endpoint, step)
    return _keeping(endpoint, step, new_id(endpoint.now()))


def call_of(base: str, entry: Entry, prefer: str) -> Call:
    """Return the call that ``entry`` stands for, at the FHIR ``base`` without a slash at its end."""
    path, _, query = entry.url.removeprefix(f"{base}/").partition("?")
    headers = {**entry.conditions, "prefer": prefer}
    return Call(entry.method, path.strip("/"), query, headers, resource=entry.resource)


def faults(entry: Entry, refusal: Refusal) -> list[Issue]:
    """Return the issues of ``refusal`` as faults of ``entry``."""
    return [replace(issue, expression=entry.place) for issue in refusal.issues]


def refuse(issues: Iterable[Issue]) -> None:
    """Refuse with all of ``issues``, if there are any."""
    found = tuple(issues)
    if found:
        raise Refusal(issues=found)


def _reading(endpoint: Endpoint, step: Step) -> Step:
    if step.target.kind == "instance":
        step.part = asked_part(step.call)
    if step.target.kind == "type":
        pairs = [pair for pair in step.call.pairs() if pair[0] != "_cursor"]
        parse(step.target.type, pairs, vocabulary=endpoint.repository.vocabulary)
    return step


def _of_what_stands(endpoint: Endpoint, step: Step) -> Step:
    """Return ``step``, a deletion or a patch, knowing which resource it means."""
    if step.entry.method == "PATCH":
        step.patch = sent_patch(step.call)
    step.id = step.target.id
    if not step.id:
        step.where = _needed_condition(endpoint, step)
    else:
        only(step.call)
    return step


def _keeping(endpoint: Endpoint, step: Step, new: str) -> Step:
    resource, call, target = step.resource, step.call, step.target
    agree_on_type(resource, target.type)
    if step.entry.method == "POST":
        only(call)
        step.where = condition(endpoint, target.type, call.headers.get("if-none-exist"), at="ifNoneExist")
        step.id = new
    elif target.id:
        only(call)
        agree_on_id(resource, target.id)
        step.id = target.id
    else:
        step.where = _needed_condition(endpoint, step)
        step.sent_id = _sent_id(resource)
        step.id = step.sent_id or new
    resource["id"] = step.id
    return step


def _sent_id(resource: Resource) -> str:
    sent = resource.get("id", "")
    if type(sent) is not str:
        raise Invalid("an id is a text")
    return sent


def _needed_condition(endpoint: Endpoint, step: Step) -> Query:
    where = condition(endpoint, step.target.type, step.call.query, at="request.url")
    if where is None:
        raise Unacceptable(f"a {step.entry.method} needs an id or a condition in its url")
    return where
