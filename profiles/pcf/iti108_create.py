"""ITI-108 Access Consent, create (PCF 2:3.108.4.1): a decision that holds from the commit on."""

from __future__ import annotations

from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir
from gateway.declare.events import EventAction, resource_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Call, Codec, Transaction
from gateway.record.consents import Author
from gateway.rights.book import Said
from profiles.pcf import codes
from profiles.pcf.errors import refuse_new
from profiles.pcf.rules.decisions import check_givers, patient_in, resolved
from profiles.pcf.wire.request import Brought, Told, audited, read_brought, target_brought, write_told

CODE, TITLE, SECTION = "ITI-108", "Access Consent", "PCF 2:3.108"
ACTORS = Actors("Consent Recorder", "Consent Registry")


async def handle(call: Call[Brought], services: Services) -> Told:
    """Kept as the first version, under an id of ours."""
    asked = call.request
    check_givers(call, asked.directives)
    patient = patient_in(call, asked.patient)
    said = Said(
        directives=await resolved(call, services, asked.directives),
        author=Author.of(call.principal, CODE),
        form=asked.form,
        status=asked.status,
    )
    kept = await services.access.rights.add(call, patient, said)
    return Told(consent=kept, base=asked.base, created=True, objects=audited([kept]))


TRANSACTION: Transaction[Brought, Told] = Transaction(
    code=CODE,
    title=TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="POST", path="/Consent", profiles=codes.PROFILES),
    action=Action.RIGHTS_CHANGE,
    audit=resource_event(CODE, TITLE, EventAction.CREATE),
    codec=Codec(decode=read_brought, encode=write_told, refuse=refuse_new),
    target=target_brought,
    handle=handle,
)
