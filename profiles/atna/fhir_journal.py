"""JRN-1 Read Journal: the patient reads who used the record, in plain sentences. A transaction of ours.

Whoever may not read it, and for whichever patient is not known here, gets one and the same refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import orjson

from gateway.bindings import fhirxml
from gateway.declare.actions import Action
from gateway.declare.bindings import Fhir, FhirReply, FhirRequest, Octets
from gateway.declare.events import ObjectKind, audit_use_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning
from gateway.journal.answers import written
from gateway.journal.book import read_journal
from gateway.record.domain import Domain
from gateway.record.people import Code
from gateway.stores.threads import in_thread
from profiles.atna.rules.journal import MEDIA, JournalRequest, read_request
from profiles.pdqm.errors import outcome_reply
from profiles.pdqm.rules import refused

_CODE, _TITLE, _SCHEME = "JRN-1", "Read Journal", "2.999.1.2"


@dataclass(frozen=True, kw_only=True)
class Told(Answer):
    """The journal in the form that was asked for."""

    form: str
    content: bytes


def decode(payload: FhirRequest, domain: Domain) -> JournalRequest:
    """`patient` and perhaps `from`, `to`, `language`, `format`, `_count`."""
    return read_request(payload, domain)


def encode(response: Told, domain: Domain) -> FhirReply:  # noqa: ARG001 - the shape of a codec
    """A page does nothing but be read."""
    headers = {}
    if response.form in {"html", "pdf"}:
        headers["content-disposition"] = f'attachment; filename="journal.{response.form}"'
    media = MEDIA[response.form]
    named = f"{media}; charset=utf-8" if response.form == "html" else media
    return FhirReply(200, named, Octets(response.content), headers)


def target(request: JournalRequest) -> Target:
    """The patient, and the request as it came."""
    return Target(patients=(request.asked.patient,), query=QueryText("AuditEvent", request.text.encode()))


async def handle(call: Call[JournalRequest], services: Services) -> Told:
    """As far as the reader may see the record."""
    request = call.request
    if not call.scope.grants:
        raise refused(Meaning.NOT_FOUND, "no journal is available for this patient", "patient")
    journal = await read_journal(services, call.scope, request.asked, call.at)
    links = {"self": f"{request.base}/AuditEvent/$journal?{request.text}"}
    if journal.more is not None:
        links["next"] = request.next(journal.more)
    hand = services.access.trail.hand
    form = "json" if request.form == "xml" else request.form
    content = await written(journal, form, request.language, links, hand)
    if request.form == "xml":
        content = await in_thread(_as_xml, content)
    return Told(form=request.form, content=content)


def _as_xml(content: bytes) -> bytes:
    return fhirxml.write(orjson.loads(content))


_EVENT = audit_use_event(_CODE, _TITLE)
_AUDIT = replace(
    _EVENT,
    type=Code(_CODE, _SCHEME, _TITLE),
    objects=_EVENT.objects | {ObjectKind.PATIENT},
)


def _transaction(method: str) -> Transaction[JournalRequest, Told]:
    return Transaction(
        code=_CODE,
        title=_TITLE,
        section="Journal",
        actors=Actors("Journal Reader", "Audit Record Repository"),
        binding=Fhir(method=method, path="/AuditEvent/$journal", gives="*/*"),
        action=Action.JOURNAL_READ,
        audit=_AUDIT,
        codec=Codec(decode=decode, encode=encode, refuse=outcome_reply),
        target=target,
        handle=handle,
    )


BY_URL, BY_RESOURCE = _transaction("GET"), _transaction("POST")
