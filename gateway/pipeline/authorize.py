"""From a target to a scope: finds the records it names, asks the rights engine for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from gateway.declare.actions import Action
from gateway.declare.transaction import Candidates, Target
from gateway.errors import Denied, Meaning, OtherPatient, Problem, Refused
from gateway.pipeline.engine import Engine
from gateway.pipeline.verdict import Verdict
from gateway.policy.engine import has_profile
from gateway.policy.model import Policy
from gateway.policy.question import Question, answer, rights_of
from gateway.policy.receipt import Answered
from gateway.record.access import Grant, PatientRights, Scope
from gateway.record.patients import PatientRecord
from gateway.record.people import PatientId, Principal
from gateway.rights.folders import names_of, widened
from gateway.stores.search import visible

NEUTRAL = "the request is not permitted"


async def decide(
    principal: Principal, action: Action, target: Target, engine: Engine, at: datetime
) -> Verdict:
    """The verdict on a request; Refused when a write names a patient that no feed made known.

    A refused read gets an empty scope, so that its answer does not tell a denied record from an absent one.
    """
    policy = await engine.policies.in_force()
    standing = await engine.directories.standing(principal, at)
    if not action.of_record:
        question = Question(principal=principal, action=action, at=at, standing=standing)
        return _without_record(question, policy)
    question = Question(
        principal=principal,
        action=action,
        at=at,
        also=tuple(target.also),
        classes=frozenset(target.classes) or None,
        standing=standing,
    )
    if principal.patient is not None and any(each != principal.patient for each in target.patients):
        raise OtherPatient("the assertion was issued for another patient", location="resource-id")
    records = await _records(target, engine)
    if target.candidates is not None and has_profile(policy, principal, action):
        records += await _owners(await _matching(target.candidates, engine), engine)
    rights = await _rights([record for _, record in records], engine)
    decided = [
        (record, _ask(question, policy, identity, record, said))
        for (identity, record), said in zip(records, rights, strict=True)
    ]
    if action.writes:
        _refuse_unknown(decided)
    if not decided:
        decided = [(None, _ask(question, policy, None, None, None))]
    scope = _scope(decided)
    return Verdict(
        question=question,
        answers=tuple(each for _, each in decided),
        scope=scope,
        hidden=await _hidden(target, scope, engine),
        patients=tuple(each.patient for _, each in decided if each.patient is not None),
    )


_Decided = tuple[PatientRecord | None, Answered]


def _without_record(question: Question, policy: Policy) -> Verdict:
    action, decision = question.action, answer(question, policy, None, None)
    feeds = decision.permitted and action in {Action.PATIENT_FEED, Action.PATIENT_LINK}
    asks = decision.permitted and action in {Action.PATIENT_QUERY, Action.PATIENT_LINK}
    return Verdict(question, (Answered(None, decision),), Scope(unrestricted=feeds, persons=asks))


def refuse_denied(verdict: Verdict, action: Action) -> None:
    """Denied unless permitted; reads of a record go on, with nothing in their scope."""
    leading = verdict.leading
    if not leading.permitted and (action.writes or not action.of_record):
        raise Denied(NEUTRAL, reason=leading.reason)


async def _records(target: Target, engine: Engine) -> list[tuple[PatientId | None, PatientRecord | None]]:
    """Every record the target names: by patient, or through objects whose owner must be looked up."""
    patients, domain = engine.services.patients, engine.services.domain
    # What a hospital calls a patient names no record: documents are kept under the affinity domain only.
    found: list[tuple[PatientId | None, PatientRecord | None]] = [
        (identity, await patients.find(identity) if domain.accepts(identity.root) else None)
        for identity in target.patients
    ]
    if target.persons:
        held = await _owners(await engine.services.registry.identities(target.persons), engine)
        found += [each for each in held if each[0] is not None and domain.accepts(each[0].root)]
    keys: set[int] = set()
    for naming in target.named:
        keys |= await engine.services.registry.owners(
            naming.kind, naming.by, naming.values, linked=naming.linked
        )
    if keys:
        known = {identity for identity, _ in found}
        found += [each for each in await _owners(keys, engine) if each[0] not in known]
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


async def _rights(records: Sequence[PatientRecord | None], engine: Engine) -> Sequence[PatientRights | None]:
    """What each patient decided, None without a record of its own; folders with the documents in them."""
    found = [
        rights_of(record.rights) if record is not None and not record.subsumed else None for record in records
    ]
    names = frozenset().union(*(names_of(each) for each in found if each is not None))
    if not names:
        return found
    members = await engine.services.registry.members(names)
    return [widened(each, members) if each is not None else None for each in found]


def _ask(
    question: Question,
    policy: Policy,
    identity: PatientId | None,
    record: PatientRecord | None,
    rights: PatientRights | None,
) -> Answered:
    """The decision on one record; one that ended is none."""
    versions = record.versions if record is not None and rights is not None else None
    return Answered(identity, answer(question, policy, rights, identity), versions)


def _refuse_unknown(decided: list[_Decided]) -> None:
    """A feed must have made the patient known; only then does the rights decision count."""
    for record, _ in decided:
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
    for record, answered in decided:
        decision = answered.decision
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
