"""ITI-108 Access Consent, delete (PCF 2:3.108.4.4): the consent ends; it stays readable as inactive."""

from __future__ import annotations

from gateway.bindings.fhirrequest import JSON
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, Octets
from gateway.declare.events import EventAction, resource_event
from gateway.declare.services import Services
from gateway.declare.transaction import Answer, Call, Codec, Transaction
from gateway.errors import Meaning
from gateway.record.consents import Author, Status
from gateway.record.domain import Domain
from profiles.pcf.errors import refuse_known, refused
from profiles.pcf.iti108_create import ACTORS, CODE, SECTION, TITLE
from profiles.pcf.iti108_read import newest
from profiles.pcf.rules.decisions import check_holder
from profiles.pcf.wire.request import Named, audited, read_named, target_named

_REASON = "ended by its author's request"


def encode(response: Answer, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """204: there is nothing to say."""
    return FhirReply(204, JSON, Octets(b""))


async def handle(call: Call[Named], services: Services) -> Answer:
    """A last version says that it counts no longer; one that has ended already stays as it is."""
    asked = call.request
    before = await newest(call, services, asked.id)
    check_holder(call, before)
    if asked.seen not in {None, before.version}:
        text = f"the consent is of version {before.version} now"
        raise refused(Meaning.UPDATE_VERSION, text, "If-Match")
    if before.status is Status.ACTIVE:
        author = Author.of(call.principal, CODE)
        before = await services.access.rights.end(call, asked.id, author, _REASON)
    return Answer(objects=audited([before]))


TRANSACTION: Transaction[Named, Answer] = Transaction(
    code=CODE,
    title=TITLE,
    section=SECTION,
    actors=ACTORS,
    binding=Fhir(method="DELETE", path="/Consent/{id}"),
    action=Action.RIGHTS_CHANGE,
    audit=resource_event(CODE, TITLE, EventAction.DELETE),
    codec=Codec(decode=read_named, encode=encode, refuse=refuse_known),
    target=target_named,
    handle=handle,
)
