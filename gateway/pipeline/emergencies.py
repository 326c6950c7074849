"""What a permitted emergency obliges to, in the transaction of the access itself (rule P10, obligations).

All requests of a person for a patient within the time of the policy are one emergency: one entry for the
review, one notice to the patient. It ends with that time, or as soon as the patient shuts the person out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.audit.alerts import security_alert
from gateway.audit.objects import patient_object
from gateway.audit.record import AuditFacts, Human, Participant, human_of
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.errors import Outdated
from gateway.pipeline.announce import announce_notice
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.keeping import Circumstances, keep
from gateway.pipeline.telling import tell_alone
from gateway.pipeline.verdict import Verdict
from gateway.policy.case import claims_emergency
from gateway.policy.engine import NOTIFY_PATIENT, SWITCHED_OFF, TOO_MANY
from gateway.record.access import Decision
from gateway.record.emergencies import Claim, Claimant, Emergency
from gateway.record.people import Code, PatientId, Principal
from gateway.stores.work import UnitOfWork

SHUT_OUT = frozenset({"SUBJECT_UNKNOWN", "DSP_UNAVAILABLE", "CONSENT", "BLACKLIST"})
"""Reasons of a refusal that end an open emergency; what the person asked wrongly does not."""
SWITCHED, OVER = "SWITCHED-OFF", "TIME"
"""Further words for why an emergency ended."""


async def fulfil(x: Exchange, engine: Engine) -> None:
    """Notes what the decisions of an exchange that succeeds oblige to, where an emergency is claimed."""
    if claims_emergency(engine.policies.current(), x.principal):
        await _settle(x, engine, x.work, x.verdict)


async def settle_refused(x: Exchange, engine: Engine, work: UnitOfWork) -> None:
    """The same for one that is refused: an emergency may end by it, none begins."""
    verdict: Verdict | None = x.known("verdict")
    if verdict is None or not claims_emergency(engine.policies.current(), x.principal):
        return
    denied = tuple(each for each in verdict.answers if not each.decision.permitted)
    await _settle(x, engine, work, replace(verdict, answers=denied), once=False)


async def _settle(
    x: Exchange, engine: Engine, work: UnitOfWork, verdict: Verdict, *, once: bool = True
) -> None:
    claims = await engine.services.access.emergencies.claims(x.principal.subject)
    number = claims[0].number if claims else 0
    since = x.begun - engine.policies.current().emergency.within
    reached = {each.patient_key for each in claims if each.at > since}
    decided = {each.patient: each.decision for each in verdict.answers}
    for patient, decision in decided.items():
        running = [each for each in claims if each.patient == patient and each.open(x.at)]
        if NOTIFY_PATIENT in decision.obligations and patient is not None:
            if not running:
                number += 1
                reached.add(_new_patient(x, engine, patient, reached))
            await _use(x, engine, work, patient, running[0] if running else None, number)
        elif (why := ended_by(decision)) is not None:
            for each in running:
                engine.services.access.emergencies.stop(work, each.key, why, x.at, once=once)
                _keep(x, engine, work, stopped(each.patient, human_of(x.principal), why, engine, x.at))
        if decision.path[-1] == TOO_MANY:
            _keep(x, engine, work, _exceeded(x, engine, patient))


def _new_patient(x: Exchange, engine: Engine, patient: PatientId, reached: set[int]) -> int:
    """Record key of a patient whom the person may still reach.

    Outdated where others were reached since the decision: the numbers of emergencies tell of those that begin
    after this look only.
    """
    keys = {key for key, identity in x.verdict.scope.identities.items() if identity == patient}
    if len(reached - keys) >= engine.policies.current().emergency.most:
        raise Outdated("other emergencies of the same person began meanwhile")
    return x.verdict.scope.keys[patient]


def ended_by(decision: Decision) -> str | None:
    """Why an open emergency ends with this refusal, in a word; None where it goes on."""
    if decision.permitted:
        return None
    if decision.path[-1] == SWITCHED_OFF:
        return SWITCHED
    return decision.reason if decision.reason in SHUT_OUT else None


async def _use(
    x: Exchange, engine: Engine, work: UnitOfWork, patient: PatientId, running: Claim | None, number: int
) -> None:
    store = engine.services.access.emergencies
    key = running.key if running is not None else await _begin(x, engine, work, patient, number)
    store.use(work, key, x.transaction.code, x.trace_id, x.at)


async def _begin(x: Exchange, engine: Engine, work: UnitOfWork, patient: PatientId, number: int) -> int:
    """A new emergency, with the notice to the patient."""
    rules, store = engine.policies.current().emergency, engine.services.access.emergencies
    patient_key, who = x.verdict.scope.keys[patient], claimant_of(x.principal)
    key = await store.open(
        work,
        number=number,
        patient_key=patient_key,
        claimant=who,
        at=x.at,
        until=x.at + rules.length,
        deadline=x.at + rules.review,
        trace_id=x.trace_id,
    )
    notice = await store.notify(work, key, patient, patient_key, who, x.at)
    await announce_notice(notice, engine, work, x.at, x.trace_id)
    return key


def claimant_of(principal: Principal) -> Claimant:
    """Who claims an emergency, and why."""
    role = principal.role or Code("", "")
    return Claimant(
        subject=principal.subject,
        name=principal.name,
        role=role.code,
        role_name=role.display or role.code,
        organisation=principal.organisation,
        organisation_name=principal.organisation_name,
        reason=(principal.emergency_reason or "").strip(),
    )


async def end_run_out(engine: Engine, work: UnitOfWork, most: int) -> int:
    """Notes the end of emergencies whose time is over, each with its audit entry; gives their number."""
    now, store = engine.clock(), engine.services.access.emergencies
    over = await store.run_out(now, most)
    for each in over:
        store.stop(work, each.key, OVER, each.until)
        tell_alone(replace(_run_out(each, engine, now), trace_id=each.trace_id), engine, work)
    return len(over)


# --- the audit -----------------------------------------------------------------------------------


def _run_out(emergency: Emergency, engine: Engine, now: datetime) -> AuditFacts:
    who = emergency.claimant
    return stopped(emergency.patient, Human(who.subject, who.name), OVER, engine, now)


def stopped(patient: PatientId, human: Human, why: str, engine: Engine, at: datetime) -> AuditFacts:
    """Security Alert (110113) of the type Emergency Override Stopped (110138)."""
    facts = security_alert(
        events.EMERGENCY_STOPPED,
        at=at,
        outcome=Outcome.SUCCESS,
        peer=engine.here,
        here=engine.here,
        audit_source=engine.audit_source,
        description=f"an emergency access ended: {why}",
    )
    return replace(facts, human=human, objects=(patient_object(patient), *facts.objects))


def _exceeded(x: Exchange, engine: Engine, patient: PatientId | None) -> AuditFacts:
    """An alert: somebody claims emergencies for more patients than the policy allows."""
    host = x.raw.peer_host or "unknown"
    facts = security_alert(
        events.EMERGENCIES_EXCEEDED,
        at=x.at,
        outcome=Outcome.SERIOUS_FAILURE,
        peer=Participant(x.node.name, host, is_requestor=True),
        here=engine.here,
        audit_source=engine.audit_source,
        description="emergency access was claimed for too many patients, and refused",
    )
    named = (patient_object(patient),) if patient is not None else ()
    return replace(facts, human=human_of(x.principal), objects=(*named, *facts.objects))


def _keep(x: Exchange, engine: Engine, work: UnitOfWork, facts: AuditFacts) -> None:
    about = Circumstances(
        node=x.node.name,
        node_certificate=x.raw.peer_certificate,
        transaction=x.transaction.code,
        request=x.raw.digest(),
        principal=x.principal,
        verdict=x.verdict,
    )
    keep(replace(facts, trace_id=x.trace_id), about, x.trace_id, engine, work)
