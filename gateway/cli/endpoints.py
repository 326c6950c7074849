"""Where an installation answers (`passerelle endpoints`)."""

from __future__ import annotations

import orjson

from gateway.cli.compose import catalogue
from gateway.config import Settings


def endpoints_of(settings: Settings) -> dict[str, str]:
    """Addresses and identifiers that a partner needs."""
    server, domain = settings.server, settings.domain
    told = {_name(path): f"{server.public_url}{path}" for path in catalogue().soap_ports()}
    host = server.public_url.removeprefix("https://").rpartition(":")[0] or server.host
    udp = settings.repository.udp_port
    told |= {} if udp is None else {"syslog-udp": f"{host}:{udp}"}
    return told | {
        "fhir": f"{server.public_url}/fhir",
        "token": f"{server.public_url}/oauth2/token",
        "authorize": f"{server.public_url}/oauth2/authorize",
        "introspect": f"{server.public_url}/oauth2/introspect",
        "oauth_metadata": f"{server.public_url}/.well-known/oauth-authorization-server",
        "mllp": f"{host}:{server.mllp_port}",
        "syslog": f"{host}:{settings.repository.syslog_port}",
        "admin": f"http://{server.admin_host}:{server.admin_port}",
        "environment": settings.environment,
        "patient_id_root": domain.affinity_oid,
        "patient_id_namespace": domain.affinity_namespace,
        "home_community_id": f"urn:oid:{domain.home_community_id}",
        "repository_unique_id": domain.repository_unique_id,
        "source_oid": domain.source_oid,
        "audience": settings.assertions.audience[0],
    }


def _name(path: str) -> str:
    name = path.rpartition("/")[2]
    return "responding_gateway" if name == "responder" else name


def show(settings: Settings, *, as_json: bool) -> None:
    """Prints them, as JSON or a line each."""
    told = endpoints_of(settings)
    if as_json:
        print(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in told.items():
        print(f"{name:22} {value}")
