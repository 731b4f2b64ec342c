"""$validate: whether a resource would be taken, without taking it.

Source: https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from polyclinic.fhir import definitions
from polyclinic.fhir import validate as rules
from polyclinic.fhir.json import decode, encode
from polyclinic.fhir.outcome import Gone, Invalid, Issue, NotFound, Unacceptable, operation_outcome
from polyclinic.kit.http.message import Answer, Call
from polyclinic.kit.rest.endpoint import Endpoint
from polyclinic.kit.rest.operations.model import arguments
from polyclinic.kit.rest.patching import standing
from polyclinic.kit.rest.targets import Target
from polyclinic.repository.model import Resource

_MODES = ("create", "update", "delete", "profile")
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_VERSIONS = ("", "4.0", "4.0.1")


async def validate(endpoint: Endpoint, call: Call, target: Target) -> Answer:
    """Answer with every issue of the resource given, or else of the one at the address; 200 also for a bad one.

    ``mode`` adds what the interaction of that name would ask; ``profile`` may name what R4 itself defines.
    """
    given = arguments(call, "resource", "mode", "profile", subject="resource")
    mode, profile = _mode(given.text("mode"), target), given.text("profile")
    if mode == "delete":
        issues = await _deletable(endpoint, target)
    else:
        sent = given.resource("resource")
        resource = await _kept(endpoint, target) if sent is None else sent
        issues = rules.validate(resource, expected_type=target.type, warnings=True)
        issues += _addressed(resource, mode, target) if sent is not None else []
        issues += _profiled(profile, resource)
    fine = Issue("informational", "all is well", severity="information")
    return Answer(200, encode(operation_outcome(issues or [fine])))


def _mode(mode: str | None, target: Target) -> str | None:
    if mode is not None and mode not in _MODES:
        raise Unacceptable(f"mode is one of {', '.join(_MODES)}", at="mode")
    if mode == "create" and target.id:
        raise Unacceptable(f"a create has no id; ask {target.type}/$validate", at="mode")
    if mode == "delete" and not target.id:
        raise Unacceptable(f"a delete needs an id; ask {target.type}/[id]/$validate", at="mode")
    return mode


async def _kept(endpoint: Endpoint, target: Target) -> Resource:
    if not target.id:
        raise Invalid("a resource to validate is needed, as the body or as the parameter 'resource'", at="resource")
    kept = standing(await endpoint.repository.read(target.type, target.id), target.type)
    resource: Resource = decode(kept.body or b"")
    return resource


async def _deletable(endpoint: Endpoint, target: Target) -> list[Issue]:
    """Return why ``target`` cannot be deleted: because it is not there; nothing else forbids it here."""
    try:
        standing(await endpoint.repository.read(target.type, target.id), target.type)
    except (NotFound, Gone) as refusal:
        return list(refusal.issues)
    return []


def _addressed(resource: Resource, mode: str | None, target: Target) -> list[Issue]:
    """Return where ``resource`` could not be updated for want of the right id."""
    if target.id and resource.get("id") != target.id:
        return [Issue("invalid", f"an update needs the id of its address, {target.id!r}", f"{target.type}.id")]
    if mode == "update" and "id" not in resource:
        return [Issue("required", "an update needs an id", f"{target.type}.id")]
    return []


def _profiled(profile: str | None, resource: Resource) -> list[Issue]:
    """Return what is to say about a profile: that the resource is of another type, or that it cannot be judged."""
    if profile is None:
        return []
    url, _, version = profile.partition("|")
    name, type = url.removeprefix(_BASE), str(resource["resourceType"])
    if not url.startswith(_BASE) or name not in definitions.EVERY_TYPE or version not in _VERSIONS:
        sentence = f"the profile {profile[:300]} is not known here; only what R4 itself defines is validated"
        return [Issue("not-supported", sentence, "profile")]
    if not definitions.is_subtype(type, name):
        return [Issue("structure", f"a {type[:64]} is no {name}", "resourceType")]
    return []
