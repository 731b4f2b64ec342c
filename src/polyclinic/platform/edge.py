"""The edge's configuration, written from the manifests: every resource type goes straight to its owner.

Envoy watches the three files (LDS, CDS, RDS): replacing one by an atomic move changes a running edge.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from polyclinic.kit.manifest import Manifest
from polyclinic.platform.folder import write_whole
from polyclinic.platform.own_answers import local_replies

GATEWAY = "gateway"
"""The service that answers what concerns several others, and what nobody owns."""

BASE = "/fhir"
_SHARED = r"/[A-Za-z]+/[^/]+/(?:\$everything|_search|\*(?:/_search)?)"
"""What belongs to one resource, of whatever type: a search in its compartment, or $everything."""
_TYPE = "type.googleapis.com/envoy"
_SAFE_ANYWHERE = "connect-failure,refused-stream,reset-before-request"
"""Retried for every method: the owner has seen nothing of the request."""

_SAFE_TO_READ = f"{_SAFE_ANYWHERE},reset"
_IDLE = "900s"
"""How long a request or an answer may pause; a transaction of hundreds of megabytes takes its time."""

_LOG = {
    "at": "%START_TIME(%Y-%m-%dT%H:%M:%E3SZ)%",
    "service": "edge",
    "event": "request",
    "method": "%REQ(:METHOD)%",
    "to": "%ROUTE_NAME%",
    "status": "%RESPONSE_CODE%",
    "flags": "%RESPONSE_FLAGS%",
    "milliseconds": "%DURATION%",
    "received": "%BYTES_RECEIVED%",
    "sent": "%BYTES_SENT%",
    "request": "%REQ(X-REQUEST-ID)%",
}
"""What the access log tells: no path and no query, for they name patients."""


def write(folder: Path, manifests: Sequence[Manifest], doors: Mapping[str, Path], *, port: int, admin: Path) -> Path:
    """Write the edge's configuration into ``folder`` and return the file to start it with.

    ``doors`` are the services' unix sockets; ``admin`` is the unix socket of Envoy's own interface.
    """
    folder.mkdir(exist_ok=True)
    resources = {
        "lds": [_listener(port, folder / "rds.json")],
        "cds": [_cluster(name, door) for name, door in doors.items()],
        "rds": [routes(manifests)],
    }
    for name, content in resources.items():
        write_whole(folder / f"{name}.json", json.dumps({"resources": content}, indent=1))
    write_whole(folder / "envoy.json", json.dumps(_bootstrap(folder, admin), indent=1))
    return folder / "envoy.json"


def routes(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Return the route table: types and operations at the base to their owners, all else below it to the gateway.

    What belongs to one resource concerns all owners, so that it is the gateway's as soon as there are several; but a
    compartment searched for one type is that type's owner's. One owner is asked straight: its answer may be of hundreds
    of megabytes, and each byte would cost the gateway what it cost the owner.
    """
    owners = [manifest for manifest in manifests if manifest.owns]
    found = _route(GATEWAY, BASE + _SHARED) if len(owners) > 1 else []
    types = {manifest.name: "|".join(sorted(manifest.owns)) for manifest in owners}
    for name, owned in types.items() if len(owners) > 1 else ():
        found += _route(name, f"{BASE}/[A-Za-z]+/[^/]+/(?:{owned})(?:/_search)?")
    for name, owned in types.items():
        found += _route(name, f"{BASE}/(?:{owned})(?:/.*)?")
    for manifest in manifests:
        for operation in manifest.system_operations:
            found += _route(manifest.name, rf"{BASE}/\${operation}")
    found += _route(GATEWAY, f"{BASE}(?:/.*)?")
    return {
        "@type": f"{_TYPE}.config.route.v3.RouteConfiguration",
        "name": "fhir",
        "virtual_hosts": [{"name": "fhir", "domains": ["*"], "routes": found}],
    }


def _route(service: str, regex: str) -> list[dict[str, Any]]:
    """Return two routes to ``service``: reads are tried again even when the owner died over them."""
    match: dict[str, Any] = {"safe_regex": {"regex": regex}}
    read = match | {"headers": [{"name": ":method", "string_match": {"safe_regex": {"regex": "GET|HEAD"}}}]}
    return [
        {"name": service, "match": read, "route": _action(service, _SAFE_TO_READ)},
        {"name": service, "match": match, "route": _action(service, _SAFE_ANYWHERE)},
    ]


def _action(service: str, retry_on: str) -> dict[str, Any]:
    return {
        "cluster": service,
        "timeout": "0s",
        "idle_timeout": _IDLE,
        "retry_policy": {
            "retry_on": retry_on,
            "num_retries": 8,
            "retry_back_off": {"base_interval": "0.05s", "max_interval": "1s"},
        },
    }


def _bootstrap(folder: Path, admin: Path) -> dict[str, Any]:
    return {
        "node": {"id": "edge", "cluster": "polyclinic"},
        "admin": {"address": {"pipe": {"path": str(admin), "mode": 0o600}}},
        "dynamic_resources": {
            "lds_config": _file(folder / "lds.json"),
            "cds_config": _file(folder / "cds.json"),
        },
        "layered_runtime": {
            "layers": [
                {
                    "name": "static",
                    "static_layer": {"re2.max_program_size.error_level": 20000},
                }
            ]
        },
    }


def _file(path: Path) -> dict[str, Any]:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _listener(port: int, route_file: Path) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.config.listener.v3.Listener",
        "name": "fhir",
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": _http(route_file)}]}],
    }


def _http(route_file: Path) -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "fhir",
        "rds": {"route_config_name": "fhir", "config_source": _file(route_file)},
        "http_filters": [
            {
                "name": "router",
                "typed_config": {
                    "@type": f"{_TYPE}.extensions.filters.http.router.v3.Router",
                    "suppress_envoy_headers": True,
                },
            }
        ],
        "access_log": [{"name": "stdout", "typed_config": _access_log()}],
        "use_remote_address": True,
        "normalize_path": True,
        "server_header_transformation": "PASS_THROUGH",
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "stream_idle_timeout": _IDLE,
        "request_headers_timeout": "30s",
        "drain_timeout": "5s",
        "common_http_protocol_options": {"idle_timeout": "300s", "max_headers_count": 100},
        "local_reply_config": local_replies(),
    }


def _access_log() -> dict[str, Any]:
    return {
        "@type": f"{_TYPE}.extensions.access_loggers.stream.v3.StdoutAccessLog",
        "log_format": {"json_format": _LOG},
    }


def _cluster(name: str, door: Path) -> dict[str, Any]:
    address = {"pipe": {"path": str(door)}}
    limits = {
        "max_connections": 512,
        "max_pending_requests": 20000,
        "max_requests": 20000,
        "max_retries": 1000,
    }
    return {
        "@type": f"{_TYPE}.config.cluster.v3.Cluster",
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "circuit_breakers": {"thresholds": [limits | {"max_retries": 1000}]},
        "typed_extension_protocol_options": {
            f"{_TYPE[len('type.googleapis.com/') :]}.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": f"{_TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http_protocol_options": {}},
                "common_http_protocol_options": {"idle_timeout": "30s"},
            }
        },
    }
