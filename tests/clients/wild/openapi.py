"""An OpenAPI document of what a CapabilityStatement tells: interactions as operations, with their parameters.

Source: https://hl7.org/fhir/R4/http.html#summary and https://spec.openapis.org/oas/v3.0.3
"""

from collections.abc import Iterator, Mapping
from typing import Any

from polyclinic.fhir import definitions

Json = dict[str, Any]

FORMS: Mapping[str, Json] = {
    "date": {"type": "string", "pattern": r"^(eq|ne|gt|lt|ge|le|sa|eb|ap)?\d{4}(-[01]\d(-[0-3]\d)?)?$"},
    "number": {"type": "string", "pattern": r"^(eq|ne|gt|lt|ge|le|sa|eb|ap)?-?\d{1,20}(\.\d{1,20})?$"},
    "quantity": {"type": "string", "pattern": r"^(gt|lt|ap)?-?\d{1,5}(\|[^|]{0,9}\|[a-z]{1,3})?$"},
    "token": {"type": "string", "pattern": r"^([a-z:/.]{0,12}\|)?[A-Za-z0-9-]{1,12}$"},
    "reference": {"type": "string", "pattern": r"^([A-Z][a-z]{2,9}/)?[A-Za-z0-9.-]{1,64}$"},
    "uri": {"type": "string", "format": "uri"},
}
"""What values of a parameter's type look like; others are any text."""

CONTROLS: Mapping[str, Json] = {
    "_count": {"type": "integer", "minimum": 0},
    "_sort": {"type": "string"},
    "_summary": {"type": "string", "enum": ["true", "false", "text", "data", "count"]},
    "_elements": {"type": "string"},
    "_total": {"type": "string", "enum": ["none", "estimate", "accurate"]},
    "_include": {"type": "string"},
    "_revinclude": {"type": "string"},
}
ID = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
VERSION = {"type": "string", "pattern": r"^[1-9][0-9]{0,8}$"}
PRIMITIVES: Mapping[str, Json] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "positiveInt": {"type": "integer", "minimum": 1},
    "unsignedInt": {"type": "integer", "minimum": 0},
    "decimal": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "dateTime": {"type": "string", "format": "date-time"},
    "instant": {"type": "string", "format": "date-time"},
    "id": ID,
}
INTERACTIONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "read": (("/{id}", "get"), ("/{id}", "head")),
    "vread": (("/{id}/_history/{vid}", "get"),),
    "update": (("/{id}", "put"), ("", "put")),
    "patch": (("/{id}", "patch"), ("", "patch")),
    "delete": (("/{id}", "delete"), ("", "delete")),
    "history-instance": (("/{id}/_history", "get"),),
    "history-type": (("/_history", "get"),),
    "create": (("", "post"),),
    "search-type": (("", "get"), ("/_search", "post")),
}
"""By interaction with a type: the paths below it, with their methods."""

OF_THE_SYSTEM: Mapping[str, tuple[str, str]] = {
    "transaction": ("/", "post"),
    "batch": ("/", "post"),
    "search-system": ("/", "get"),
    "history-system": ("/_history", "get"),
}


def described(statement: Mapping[str, Any]) -> Json:
    """Return the OpenAPI 3 document of the server that made ``statement``."""
    rest = statement["rest"][0]
    paths: dict[str, Json] = {"/metadata": {"get": _operation([])}}
    for item in rest.get("interaction", ()):
        path, method = OF_THE_SYSTEM[item["code"]]
        paths.setdefault(path, {})[method] = _operation([], _bundle() if method == "post" else None)
    for resource in rest["resource"]:
        for path, method, operation in _operations(resource):
            paths.setdefault(f"/{resource['type']}{path}", {})[method] = operation
    info = {"title": statement["software"]["name"], "version": statement["software"]["version"]}
    return {"openapi": "3.0.3", "info": info, "paths": paths}


def _operations(resource: Mapping[str, Any]) -> Iterator[tuple[str, str, Json]]:
    searched = _searched(resource)
    for item in resource["interaction"]:
        for path, method in INTERACTIONS[item["code"]]:
            asked = _in_path(path) + (searched if path == "" and method != "post" else [])
            yield path, method, _operation(asked, _body(item["code"], method, resource))
    for operation in resource.get("operation", ()):
        for path in (f"/${operation['name']}", f"/{{id}}/${operation['name']}"):
            yield path, "get", _operation(_in_path(path))
            yield path, "post", _operation(_in_path(path), _content(_resource("Parameters")))


def _searched(resource: Mapping[str, Any]) -> list[Json]:
    told = {each["name"]: FORMS.get(each["type"], {"type": "string"}) for each in resource.get("searchParam", ())}
    schemas = {**told, **CONTROLS}
    return [{"name": name, "in": "query", "schema": schema} for name, schema in schemas.items()]


def _in_path(path: str) -> list[Json]:
    schemas = {"id": ID, "vid": VERSION}
    wanted = [name for name in schemas if f"{{{name}}}" in path]
    return [{"name": name, "in": "path", "required": True, "schema": schemas[name]} for name in wanted]


def _operation(parameters: list[Json], body: Json | None = None) -> Json:
    headers = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in ("Prefer", "If-Match")]
    operation: Json = {"parameters": [*parameters, *headers], "responses": {"default": {"description": "FHIR JSON"}}}
    return operation | ({"requestBody": {"required": True, "content": body}} if body else {})


def _body(interaction: str, method: str, resource: Mapping[str, Any]) -> Json | None:
    if method not in ("post", "put", "patch"):
        return None
    if interaction == "search-type":
        fields = {each["name"]: {"type": "string"} for each in resource.get("searchParam", ())}
        return {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": fields}}}
    if interaction == "patch":
        operation = {"type": "object", "properties": {name: {"type": "string"} for name in ("op", "path", "from")}}
        return {"application/json-patch+json": {"schema": {"type": "array", "items": operation}}}
    return _content(_resource(resource["type"]))


def _content(schema: Json) -> Json:
    return {"application/fhir+json": {"schema": schema}}


def _resource(type: str) -> Json:
    """Return the schema of a ``type`` down to its elements; what is in these is any object."""
    properties = {name: _element(found) for name, found in definitions.properties(type).items()}
    constant = {"resourceType": {"type": "string", "enum": [type]}}
    return {"type": "object", "required": ["resourceType"], "properties": constant | properties}


def _element(found: definitions.Property) -> Json:
    kind = definitions.structure(found.type).kind
    one = PRIMITIVES.get(found.type, {"type": "string"} if kind == "primitive" else {"type": "object"})
    return {"type": "array", "items": one, "maxItems": 3} if found.element.is_list else dict(one)


def _bundle() -> Json:
    verb = {"type": "string", "enum": ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]}
    request = {
        "type": "object",
        "required": ["method", "url"],
        "properties": {"method": verb, "url": {"type": "string"}},
    }
    entry = {"type": "object", "properties": {"request": request, "resource": _resource("Patient")}}
    listed = {"type": "array", "maxItems": 4, "items": entry | {"required": ["request"]}}
    kinds = {"type": "string", "enum": ["batch", "transaction"]}
    constant = {"type": "string", "enum": ["Bundle"]}
    properties = {"resourceType": constant, "type": kinds, "entry": listed}
    return _content({"type": "object", "required": ["resourceType", "type", "entry"], "properties": properties})
