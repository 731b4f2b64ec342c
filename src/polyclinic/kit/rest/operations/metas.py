"""$meta, $meta-add and $meta-delete: profiles, security labels and tags of a resource, read and changed alone.

Of a type, or of everything, $meta tells those that are in use.

Source: https://hl7.org/fhir/R4/resource-operation-meta-add.html
"""

from collections.abc import Callable
from typing import Any

from polyclinic.fhir import validate as rules
from polyclinic.fhir.json import decode
from polyclinic.fhir.outcome import Invalid
from polyclinic.fhir.search.labels import meta_of
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint, version_headers
from polyclinic.kit.rest.operations.model import answered, arguments
from polyclinic.kit.rest.patching import again_if_overtaken, matched, standing
from polyclinic.kit.rest.prefer import version_to_match
from polyclinic.kit.rest.targets import Target
from polyclinic.kit.rest.written import validated
from polyclinic.repository.model import Kept, Update, Written

Meta = dict[str, Any]
_SETS = ("profile", "security", "tag")


async def meta(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer with the meta of a resource, or with the labels in use; where there are none, with no parameter."""
    arguments(call)
    if not target.id:
        types = (target.type,) if target.type else tuple(sorted(endpoint.types))
        found = meta_of(await endpoint.repository.labels(types))
        return Answer(200, answered(*([{"name": "return", "valueMeta": found}] if found else [])))
    return _answer(standing(await endpoint.repository.read(target.type, target.id), target.type))


async def meta_add(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Add what the parameter ``meta`` has and the resource lacks."""
    return await _changed(endpoint, call, target, _added)


async def meta_delete(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Take away what the parameter ``meta`` has; what the resource lacks is no error."""
    return await _changed(endpoint, call, target, _deleted)


async def _changed(endpoint: Endpoint, call: Call, target: Target, change: Callable[[Meta, Meta], Meta]) -> Answer:
    """Write the next version if ``change`` of the present meta makes a difference, as often as others are quicker."""
    given, if_match = _given(call), version_to_match(call.headers.get("if-match"))

    async def once() -> Written:
        kept = standing(await endpoint.repository.read(target.type, target.id), target.type)
        matched(kept, if_match)
        resource = decode(kept.body or b"")
        resource["meta"] = change(resource["meta"], given)
        validated(resource)
        return await endpoint.repository.write(Update(resource, if_match=kept.version))

    written = await again_if_overtaken(once, if_match)
    return _answer(standing(written.kept, target.type))


def _given(call: Call) -> Meta:
    """Return the meta that an operation is called with. Refuses: ``Invalid``."""
    found = arguments(call, "meta").one("meta")
    if found is None:
        raise Invalid("the operation needs the parameter 'meta' (valueMeta)", at="meta")
    issues = rules.validate({"resourceType": "Parameters", "parameter": [found]})
    if issues:
        raise Invalid(issues=issues)
    value = found.get("valueMeta")
    if type(value) is not dict:
        raise Invalid("the parameter 'meta' is a Meta (valueMeta)", at="meta")
    return value


def _added(present: Meta, given: Meta) -> Meta:
    made = dict(present)
    for name in _SETS:
        known = {_identity(each) for each in present.get(name, ())}
        more = {_identity(each): each for each in given.get(name, ()) if _identity(each) not in known}
        if more:
            made[name] = [*present.get(name, ()), *more.values()]
    return made


def _deleted(present: Meta, given: Meta) -> Meta:
    made = dict(present)
    for name in _SETS:
        unwanted = {_identity(each) for each in given.get(name, ())}
        left = [each for each in present.get(name, ()) if _identity(each) not in unwanted]
        if left:
            made[name] = left
        else:
            made.pop(name, None)
    return made


def _identity(each: Any) -> tuple[object, ...]:
    """Return what tells one profile, label or tag from another: its URL, or system and code."""
    return (each.get("system"), each.get("code")) if type(each) is dict else (each,)


def _answer(kept: Kept) -> Answer:
    found = decode(kept.body or b"")["meta"]
    return Answer(200, answered({"name": "return", "valueMeta": found}), version_headers(kept), kept)
