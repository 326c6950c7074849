"""FHIR requests with the token of somebody."""

from __future__ import annotations

import base64
from dataclasses import replace

import orjson

from gateway.declare.bindings import Raw
from tests.housing import House


def fhir(house: House, path: str, query: str = "", *, with_token: bool = True) -> Raw:
    base = f"{house.settings.server.public_url}/fhir"
    headers = {"accept": "*/*"}
    if with_token:
        token = base64.urlsafe_b64encode(house.partner("hospital", "physician").assertion()).rstrip(b"=")
        headers["authorization"] = f"Bearer {token.decode()}"
    target = f"{base}{path}" + (f"?{query}" if query else "")
    raw = Raw(method="GET", path=f"/fhir{path}", query=query, target=target, headers=headers)
    return house.peer(raw, "hospital")


def resource_raw(house: House, method: str, path: str, query: str = "", resource: object = None) -> Raw:
    """A FHIR request whose body is a resource."""
    raw = fhir(house, path, query)
    headers = {**raw.headers, "content-type": "application/fhir+json"} if resource else raw.headers
    return replace(raw, method=method, headers=headers, body=orjson.dumps(resource) if resource else b"")


def parameters(told: list[dict[str, object]]) -> dict[str, object]:
    return {"resourceType": "Parameters", "parameter": told}


def acting(house: House, raw: Raw, partner: str, role: str, patient: str | None = None) -> Raw:
    """The request with the assertion of somebody else."""
    assertion = house.partner(partner, role).assertion(patient)
    token = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
    return house.peer(replace(raw, headers={**raw.headers, "authorization": f"Bearer {token}"}), partner)
