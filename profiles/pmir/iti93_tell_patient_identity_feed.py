"""ITI-93 Mobile Patient Identity Feed (PMIR 2:3.93), as its supplier: changed patients as a FHIR message."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import orjson

from gateway.bindings import fhirxml
from gateway.bindings.fhirrequest import JSON, XML
from gateway.crypto import safejson
from gateway.declare.bindings import Fhir
from gateway.declare.events import EventAction, notification_event
from gateway.declare.notification import About, Named, Notice, Notification, Reception, Telling
from gateway.declare.services import Services
from gateway.declare.transaction import Call
from gateway.identity.systems import system_principal
from gateway.record.access import Scope
from gateway.record.patients import PersonChange
from gateway.record.people import Node, PatientId
from gateway.record.subscriptions import Status
from gateway.stores.work import UnitOfWork
from profiles.pmir.wire.feed import Draft, Json, deleted, message, response_code, written

_CODE = "ITI-93"
_TITLE = "Mobile Patient Identity Feed"
_LARGEST_ANSWER = 1024 * 1024
_DEPTH = 64
_SUCCESS = range(200, 300)
_REFUSED = frozenset({400, 422})
_RECEPTIONS = {"ok": Reception.TAKEN, "transient-error": Reception.AGAIN, "fatal-error": Reception.REFUSED}


def write(telling: Telling) -> Iterable[Notice]:
    """One message for all patients that one request changed, each of them once."""
    asked = telling.subscription
    draft = Draft(
        message_id=telling.new_id(),
        bundle_id=telling.new_id(),
        address=telling.subscriber.address,
        xml=asked is not None and asked.content_type.startswith(XML),
        created=tuple(each.person for each in telling.changes if not each.before),
        changed=tuple(each.person for each in telling.changes if each.before),
        domains=tuple(sorted(telling.subscriber.domains)),
        subscription=asked.key if asked is not None else None,
    )
    named = dict.fromkeys(patient for change in telling.changes for patient in _patients(change))
    about = About(draft.message_id, tuple(map(Named, named)), draft.subscription)
    yield Notice(draft.dump(), about, f"{XML if draft.xml else JSON}; charset=utf-8")


def _patients(change: PersonChange) -> tuple[PatientId, ...]:
    return change.after or change.before


async def complete(payload: bytes, node: Node, services: Services, at: datetime) -> bytes | None:
    """The message with the patients as they are now; None when the subscription was ended meanwhile."""
    draft = Draft.load(payload)
    if draft.subscription is not None:
        asked = await services.subscriptions.find(draft.subscription)
        if asked is None or asked.status is not Status.ACTIVE:
            return None
    entries = [await _entry(key, draft, node, services, at) for key in (*draft.created, *draft.changed)]
    told = message(draft, entries, services.domain, node, at)
    return fhirxml.write(told) if draft.xml else orjson.dumps(told)


async def _entry(key: int, draft: Draft, node: Node, services: Services, at: datetime) -> Json:
    """As the node may see the person: what is told is what a query of it would find."""
    call = Call(
        request=None,
        principal=system_principal(node),
        scope=Scope(persons=True),
        work=UnitOfWork(),
        at=at,
        node=node,
    )
    person = await services.index.person(call, key)
    if person is None:
        return deleted(key, services.domain)
    return written(draft.narrowed(person), services.domain, created=key in draft.created and person.active)


def judge(status: int, answer: bytes) -> Reception:
    """The code of the answering message; without one, the HTTP status."""
    if status in _REFUSED:
        return Reception.REFUSED
    if status not in _SUCCESS:
        return Reception.AGAIN
    code = response_code(_read(answer)) if answer.strip() else None
    return _RECEPTIONS.get(code or "ok", Reception.AGAIN)


def _read(answer: bytes) -> object:
    if answer.lstrip()[:1] == b"<":
        return fhirxml.read(answer, size=_LARGEST_ANSWER, depth=_DEPTH)
    return safejson.parse(answer)


NOTIFICATION = Notification(
    code=_CODE,
    title=_TITLE,
    section="PMIR 2:3.93",
    binding=Fhir(method="POST", path="/"),
    audit=notification_event(_CODE, _TITLE, EventAction.UPDATE),
    write=write,
    judge=judge,
    complete=complete,
    id_detail="MessageHeader.id",
)
