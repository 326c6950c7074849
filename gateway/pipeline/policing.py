"""Tells the audit of the policy itself: proposed, activated, or refused (DICOM PS3.15 A.5, 110129)."""

from __future__ import annotations

from gateway.audit.alerts import configuration_changed
from gateway.audit.objects import policy_object
from gateway.audit.record import Human
from gateway.declare.events import Outcome
from gateway.errors import GatewayError, SettingsInvalid
from gateway.pipeline.engine import Engine
from gateway.pipeline.telling import tell_alone
from gateway.policy.manifest import Manifest
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


async def tell_policy_refused(problem: SettingsInvalid, engine: Engine) -> None:
    """Writes the audit row of a policy that a worker did not take up; the object is what stays in force."""
    await tell_policy_not_changed(problem, None, engine)
