"""Patch: a resource changed by JSON Patch or FHIRPath Patch, by its id or by a condition.

Source: https://hl7.org/fhir/R4/http.html#patch
"""

import binascii
from base64 import b64decode
from collections.abc import Awaitable, Callable

from polyclinic.fhir.json import decode, decode_resource
from polyclinic.fhir.outcome import Conflict, Gone, Invalid, NotFound, PreconditionFailed, Unacceptable
from polyclinic.fhir.patch import Patch, Unpatchable, fhirpath_patch, json_patch
from polyclinic.fhir.search.query import Query
from polyclinic.fhir.validate import validate
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.http.negotiation import FHIR_JSON, JSON_PATCH, OUR_TYPES, agreed_body, media_of
from polyclinic.kit.http.statuses import UnsupportedMediaType
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.prefer import version_to_match
from polyclinic.kit.rest.targets import Target
from polyclinic.kit.rest.written import condition, only, single, written_answer
from polyclinic.repository.model import Kept, Resource, Update, Written
from polyclinic.repository.transaction import MOST_TRIES


async def patch(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Change ``target`` by the patch in the body; without ``If-Match``, as often as others are quicker."""
    only(call)
    wanted, if_match = sent_patch(call), version_to_match(call.headers.get("if-match"))

    async def once() -> Written:
        kept = standing(await endpoint.repository.read(target.type, target.id), target.type)
        matched(kept, if_match)
        return await endpoint.repository.write(Update(changed(wanted, kept), if_match=kept.version))

    return written_answer(endpoint, call, await again_if_overtaken(once, if_match))


async def patch_where(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Change the one resource that the query of the URL finds. Refuses: ``NotFound`` where it finds none."""
    where = condition(target.type, call.query, at="the query of the URL")
    if where is None:
        raise Unacceptable(f"a patch needs an id (PATCH {target.type}/id) or a condition (PATCH {target.type}?...)")
    wanted, if_match = sent_patch(call), version_to_match(call.headers.get("if-match"))
    written = await again_if_overtaken(lambda: _once_where(endpoint, where, wanted, if_match), if_match)
    return written_answer(endpoint, call, written)


async def _once_where(endpoint: Endpoint, where: Query, wanted: Patch, if_match: int | None) -> Written:
    async with endpoint.repository.transaction() as transaction:
        await transaction.lock([where])
        kept = standing(single(await transaction.match(where), where.type or ""), where.type or "")
        matched(kept, if_match)
        (written,) = await transaction.write([Update(changed(wanted, kept), if_match=kept.version)])
        return written


async def again_if_overtaken(once: Callable[[], Awaitable[Written]], if_match: int | None) -> Written:
    """Return what ``once`` returns, tried again where another writer was quicker and the client named no version."""
    for _ in range(MOST_TRIES - 1 if if_match is None else 0):
        try:
            return await once()
        except (Conflict, PreconditionFailed):
            continue
    return await once()


def sent_patch(call: Call) -> Patch:
    """Return the patch in the body of ``call``; in a Bundle, that of its Binary or Parameters.

    Refuses: ``UnsupportedMediaType`` for other kinds of patches, ``Malformed``, ``Invalid`` naming the operation.
    """
    if call.resource is not None:
        return _carried_patch(call.resource)
    media = media_of(call)
    if media == JSON_PATCH:
        return json_patch(decode(call.body))
    if media and media not in OUR_TYPES:
        raise _no_patch(media)
    agreed_body(call)
    return _by_parameters(decode_resource(call.body))


def _carried_patch(resource: Resource) -> Patch:
    if resource["resourceType"] != "Binary":
        return _by_parameters(resource)
    media, content = resource.get("contentType"), resource.get("data")
    if media != JSON_PATCH:
        raise _no_patch(media)
    try:
        return json_patch(decode(b64decode("".join(str(content).split()), validate=True)))
    except binascii.Error as error:
        raise Invalid("the data of the Binary is not base64", at="Binary.data") from error


def _by_parameters(resource: Resource) -> Patch:
    if resource["resourceType"] != "Parameters":
        raise Invalid("a patch in FHIR JSON is a Parameters resource (FHIRPath Patch)", at="resourceType")
    return fhirpath_patch(resource)


def _no_patch(media: object) -> UnsupportedMediaType:
    return UnsupportedMediaType(
        f"a patch of the type {str(media)[:64]!r} is not read here; send {JSON_PATCH},"
        f" or {FHIR_JSON} with the Parameters of a FHIRPath Patch"
    )


def standing(kept: Kept | None, type: str) -> Kept:
    """Return ``kept`` if there is anything to patch. Refuses: ``NotFound``, ``Gone``."""
    if kept is None:
        raise NotFound(f"there is no such {type}")
    if kept.deleted:
        raise Gone(f"this {type} was deleted; a patch cannot bring it back")
    return kept


def matched(kept: Kept, if_match: int | None) -> None:
    """Check that ``kept`` is the version that the client means. Refuses: ``PreconditionFailed``."""
    if if_match not in (None, kept.version):
        raise PreconditionFailed(f"If-Match asks for version {if_match}, but its version is {kept.version}")


def changed(wanted: Patch, kept: Kept) -> Resource:
    """Return what ``kept`` becomes by a patch.

    Refuses: as the patch does; ``Unpatchable`` where the outcome breaks rules of R4 or is another resource.
    """
    assert kept.body is not None  # standing has seen to it
    resource = wanted.apply(decode(kept.body))
    if type(resource) is not dict or (resource.get("resourceType"), resource.get("id")) != (kept.type, kept.id):
        raise Unpatchable("a patch cannot change the type or the id of a resource")
    still_valid(resource)
    return resource


def still_valid(resource: Resource) -> None:
    """Check what a patch makes of a resource. Refuses: ``Unpatchable`` with every broken rule."""
    issues = validate(resource)
    if any(issue.severity in ("error", "fatal") for issue in issues):
        raise Unpatchable(issues=issues)
