"""From a target to a scope: finds the records it names, asks the rights engine for each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gateway.declare.actions import Action
from gateway.declare.transaction import Candidates, Target
from gateway.errors import Denied, Meaning, OtherPatient, Problem, Refused
from gateway.pipeline.engine import Engine
from gateway.pipeline.verdict import Verdict
from gateway.policy.case import claims_emergency
from gateway.policy.engine import NOTIFY_PATIENT, has_profile
from gateway.policy.engine import decide as decide_one
from gateway.record.access import Decision, Grant, Scope, Standing
from gateway.record.patients import PatientRecord
from gateway.record.people import PatientId, Principal
from gateway.rights.rights_json import combined, from_json
from gateway.stores.search import visible

NEUTRAL = "the request is not permitted"


async def decide(
    principal: Principal, action: Action, target: Target, engine: Engine, at: datetime
) -> Verdict:
    """The verdict on a request; Refused when a write names a patient that no feed made known.

    A refused read gets an empty scope, so that its answer does not tell a denied record from an absent one.
    """
    standing = await engine.directories.standing(principal, at)
    asked = _Asked(principal, action, target, standing, await _reached(principal, engine, at), at)
    if not action.of_record:
        return _without_record(asked, engine)
    if principal.patient is not None and any(each != principal.patient for each in target.patients):
        raise OtherPatient("the assertion was issued for another patient", location="resource-id")
    records = await _records(target, engine)
    if target.candidates is not None and has_profile(engine.policies.current(), principal, action):
        records += await _owners(await _matching(target.candidates, engine), engine)
    decided = [(identity, record, _ask(asked, identity, record, engine)) for identity, record in records]
    if not action.silent:
        _refuse_unknown(decided)
    if not decided:
        decided = [(None, None, _ask(asked, None, None, engine))]
    scope = _scope(decided)
    return Verdict(
        decisions=tuple((identity, decision) for identity, _, decision in decided),
        scope=scope,
        hidden=await _hidden(target, scope, engine),
        patients=tuple(identity for identity, _, _ in decided if identity is not None),
    )


_Decided = tuple[PatientId | None, PatientRecord | None, Decision]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is the same for every record that a request is about."""

    principal: Principal
    action: Action
    target: Target
    standing: Standing
    reached: set[int] | None
    """Record keys of patients that a claimed emergency comes after; None where none is claimed."""
    at: datetime

    def standing_before(self, record: PatientRecord | None) -> Standing:
        """The standing with what the person did to other patients in emergencies."""
        if self.reached is None:
            return self.standing
        return replace(self.standing, emergencies=len(self.reached - set(record.keys if record else ())))


async def _reached(principal: Principal, engine: Engine, at: datetime) -> set[int] | None:
    """Patients whose records the person opened in emergencies within the window of the policy."""
    policy = engine.policies.current()
    if not claims_emergency(policy, principal):
        return None
    since = at - policy.emergency.within
    claims = await engine.services.access.emergencies.claims(principal.subject)
    return {each.patient_key for each in claims if each.at > since}


def _without_record(asked: _Asked, engine: Engine) -> Verdict:
    action = asked.action
    decision = decide_one(
        policy=engine.policies.current(),
        principal=asked.principal,
        action=action,
        rights=None,
        patient=None,
        at=asked.at,
        standing=asked.standing,
    )
    feeds = decision.permitted and action in {Action.PATIENT_FEED, Action.PATIENT_LINK}
    asks = decision.permitted and action in {Action.PATIENT_QUERY, Action.PATIENT_LINK}
    return Verdict(decisions=((None, decision),), scope=Scope(unrestricted=feeds, persons=asks))


def refuse_denied(verdict: Verdict, action: Action) -> None:
    """Denied unless permitted; reads of a record go on, with nothing in their scope."""
    leading = verdict.leading
    if not leading.permitted and not (action.silent and action.of_record):
        raise Denied(NEUTRAL, reason=leading.reason)


