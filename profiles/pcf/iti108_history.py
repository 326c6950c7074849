"""ITI-108 Access Consent, history of one consent (PCF 2:3.108.4.2, FHIR R4 http 3.1.0.16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import orjson

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, Octets
from gateway.declare.events import EventAction, resource_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, Transaction
from gateway.record.consents import Consent
from gateway.record.domain import Domain
from profiles.pcf.errors import refuse_known
from profiles.pcf.iti108_create import ACTORS, CODE, SECTION, TITLE
from profiles.pcf.iti108_read import versions
from profiles.pcf.wire.consent import resource_of
from profiles.pcf.wire.request import Named, audited, read_named, target_named


@dataclass(frozen=True, kw_only=True)
class History(Answer):
    """All versions, oldest first."""

    versions: Sequence[Consent]
    base: str


def encode(response: History, domain: Domain) -> FhirReply:
    """A Bundle of type history, the newest version first."""
    entries = [_entry(each, response.base, domain) for each in reversed(response.versions)]
    bundle = {"resourceType": "Bundle", "type": "history", "total": len(entries), "entry": entries}
    return FhirReply(200, JSON, Octets(orjson.dumps(bundle)))


def _entry(consent: Consent, base: str, domain: Domain) -> dict[str, Any]:
    first = consent.version == 1
    return {
        "fullUrl": f"{base}/Consent/{consent.id}",
        "resource": resource_of(consent, domain),
        "request": {
            "method": "POST" if first else "PUT",
            "url": "Consent" if first else f"Consent/{consent.id}",
        },
        "response": {
            "status": "201" if first else "200",
            "etag": f'W/"{consent.version}"',
            "lastModified": consent.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        },
    }


async def handle(call: Call[Named], services: Services) -> History:
    """Every version that was kept."""
    found = await versions(call, services, call.request.id)
    return History(versions=found, base=call.request.base, objects=audited(found[-1:]))


TRANSACTION: Transaction[Named, History] = Transaction(
    code=CODE,
    title=TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="GET", path="/Consent/{id}/_history"),
    action=Action.RIGHTS_READ,
    audit=resource_event(CODE, TITLE, EventAction.READ),
    codec=Codec(decode=read_named, encode=encode, refuse=refuse_known),
    target=target_named,
    handle=handle,
)
