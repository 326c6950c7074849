"""Tells the audit that the audit trail itself was used (DICOM PS3.15 A.5.3.2 Audit Log Used)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gateway.audit.erasure import TRANSACTION, Erasure, erasure_details
from gateway.audit.objects import ERASED, audit_log_object, patient_object
from gateway.audit.record import AuditFacts, Human
from gateway.declare.events import (
    AUDIT_LOG_USED,
    DOSSIER_MADE,
    ERASING_ASKED,
    HOLD_CHANGED,
    TRAIL_ERASED,
    EventAction,
    Outcome,
)
from gateway.pipeline.engine import Engine
from gateway.pipeline.keeping import Circumstances, keep
from gateway.pipeline.telling import tell_alone
from gateway.record.people import Code, PatientId
from gateway.stores.work import UnitOfWork


def tell_erased(erasure: Erasure, origin: str, engine: Engine, work: UnitOfWork) -> int:
    """Notes the record of an erasure in the unit of work that brings it about; gives the id of its row."""
    facts = _facts(TRAIL_ERASED, EventAction.DELETE, engine)
    log = audit_log_object(origin, erasure_details(erasure), life_cycle=ERASED)
    about = Circumstances(node=engine.here.user_id, transaction=TRANSACTION)
    return keep(replace(facts, objects=(log,)), about, engine.new_trace(), engine, work)


def tell_hold(
    what: str,
    patients: Sequence[PatientId],
    actor: str,
    origin: str,
    engine: Engine,
    work: UnitOfWork,
    *,
    outcome: Outcome = Outcome.SUCCESS,
) -> int:
    """Notes the audit row of a legal hold that was set or released, or whose release was proposed or refused.

    It stands in the patient's trail too.
    """
    facts = replace(_facts(HOLD_CHANGED, EventAction.UPDATE, engine), outcome=outcome)
    objects = (*map(patient_object, patients), audit_log_object(origin, (("Hold", what),)))
    return tell_alone(replace(facts, objects=objects, human=Human(actor, actor)), engine, work)


def tell_asked(
    what: str, actor: str, origin: str, engine: Engine, work: UnitOfWork, *, outcome: Outcome
) -> int:
    """Notes the audit row of erasing that one proposed, another confirmed, or the same was refused."""
    facts = replace(_facts(ERASING_ASKED, EventAction.UPDATE, engine), outcome=outcome)
    objects = (audit_log_object(origin, (("Erasing", what),)),)
    return tell_alone(replace(facts, objects=objects, human=Human(actor, actor)), engine, work)


async def tell_used(what: str, actor: str, origin: str, engine: Engine) -> None:
    """Writes the audit row of an operator who took something out of the trail; nothing else is written."""
    facts, work = _facts(DOSSIER_MADE, EventAction.READ, engine), UnitOfWork()
    objects = (audit_log_object(origin, (("Used", what),)),)
    tell_alone(replace(facts, objects=objects, human=Human(actor, actor)), engine, work)
    await engine.committer.commit(work)


def _facts(kind: Code, action: EventAction, engine: Engine) -> AuditFacts:
    return AuditFacts(
        event=AUDIT_LOG_USED,
        type=kind,
        action=action,
        at=engine.clock(),
        outcome=Outcome.SUCCESS,
        source=engine.here,
        destination=engine.here,
        audit_source=engine.audit_source,
    )
