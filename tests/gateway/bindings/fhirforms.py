"""Transactions of FHIR made up for the form, and requests to them."""

from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, Raw
from gateway.declare.events import query_event
from gateway.declare.transaction import Actors, Codec, Target, Transaction

BASE = "https://localhost:8443/fhir"


def declared(method: str, path: str, **types: str) -> Transaction[Any, Any]:
    async def handle(_call: Any, _services: Any) -> Any:
        raise NotImplementedError

    return Transaction(
        code=f"{method} {path}",
        title="T",
        section="S",
        actors=Actors("A", "B"),
        binding=Fhir(method, path, **types),
        action=Action.DOCUMENT_QUERY,
        audit=query_event("X", "T"),
        codec=Codec(decode=lambda *_: None, encode=lambda *_: None, refuse=lambda _: None),
        target=lambda _: Target(),
        handle=handle,
    )


def raw(
    path: str = "/Thing", query: str = "", *, method: str = "GET", body: bytes = b"", **headers: str
) -> Raw:
    return Raw(
        method=method,
        path=f"/fhir{path}",
        query=query,
        target=f"{BASE}{path}" + (f"?{query}" if query else ""),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        body=body,
    )


PATIENT = b'{"resourceType":"Patient","active":true,"name":[{"given":["Anna"]}]}'
IN_XML = (
    b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/><name><given value="Anna"/></name></Patient>'
)
