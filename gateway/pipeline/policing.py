"""Tells the audit of the policy itself: proposed, activated, or refused (DICOM PS3.15 A.5, 110129)."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.audit.alerts import configuration_changed
from gateway.audit.objects import patient_object, policy_object
from gateway.audit.record import AuditFacts, Human
from gateway.declare.events import ACCESS_DECISION, PATIENT_RECORD, EventAction, Outcome
from gateway.errors import GatewayError, SettingsInvalid
from gateway.pipeline.engine import Engine
from gateway.pipeline.telling import tell_alone
from gateway.policy.manifest import Manifest
from gateway.record.people import PatientId
from gateway.stores.work import UnitOfWork


def tell_policy_changed(manifest: Manifest, actor: str, engine: Engine, work: UnitOfWork) -> int:
    """Notes the audit row of a proposal or an activation in the unit of work that brings it about."""
    named = {"proposer": manifest.proposer, "approver": manifest.approver, "reason": manifest.reason}
    details = tuple((name, text) for name, text in named.items() if text)
    facts = configuration_changed(
        (policy_object(manifest.version, (("number", str(manifest.number)), *details)),),
        at=engine.clock(),
        outcome=Outcome.SUCCESS,
        here=engine.here,
        audit_source=engine.audit_source,
        human=Human(actor, actor),
        description=f"{manifest.kind.value} of policy {manifest.version}",
    )
    return tell_alone(facts, engine, work)


async def tell_policy_not_changed(problem: GatewayError, actor: str | None, engine: Engine) -> None:
    """Writes the audit row of a change that was refused; nothing but the row is written."""
    where = f"{problem.location}: " if problem.location else ""
    facts = configuration_changed(
        (policy_object(engine.policies.current().version),),
        at=engine.clock(),
        outcome=Outcome.SERIOUS_FAILURE,
        here=engine.here,
        audit_source=engine.audit_source,
        human=None if actor is None else Human(actor, actor),
        description=f"policy refused, {where}{problem.detail}",
    )
    work = UnitOfWork()
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)


async def tell_explained(patients: Sequence[PatientId], actor: str, engine: Engine) -> None:
    """Writes the audit row of an operator who had a decision explained: it shows what patients decided."""
    facts = AuditFacts(
        event=PATIENT_RECORD,
        type=ACCESS_DECISION,
        action=EventAction.READ,
        at=engine.clock(),
        outcome=Outcome.SUCCESS,
        source=engine.here,
        destination=engine.here,
        audit_source=engine.audit_source,
        objects=tuple(patient_object(each) for each in patients),
        human=Human(actor, actor),
        description="a decision was explained to an operator",
    )
    work = UnitOfWork()
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)


async def tell_policy_refused(problem: SettingsInvalid, engine: Engine) -> None:
    """Writes the audit row of a policy that a worker did not take up; the object is what stays in force."""
    await tell_policy_not_changed(problem, None, engine)
