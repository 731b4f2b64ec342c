"""Create, update, delete, and their conditional forms: one interaction, one database transaction.

Source: https://hl7.org/fhir/R4/http.html#create, #update, #delete
"""

from polyclinic.fhir.json import decode_resource, encode
from polyclinic.fhir.outcome import (
    Invalid,
    Issue,
    MultipleMatches,
    NotSupported,
    Refusal,
    TooCostly,
    Unacceptable,
    operation_outcome,
)
from polyclinic.fhir.search.defined import defined_by
from polyclinic.fhir.search.query import Query, parse
from polyclinic.fhir.validate import validate
from polyclinic.kit.http.message import Answer, Call, Pairs, read_pairs
from polyclinic.kit.http.negotiation import agreed_body, without_format
from polyclinic.kit.rest.endpoint import Endpoint, version_headers
from polyclinic.kit.rest.prefer import preferred, version_to_match
from polyclinic.kit.rest.targets import Target
from polyclinic.repository import Transaction
from polyclinic.repository.model import Create, Delete, Kept, Resource, Update, Written

MOST_DELETED = 1000
"""How many resources one conditional delete deletes."""


async def create(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Keep the resource in the body under a new id."""
    only(call, hint="; the condition of a create goes into the header If-None-Exist")
    resource = sent_resource(call, target.type)
    resource.pop("id", None)
    validated(resource)
    unless = condition(endpoint, target.type, call.headers.get("if-none-exist"), at="If-None-Exist")
    written = await endpoint.repository.write(Create(resource, unless=unless))
    return written_answer(endpoint, call, written)


async def update(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Keep the resource in the body as the next version of ``target``, or as its first."""
    only(call)
    _refuse_if_none_match(call)
    resource = sent_resource(call, target.type)
    agree_on_id(resource, target.id)
    validated(resource)
    if_match = version_to_match(call.headers.get("if-match"))
    written = await endpoint.repository.write(Update(resource, if_match=if_match))
    return written_answer(endpoint, call, written)


async def update_where(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Update the one resource that the query of the URL finds, or create it."""
    _refuse_if_none_match(call)
    where = condition(endpoint, target.type, call.query, at="the query of the URL")
    if where is None:
        raise Unacceptable(f"an update needs an id (PUT {target.type}/id) or a condition (PUT {target.type}?...)")
    resource = sent_resource(call, target.type)
    validated(resource)
    if_match = version_to_match(call.headers.get("if-match"))
    written = await endpoint.repository.write(Update(resource, if_match=if_match, where=where))
    return written_answer(endpoint, call, written)


async def delete(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Delete ``target``; deleting what is not there is no error."""
    only(call)
    if_match = version_to_match(call.headers.get("if-match"))
    written = await endpoint.repository.write(Delete(target.type, target.id, if_match=if_match))
    return _deleted(call, written)


async def delete_where(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Delete what the query of the URL finds; none is no error, several are refused unless the endpoint allows it."""
    where = condition(endpoint, target.type, call.query, at="the query of the URL")
    if where is None:
        raise Unacceptable(f"a delete needs an id (DELETE {target.type}/id) or a condition ({target.type}?...)")
    async with endpoint.repository.transaction() as transaction:
        await transaction.lock([where])
        found = await to_delete(endpoint, transaction, where)
        if_match = version_to_match(call.headers.get("if-match"))
        listed = await transaction.write([Delete(each.type, each.id, if_match=if_match) for each in found])
    return _deleted(call, *listed)


async def to_delete(endpoint: Endpoint, transaction: Transaction, where: Query) -> list[Kept]:
    """Return what a conditional delete deletes.

    Refuses: ``MultipleMatches`` for several where the endpoint deletes one at most, ``TooCostly`` for too many.
    """
    if endpoint.conditional_delete == "single":
        found = single(await transaction.match(where), where.type or "")
        return [found] if found else []
    matches = await transaction.match(where, MOST_DELETED + 1)
    if len(matches) > MOST_DELETED:
        raise TooCostly(f"the condition matches more than {MOST_DELETED} resources, the most that are deleted at once")
    return matches


def only(call: Call, *allowed: str, hint: str = "") -> None:
    """Check that the URL carries no parameter but ``allowed`` and those that shape the answer.

    Refuses: ``Unacceptable`` naming the first other one, with ``hint`` at the end.
    """
    for name, _ in without_format(call.pairs()) if call.query else ():
        if name not in allowed:
            raise Unacceptable(f"the parameter {name[:64]!r} means nothing to this interaction{hint}", at=name[:64])


def condition(endpoint: Endpoint, type: str, text: str | None, *, at: str) -> Query | None:
    """Return the search that a condition such as ``identifier=x|1`` asks, None where there is none.

    Refuses: ``Unacceptable`` where it restricts nothing: it would then match every resource.
    """
    if not text:
        return None
    pairs: Pairs = without_format(read_pairs(text.rpartition("?")[2]))
    if not pairs:
        return None
    query = parse(type, pairs, vocabulary=endpoint.repository.vocabulary)
    if query.contained != "false":
        raise NotSupported("a condition is about resources by themselves; leave _contained out", at=at)
    if not query.clauses:
        raise Unacceptable(f"the condition {text[:200]!r} names no search parameter that restricts {type}", at=at)
    return query


def single(matches: list[Kept], type: str, at: str | None = None) -> Kept | None:
    """Return the only match, None without one. Refuses: ``MultipleMatches``."""
    if len(matches) > 1:
        raise MultipleMatches(f"the condition matches more than one {type}; make it narrower", at=at)
    return matches[0] if matches else None


def sent_resource(call: Call, type: str) -> Resource:
    """Return the resource in the body of ``call``, which has to be a ``type``.

    Refuses: ``UnsupportedMediaType``, ``Malformed``, ``Invalid``.
    """
    if call.resource is None:
        agreed_body(call)
    resource = decode_resource(call.body) if call.resource is None else call.resource
    agree_on_type(resource, type)
    return resource


def agree_on_type(resource: Resource, type: str, at: str = "resourceType") -> None:
    """Check that ``resource`` is what its address says. Refuses: ``Invalid``."""
    if resource["resourceType"] != type:
        raise Invalid(f"the address is that of a {type}, the body is a {resource['resourceType'][:64]!r}", at=at)


def agree_on_id(resource: Resource, id: str, at: str = "id") -> None:
    """Check that ``resource`` has the id of its address. Refuses: ``Invalid``."""
    if "id" not in resource:
        raise Invalid(f"the body of an update needs the id of its address, {id!r}", at=at)
    if resource["id"] != id:
        raise Invalid("the body has another id than its address", at=at)


def faults_of(resource: Resource, endpoint: Endpoint) -> list[Issue]:
    """Return what keeps ``resource`` from being kept: rules of R4, and what could not be searched by."""
    issues = validate(resource)
    broken = any(issue.severity in ("error", "fatal") for issue in issues)
    if resource["resourceType"] == "SearchParameter" and not broken:
        try:
            defined_by(resource, endpoint.types)
        except Refusal as refusal:
            return [*issues, *refusal.issues]
    return issues


def validated(resource: Resource) -> None:
    """Check ``resource`` against R4. Refuses: ``Invalid`` with every broken rule."""
    issues = validate(resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Invalid(issues=issues)


def _refuse_if_none_match(call: Call) -> None:
    if "if-none-match" in call.headers:
        raise NotSupported("If-None-Match guards reads only; use If-None-Exist to create once", at="If-None-Match")


def written_answer(endpoint: Endpoint, call: Call, written: Written) -> Answer:
    """Return the answer to a create, update or patch, with as much of the resource as the client prefers."""
    kept = written.kept
    assert kept is not None and kept.body is not None  # a create or update leaves a resource
    location = f"{endpoint.url(kept)}/_history/{kept.version}"
    answer = Answer(201 if written.created else 200, kept.body, version_headers(kept) | {"location": location}, kept)
    returning = preferred(call.headers).returning
    if returning == "minimal":
        answer.body = b""
    elif returning == "OperationOutcome":
        answer.body = told(written)
    return answer


def _deleted(call: Call, *listed: Written) -> Answer:
    kept = listed[0].kept if len(listed) == 1 else None
    headers = version_headers(kept) if kept else {}
    if preferred(call.headers).returning == "OperationOutcome":
        return Answer(200, told(*listed), headers, kept)
    return Answer(204, headers=headers, kept=kept)


def told(*listed: Written) -> bytes:
    """Return an OperationOutcome that says in words what the writes of one interaction did."""
    changed = [written for written in listed if written.changed]
    written = changed[0] if changed else None
    if written is None:
        sentence = "nothing had to be changed"
    elif written.kept is not None and written.kept.deleted:
        sentence = "deleted" if len(changed) == 1 else f"deleted {len(changed)} resources"
    else:
        sentence = "created" if written.created else "updated"
    return encode(operation_outcome([Issue("informational", sentence, severity="information")]))
