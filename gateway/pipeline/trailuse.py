"""Tells the audit that the audit trail itself was used (DICOM PS3.15 A.5.3.2 Audit Log Used)."""

from __future__ import annotations

from gateway.audit.objects import audit_log_object
from gateway.audit.record import AuditFacts, Human
from gateway.declare.events import AUDIT_LOG_USED, DOSSIER_MADE, EventAction, Outcome
from gateway.pipeline.engine import Engine
from gateway.pipeline.telling import tell_alone
from gateway.stores.work import UnitOfWork


async def tell_used(what: str, actor: str, origin: str, engine: Engine) -> None:
    """Writes the audit row of an operator who took something out of the trail; nothing else is written."""
    facts = AuditFacts(
        event=AUDIT_LOG_USED,
        type=DOSSIER_MADE,
        action=EventAction.READ,
        at=engine.clock(),
        outcome=Outcome.SUCCESS,
        source=engine.here,
        destination=engine.here,
        audit_source=engine.audit_source,
        objects=(audit_log_object(origin, (("Used", what),)),),
        human=Human(actor, actor),
    )
    work = UnitOfWork()
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)
