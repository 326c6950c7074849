"""Tells the audit what became of what left later: taken, shown to a stranger, given up (ITI-20)."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from gateway.audit.alerts import notified, reply_delivered, security_alert
from gateway.audit.objects import PATIENT_ID_KIND, AuditObject, Details, patient_object
from gateway.audit.record import AuditFacts, Participant
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.declare.notification import About, Named, Notification
from gateway.pipeline.engine import Engine
from gateway.pipeline.keeping import Circumstances, keep
from gateway.record.people import Code
from gateway.stores.outbox import Claimed
from gateway.stores.work import UnitOfWork


def tell_delivered(reply: Claimed, sent: bytes, certificate: bytes, engine: Engine, work: UnitOfWork) -> int:
    """Notes the audit row of a reply that was taken; its evidence has the octets as they left."""
    facts = reply_delivered(
        at=engine.clock(),
        here=engine.here,
        peer=_peer(reply),
        audit_source=engine.audit_source,
        trace_id=reply.trace_id,
    )
    return _keep(reply, facts, engine, work, certificate=certificate, sent=sent)


def tell_notified(
    row: Claimed,
    notification: Notification,
    about: About,
    sent: bytes,
    certificate: bytes,
    engine: Engine,
    work: UnitOfWork,
) -> int:
    """Notes the audit row of a notification that was taken, with the patients it names."""
    facts = _notified(row, notification, about, Outcome.SUCCESS, engine)
    return _keep(row, facts, engine, work, certificate=certificate, sent=sent)


def tell_notice_given_up(
    row: Claimed, notification: Notification, about: About, reason: str, engine: Engine, work: UnitOfWork
) -> None:
    """Notes that a notification failed, whom it was about, and an alert: it is not tried any more."""
    _keep(row, _notified(row, notification, about, Outcome.SERIOUS_FAILURE, engine), engine, work)
    text = f"the notification {notification.code} {about.message_id} was given up: {reason}"
    _keep(row, _alert(row, events.NOTIFICATION_GIVEN_UP, text, engine), engine, work)


def _notified(
    row: Claimed, notification: Notification, about: About, outcome: Outcome, engine: Engine
) -> AuditFacts:
    identified = ((notification.id_detail, about.message_id),) if notification.id_detail else ()
    return notified(
        notification.audit,
        tuple(_patient(each, identified) for each in about.patients),
        at=engine.clock(),
        outcome=outcome,
        here=engine.here,
        peer=_peer(row),
        audit_source=engine.audit_source,
        trace_id=row.trace_id,
    )


def _patient(named: Named, identified: Details) -> AuditObject:
    details = (*identified, (PATIENT_ID_KIND, named.kind)) if named.kind else identified
    return patient_object(named.patient, details)._replace(life_cycle=named.life_cycle or None)


def tell_impostor(reply: Claimed, reason: str, engine: Engine, work: UnitOfWork) -> int:
    """Notes an alert: who answered at the address is not the node. Nothing was sent."""
    return _keep(reply, _alert(reply, events.NODE_AUTHENTICATION, reason, engine), engine, work)


def tell_given_up(reply: Claimed, engine: Engine, work: UnitOfWork, reason: str = "") -> int:
    """Notes an alert: the reply was not taken in its time and is dropped."""
    reason = reason or f"the reply to {reply.transaction} was given up after {reply.attempts - 1} attempts"
    return _keep(reply, _alert(reply, events.REPLY_GIVEN_UP, reason, engine), engine, work)


def _alert(reply: Claimed, kind: Code, reason: str, engine: Engine) -> AuditFacts:
    return security_alert(
        kind,
        at=engine.clock(),
        outcome=Outcome.SERIOUS_FAILURE,
        peer=_peer(reply),
        here=engine.here,
        audit_source=engine.audit_source,
        description=f"{reply.address}: {reason}",
        trace_id=reply.trace_id,
    )


def _peer(reply: Claimed) -> Participant:
    return Participant(reply.node, urlsplit(reply.address).hostname or "unknown")


def _keep(
    reply: Claimed,
    facts: AuditFacts,
    engine: Engine,
    work: UnitOfWork,
    *,
    certificate: bytes | None = None,
    sent: bytes | None = None,
) -> int:
    about = Circumstances(
        node=reply.node,
        node_certificate=certificate,
        transaction=reply.transaction,
        reply=hashlib.sha256(sent).digest() if sent is not None else None,
        reply_to=reply.address,
    )
    return keep(facts, about, reply.trace_id, engine, work)
