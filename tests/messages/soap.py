"""Signed envelopes of a partner, and where they go."""

from __future__ import annotations

from gateway.client.soap import SoapClient
from gateway.declare.bindings import Raw
from gateway.declare.transaction import AnyTransaction
from tests.housing import House


def soap_raw(house: House, path: str, content_type: str, body: bytes, partner: str) -> Raw:
    url = f"{house.settings.server.public_url}{path}"
    raw = Raw(method="POST", path=path, target=url, headers={"content-type": content_type}, body=body)
    return house.peer(raw, partner)


def write_soap(
    house: House,
    transaction: AnyTransaction,
    pieces: list,
    *,
    partner: str = "hospital",
    role: str = "physician",
    emergency: str | None = None,
) -> Raw:
    acting = house.partner(partner, role)
    path = house.gateway.engine.catalogue.endpoint(transaction)
    client = SoapClient(http=None, signer=acting.identity.signer)  # type: ignore[arg-type]
    content_type, body = client.write(
        f"{house.settings.server.public_url}{path}",
        transaction.binding.action,
        pieces,
        packaged=transaction.binding.mtom,
        assertion=acting.assertion(emergency=emergency),
    )
    return soap_raw(house, path, content_type, body, partner)
