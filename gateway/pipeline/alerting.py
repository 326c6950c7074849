"""Tells the trail of alerts and of the handling of incidents (Security Alert, DICOM PS3.15 A.5.3.11)."""

from __future__ import annotations

from dataclasses import replace

from gateway.audit.alerts import security_alert
from gateway.audit.objects import alert_subject_object
from gateway.audit.record import AuditFacts, Human
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.errors import Denied
from gateway.pipeline.engine import Engine
from gateway.pipeline.telling import tell_alone
from gateway.stores.alerts import Alert
from gateway.stores.work import UnitOfWork
from gateway.watch.incident import Incident, Step, StepKind

_OUTCOMES = {"low": Outcome.SUCCESS, "medium": Outcome.MINOR_FAILURE, "high": Outcome.SERIOUS_FAILURE}
"""Success is an informative alert (DICOM A.5.3.11)."""


def tell_alert(alert: Alert, engine: Engine, work: UnitOfWork) -> int:
    """Notes the audit row of an alert."""
    told = {
        "rule": alert.rule,
        "alert": str(alert.number),
        "severity": alert.severity,
        "count": str(alert.count),
        "events": " ".join(alert.events),
    }
    facts = _facts(
        f"{alert.kind}:{alert.subject}",
        f"{alert.rule}: {alert.explanation}",
        tuple(told.items()),
        _OUTCOMES[alert.severity],
        engine,
    )
    return tell_alone(replace(facts, type=events.WATCH_ALERT), engine, work)


def _facts(
    subject: str,
    text: str,
    details: tuple[tuple[str, str], ...],
    outcome: Outcome,
    engine: Engine,
    actor: str | None = None,
) -> AuditFacts:
    facts = security_alert(
        events.INCIDENT_STEP,
        at=engine.clock(),
        outcome=outcome,
        peer=engine.here._replace(is_requestor=actor is None),
        here=engine.here,
        audit_source=engine.audit_source,
        description=text,
    )
    about = alert_subject_object(subject, text)
    human = None if actor is None else Human(actor, actor)
    return replace(facts, human=human, objects=(about._replace(details=(*about.details, *details)),))


def tell_dismissed(alert: Alert, reason: str, actor: str, engine: Engine, work: UnitOfWork) -> None:
    """Notes the audit row of an alert in which there was nothing."""
    text = f"alert {alert.number}, {alert.rule}, dismissed: {reason}"
    subject, details = f"alert:{alert.number}", (("alert", str(alert.number)),)
    tell_alone(_facts(subject, text, details, Outcome.SUCCESS, engine, actor), engine, work)


def tell_step(step: Step, incident: Incident, engine: Engine, work: UnitOfWork) -> int:
    """Notes the audit row of a step: its digest, never what it says, for notes are written by hand."""
    text = f"incident {step.incident}, step {step.number}: {step.kind}"
    details = (
        ("incident", str(step.incident)),
        ("step", str(step.number)),
        ("severity", incident.severity),
        ("digest", step.digest.hex()),
    )
    facts = _facts(f"incident:{step.incident}", text, details, Outcome.SUCCESS, engine, step.actor)
    return tell_alone(facts, engine, work)


async def tell_refused(number: int, kind: StepKind, refusal: Denied, actor: str, engine: Engine) -> None:
    """Writes the audit row of a step that was refused; nothing but the row is written."""
    work, text = UnitOfWork(), f"incident {number}, {kind} refused: {refusal.detail}"
    details = (("incident", str(number)), ("reason", refusal.reason))
    facts = _facts(f"incident:{number}", text, details, Outcome.SERIOUS_FAILURE, engine, actor)
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)


def tell_switch(number: int, text: str, actor: str, engine: Engine, work: UnitOfWork) -> None:
    """Notes the audit row of a name that is shut out or let in under an incident (110137)."""
    subject, details = f"incident:{number}", (("incident", str(number)),)
    facts = _facts(subject, f"{text} (incident {number})", details, Outcome.SUCCESS, engine, actor)
    tell_alone(replace(facts, type=events.USER_SECURITY_CHANGED), engine, work)