async def _records(target: Target, engine: Engine) -> list[tuple[PatientId | None, PatientRecord | None]]:
    """Every record the target names: by patient, or through objects whose owner must be looked up."""
    patients, domain = engine.services.patients, engine.services.domain
    # What a hospital calls a patient names no record: documents are kept under the affinity domain only.
    found: list[tuple[PatientId | None, PatientRecord | None]] = [
        (identity, await patients.find(identity) if domain.accepts(identity.root) else None)
        for identity in target.patients
    ]
    keys: set[int] = set()
    for naming in target.named:
        keys |= await engine.services.registry.owners(
            naming.kind, naming.by, naming.values, linked=naming.linked
        )
    if keys:
        found += [each for each in await _owners(keys, engine) if each[0] not in target.patients]
    return found


async def _owners(keys: set[int], engine: Engine) -> list[tuple[PatientId | None, PatientRecord | None]]:
    owners = await engine.services.patients.owners(sorted(keys)) if keys else ()
    return [(each.shown, each) for each in owners]


async def _matching(candidates: Candidates, engine: Engine) -> set[int]:
    """Whose objects match; a role without the action never gets here, so that it learns no number."""
    domain = engine.services.domain
    keys = await engine.services.registry.owners_of(
        candidates.kind, candidates.conditions, domain.max_patients, domain.owner_seconds
    )
    if keys is None:
        text = f"the objects of more than {domain.max_patients} patients match, or too many to look through"
        raise Refused(Problem(Meaning.TOO_MANY_RESULTS, f"{text}; ask for fewer"))
    return keys


def _ask(asked: _Asked, identity: PatientId | None, record: PatientRecord | None, engine: Engine) -> Decision:
    """The decision on one record; where the request does more than its transaction, the first refusal."""
    decision = _asked_all(asked, identity, record, engine)
    if asked.reached is not None and record is not None and NOTIFY_PATIENT in decision.obligations:
        asked.reached.add(record.head)
    return decision


def _asked_all(
    asked: _Asked, identity: PatientId | None, record: PatientRecord | None, engine: Engine
) -> Decision:
    rights = None
    if record is not None and not record.subsumed:
        rights = combined([from_json(each) for each in record.rights])
    decision: Decision | None = None
    for action in (asked.action, *asked.target.also):
        decided = decide_one(
            policy=engine.policies.current(),
            principal=asked.principal,
            action=action,
            rights=rights,
            patient=identity,
            at=asked.at,
            document_class=asked.target.classes or None,
            standing=asked.standing_before(record),
        )
        if not decided.permitted:
            return decided
        decision = decision or decided
    return decision or decided


def _refuse_unknown(decided: list[_Decided]) -> None:
    """A feed must have made the patient known; only then does the rights decision count."""
    for _, record, _ in decided:
        if record is None or record.subsumed:
            raise Refused(
                Problem(
                    Meaning.UNKNOWN_PATIENT,
                    "the patient is not known in this affinity domain; a patient identity feed must "
                    "come first",
                    "patientId",
                )
            )


def _scope(decided: list[_Decided]) -> Scope:
    grants: dict[int, Grant] = {}
    identities: dict[int, PatientId] = {}
    for _, record, decision in decided:
        if record is None or record.subsumed or decision.grant is None or not decision.permitted:
            continue
        for key in record.keys:
            grants[key] = decision.grant
            identities[key] = record.shown
    return Scope(grants=grants, identities=identities)


async def _hidden(target: Target, scope: Scope, engine: Engine) -> tuple[str, ...]:
    """Documents the request names that exist and stay invisible; told to the audit, never to the caller."""
    if not target.documents:
        return ()
    named = await engine.services.registry.named_documents([unique_id for unique_id, _ in target.documents])
    return tuple(
        document.unique_id
        for document in named
        if document.patient_key not in scope.grants
        or not visible(
            scope.grants[document.patient_key],
            rank=document.rank,
            document_class=document.document_class,
            unique_id=document.unique_id,
            organisation=document.organisation,
        )
    )
