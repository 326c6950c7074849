"""ITI-108 Access Consent, update (PCF 2:3.108.4.3): a new version in the place of the one that was seen."""

from __future__ import annotations

from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir
from gateway.declare.events import EventAction, resource_event
from gateway.declare.services import Services
from gateway.declare.transaction import Call, Codec, Transaction
from gateway.errors import Meaning
from gateway.record.consents import Author
from gateway.rights.book import Said
from profiles.pcf.errors import refuse_known, refused
from profiles.pcf.iti108_create import ACTORS, CODE, SECTION, TITLE
from profiles.pcf.iti108_read import newest
from profiles.pcf.rules.decisions import check_givers, check_holder, patient_in, resolved
from profiles.pcf.wire.request import Brought, Told, audited, read_brought, target_brought, write_told


async def handle(call: Call[Brought], services: Services) -> Told:
    """Refused (412) when it was changed since; nobody overwrites what they have not read."""
    asked = call.request
    before = await newest(call, services, asked.id)
    if asked.known is None:
        text = "If-Match or meta.versionId must tell the version that is replaced"
        raise refused(Meaning.MISSING_PARAMETER, text, "If-Match")
    check_holder(call, before)
    check_givers(call, asked.directives)
    if patient_in(call, asked.patient) != before.patient:
        text = "a consent stays with its patient"
        raise refused(Meaning.METADATA_INVALID, text, "Consent.patient")
    said = Said(
        directives=await resolved(call, services, asked.directives, before),
        author=Author.of(call.principal, CODE),
        form=asked.form,
        status=asked.status,
    )
    kept = await services.access.rights.change(call, asked.id, said, known=asked.known)
    return Told(consent=kept, base=asked.base, objects=audited([kept]))


TRANSACTION: Transaction[Brought, Told] = Transaction(
    code=CODE,
    title=TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="PUT", path="/Consent/{id}"),
    action=Action.RIGHTS_CHANGE,
    audit=resource_event(CODE, TITLE, EventAction.UPDATE),
    codec=Codec(decode=read_brought, encode=write_told, refuse=refuse_known),
    target=target_brought,
    handle=handle,
)
