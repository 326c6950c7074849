"""From a target to a scope: finds the records it names, asks the rights engine for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.declare.actions import Action
from gateway.declare.transaction import Candidates, Target
from gateway.errors import Denied, Meaning, OtherPatient, Problem, Refused
from gateway.pipeline.engine import Engine
from gateway.pipeline.trailreading import records_of_events
from gateway.pipeline.verdict import Verdict
from gateway.policy.case import claims_emergency
from gateway.policy.engine import NOTIFY_PATIENT, concerns_record, has_profile
from gateway.policy.model import Policy
from gateway.policy.question import Question, answer, rights_of
from gateway.policy.receipt import Answered
from gateway.record.access import ASSUMED, Grant, PatientRights, Scope
from gateway.record.patients import PatientRecord
from gateway.record.people import PatientId, Principal
from gateway.rights.folders import names_of, widened
from gateway.stores.granted import withheld_by
from gateway.stores.registry import NamedDocument

NEUTRAL = "the request is not permitted"
_NO_GRANT = ("P9", "CONFIDENTIALITY")
"""A document of a record that the decision did not open, which tells its own reason."""


async def decide(
    principal: Principal, action: Action, target: Target, engine: Engine, at: datetime
) -> Verdict:
    """The verdict on a request; Refused when a write names a patient that no feed made known.

    A refused read gets an empty scope, so that its answer does not tell a denied record from an absent one.
    """
    policy = await engine.policies.in_force()
    standing = ASSUMED if action.of_login else await engine.directories.standing(principal, at)
    if not concerns_record(principal, action):
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
    of_trail = action is Action.AUDIT_READ
    records = await (records_of_events(target, engine) if of_trail else _records(target, engine))
    if await _changes_consent(target, records, engine):
        question = replace(question, also=(*question.also, Action.RIGHTS_CHANGE))
    if target.candidates is not None and has_profile(policy, principal, action):
        records += await _owners(await _matching(target.candidates, engine), engine)
    rights = await _rights([record for _, record in records], engine)
    decided = _each(question, policy, records, rights, await _reached(question, policy, engine))
    if not action.silent:
        _refuse_unknown(decided)
    if not decided:
        decided = [(None, _ask(question, policy, None, None, None))]
    scope = _scope(decided)
    if of_trail:
        scope = replace(scope, events_of=await engine.services.index.identifiers_of(scope.patients))
    hidden, withheld = await _hidden(target, scope, engine)
    return Verdict(
        question=question,
        answers=tuple(each for _, each in decided),
        scope=scope,
        hidden=hidden,
        withheld=withheld,
        patients=tuple(each.patient for _, each in decided if each.patient is not None),
    )


_Decided = tuple[PatientRecord | None, Answered]


def _without_record(question: Question, policy: Policy) -> Verdict:
    action, decision = question.action, answer(question, policy, None, None)
    feeds = decision.permitted and action in {Action.PATIENT_FEED, Action.PATIENT_LINK}
    asks = decision.permitted and action in {Action.PATIENT_QUERY, Action.PATIENT_LINK}
    reads = decision.permitted and action is Action.AUDIT_READ
    scope = Scope(unrestricted=feeds, persons=asks, whole_trail=reads)
    return Verdict(question, (Answered(None, decision),), scope)


def refuse_denied(verdict: Verdict, action: Action) -> None:
    """Denied unless permitted; reads of a record go on, with nothing in their scope."""
    leading = verdict.leading
    of_record = concerns_record(verdict.question.principal, action)
    if not leading.permitted and not (action.silent and of_record):
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
        held = await patients.of_persons(target.persons)
        found += [(each.shown, each) for each in held if domain.accepts(each.shown.root)]
    keys: set[int] = set()
    for naming in target.named:
        keys |= await engine.services.registry.owners(
            naming.kind, naming.by, naming.values, linked=naming.linked
        )
    if keys:
        known = {identity for identity, _ in found}
        found += [each for each in await _owners(keys, engine) if each[0] not in known]
    return found


async def _changes_consent(
    target: Target, records: list[tuple[PatientId | None, PatientRecord | None]], engine: Engine
) -> bool:
    """Whether a document that the request changes, ends or replaces states a consent that is in force."""
    if not target.changed:
        return False
    documents = engine.services.access.documents
    keys = [key for _, record in records if record is not None for key in record.keys]
    named = [(naming.by, naming.values) for naming in target.changed]
    return bool(await documents.in_force(keys, await documents.named(named)))


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
    behind = await engine.services.registry.behind(names)
    return [widened(each, behind) if each is not None else None for each in found]


async def _reached(question: Question, policy: Policy, engine: Engine) -> set[int]:
    """Record keys of patients whose records the person opened in emergencies, if this claims to be one."""
    if not claims_emergency(policy, question.principal):
        return set()
    since = question.at - policy.emergency.within
    claims = await engine.services.access.emergencies.claims(question.principal.subject)
    return {each.patient_key for each in claims if each.at > since}


def _each(
    question: Question,
    policy: Policy,
    records: Sequence[tuple[PatientId | None, PatientRecord | None]],
    rights: Sequence[PatientRights | None],
    reached: set[int],
) -> list[_Decided]:
    """The decision on each record; a claimed emergency counts those before it in the same request, too."""
    decided: list[_Decided] = []
    for (identity, record), said in zip(records, rights, strict=True):
        others = len(reached - set(record.keys)) if reached and record is not None else len(reached)
        answered = _ask(question, policy, identity, record, said, others)
        if record is not None and NOTIFY_PATIENT in answered.decision.obligations:
            reached.add(record.head)
        decided.append((record, answered))
    return decided


def _ask(
    question: Question,
    policy: Policy,
    identity: PatientId | None,
    record: PatientRecord | None,
    rights: PatientRights | None,
    emergencies: int = 0,
) -> Answered:
    """The decision on one record, with the versions of the rights that it came from."""
    versions = record.versions if record is not None and rights is not None else None
    decision = answer(question, policy, rights, identity, emergencies)
    return Answered(identity, decision, versions, emergencies)


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


async def _hidden(
    target: Target, scope: Scope, engine: Engine
) -> tuple[tuple[str, ...], tuple[str, str] | None]:
    """Documents the request names that exist and stay invisible, and the first rule that hides one.

    Told to the audit, never to the caller.
    """
    if not target.documents:
        return (), None
    named = await engine.services.registry.named_documents([unique_id for unique_id, _ in target.documents])
    withheld = {
        document.unique_id: _withheld(document, scope.grants.get(document.patient_key)) for document in named
    }
    hidden = {name: why for name, why in withheld.items() if why is not None}
    return tuple(hidden), min(hidden.values(), default=None)


def _withheld(document: NamedDocument, grant: Grant | None) -> tuple[str, str] | None:
    if grant is None:
        return _NO_GRANT
    return withheld_by(
        grant,
        rank=document.rank,
        document_class=document.document_class,
        unique_id=document.unique_id,
        organisation=document.organisation,
    )
