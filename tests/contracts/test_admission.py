"""What fails before a wire form reads the message: an audited refusal all the same, never silence."""

from __future__ import annotations

import asyncio
from typing import Any

from lxml import etree

from gateway.cli.doors import doors
from gateway.transport.application import Application
from gateway.transport.gate import Peer
from gateway.transport.http import LINK, PEER
from tests.housing import House


def asked(house: House, path: str) -> tuple[int, bytes]:
    """Status and body of what the application sends to the hospital."""
    signer = house.partner("hospital", "physician").identity.signer
    assert signer is not None
    scope = {
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(b"content-type", b"application/soap+xml"), (b"content-length", b"0")],
        PEER: Peer(host="127.0.0.1", port=1, certificate=signer.certificate),
        LINK: None,
    }
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    application = Application(house.gateway.engine, doors(house.gateway), "https://localhost:8443")
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)


def test_a_mistake_of_ours_before_the_body_is_read_is_told_and_audited(house: House) -> None:
    """The table that says who is revoked is not there: nobody can be let in."""
    before = house.audit_rows()
    house.change("ALTER TABLE revocation RENAME TO elsewhere")
    status, body = asked(house, "/xds/registry")
    assert status == 500
    assert etree.fromstring(body).tag == "{http://www.w3.org/2003/05/soap-envelope}Envelope"
    assert b"OperationalError" not in body
    assert b"elsewhere" not in body
    assert house.audit_rows() == before + 1
    ((trace, outcome),) = house._query("SELECT trace_id, outcome FROM audit ORDER BY id DESC LIMIT 1")
    assert outcome != 0
    assert str(trace).encode() in body
