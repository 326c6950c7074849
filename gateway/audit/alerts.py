"""Events the gateway tells of itself: alerts, failed logins, start and stop (ITI TF-2 3.20.4.1.1.1)."""

from __future__ import annotations

from datetime import datetime

from gateway.audit.objects import AuditObject, alert_subject_object
from gateway.audit.record import AuditFacts, AuditSource, Human, Participant
from gateway.declare.events import (
    APPLICATION,
    APPLICATION_ACTIVITY,
    APPLICATION_LAUNCHER,
    REPLY_DELIVERED,
    SECURITY_ALERT,
    SECURITY_CONFIGURATION,
    USER_AUTHENTICATION,
    AuditEvent,
    EventAction,
    Outcome,
)
from gateway.record.people import Code


def security_alert(
    kind: Code,
    *,
    at: datetime,
    outcome: Outcome,
    peer: Participant,
    here: Participant,
    audit_source: AuditSource,
    description: str,
    trace_id: str | None = None,
) -> AuditFacts:
    """Security Alert 110113 of one of the alert types of `declare.events`; `peer` is who caused it."""
    return AuditFacts(
        event=SECURITY_ALERT,
        type=kind,
        action=EventAction.EXECUTE,
        at=at,
        outcome=outcome,
        source=peer,
        destination=here,
        audit_source=audit_source,
        objects=(alert_subject_object(peer.network_id, description),),
        description=description,
        trace_id=trace_id,
    )


def configuration_changed(
    objects: tuple[AuditObject, ...],
    *,
    at: datetime,
    outcome: Outcome,
    here: Participant,
    audit_source: AuditSource,
    human: Human | None,
    description: str,
    trace_id: str | None = None,
) -> AuditFacts:
    """Security Alert 110113 of the type 110129: `human` changed rules of security, or could not."""
    return AuditFacts(
        event=SECURITY_ALERT,
        type=SECURITY_CONFIGURATION,
        action=EventAction.EXECUTE,
        at=at,
        outcome=outcome,
        source=here._replace(is_requestor=human is None),
        destination=here,
        audit_source=audit_source,
        objects=objects,
        human=human,
        description=description,
        trace_id=trace_id,
    )


def user_authentication(
    kind: Code,
    *,
    at: datetime,
    outcome: Outcome,
    peer: Participant,
    here: Participant,
    audit_source: AuditSource,
    human: Human | None = None,
    description: str | None = None,
    trace_id: str | None = None,
) -> AuditFacts:
    """User Authentication 110114: LOGIN or LOGOUT; a refused assertion is LOGIN with outcome 8."""
    return AuditFacts(
        event=USER_AUTHENTICATION,
        type=kind,
        action=EventAction.EXECUTE,
        at=at,
        outcome=outcome,
        source=peer,
        destination=here,
        audit_source=audit_source,
        human=human,
        description=description,
        trace_id=trace_id,
    )


def reply_delivered(
    *, at: datetime, here: Participant, peer: Participant, audit_source: AuditSource, trace_id: str
) -> AuditFacts:
    """Application Activity 110100 of the type REPLY_DELIVERED: an asynchronous reply was taken."""
    return AuditFacts(
        event=APPLICATION_ACTIVITY,
        type=REPLY_DELIVERED,
        action=EventAction.EXECUTE,
        at=at,
        outcome=Outcome.SUCCESS,
        source=here,
        destination=peer,
        audit_source=audit_source,
        trace_id=trace_id,
    )


def notified(
    event: AuditEvent,
    objects: tuple[AuditObject, ...],
    *,
    at: datetime,
    outcome: Outcome,
    here: Participant,
    peer: Participant,
    audit_source: AuditSource,
    trace_id: str,
) -> AuditFacts:
    """The event of a transaction that we are the initiator of, as its source tells it."""
    return AuditFacts(
        event=event.sent,
        type=event.type,
        action=event.sent_action,
        at=at,
        outcome=outcome,
        source=here._replace(is_requestor=True),
        destination=peer,
        audit_source=audit_source,
        objects=objects,
        trace_id=trace_id,
    )


def application_activity(
    kind: Code, *, at: datetime, here: Participant, launcher: str, audit_source: AuditSource
) -> AuditFacts:
    """Application Activity 110100: APPLICATION_START or APPLICATION_STOP; `launcher` is the OS account."""
    started_by = Participant(launcher, here.network_id, is_requestor=True, role=APPLICATION_LAUNCHER)
    application = Participant(here.user_id, here.network_id, here.process_id, role=APPLICATION)
    return AuditFacts(
        event=APPLICATION_ACTIVITY,
        type=kind,
        action=EventAction.EXECUTE,
        at=at,
        outcome=Outcome.SUCCESS,
        source=started_by,
        destination=application,
        audit_source=audit_source,
    )
