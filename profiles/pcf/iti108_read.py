"""ITI-108 Access Consent, read and vread (PCF 2:3.108.4.2): one consent, as it is now or was."""

from __future__ import annotations

from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir
from gateway.declare.events import EventAction, resource_event
from gateway.declare.services import Services
from gateway.declare.transaction import Call, Codec, Transaction
from gateway.errors import Meaning
from gateway.record.consents import Consent
from profiles.pcf.errors import refuse_known, refused
from profiles.pcf.iti108_create import ACTORS, CODE, SECTION, TITLE
from profiles.pcf.wire.request import Named, Told, audited, read_named, target_named, write_told


async def versions(call: Call[Any], services: Services, identifier: str) -> list[Consent]:
    """All versions, oldest first; what does not exist and what is not for the caller get the same answer."""
    found = await services.access.rights.versions(call, identifier)
    if not found:
        raise refused(Meaning.NOT_FOUND, "no consent is available at this URL", "Consent")
    return found


async def newest(call: Call[Any], services: Services, identifier: str) -> Consent:
    """The consent as it is now."""
    return (await versions(call, services, identifier))[-1]


async def handle(call: Call[Named], services: Services) -> Told:
    """The newest version, or the one asked for."""
    asked = call.request
    found = await versions(call, services, asked.id)
    wanted = [each for each in found if asked.version in {None, each.version}]
    if not wanted:
        raise refused(Meaning.NOT_FOUND, "no consent is available at this URL", "Consent")
    return Told(consent=wanted[-1], base=asked.base, objects=audited(wanted[-1:]))


def _declared(path: str) -> Transaction[Named, Told]:
    return Transaction(
        code=CODE,
        title=TITLE,
        section=SECTION,
        actors=ACTORS,
        binding=Fhir(method="GET", path=path),
        action=Action.RIGHTS_READ,
        audit=resource_event(CODE, TITLE, EventAction.READ),
        codec=Codec(decode=read_named, encode=write_told, refuse=refuse_known),
        target=target_named,
        handle=handle,
    )


READ, VREAD = _declared("/Consent/{id}"), _declared("/Consent/{id}/_history/{version}")
TRANSACTIONS = (READ, VREAD)
