"""Gathers what one decision rests on, of the live database or of the past, and has it explained."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.cli.policyroom import PolicyRoom
from gateway.declare.actions import Action
from gateway.errors import SettingsInvalid
from gateway.pipeline.policing import tell_explained
from gateway.policy.explain import Document, Explanation, Grounds, explain
from gateway.policy.manifest import Kind, Verified
from gateway.policy.model import Policy
from gateway.policy.places import Places
from gateway.policy.question import Question, rights_of
from gateway.policy.receipt import Answered, read_receipt
from gateway.policy.replay import Replay
from gateway.policy.words import roles_by_name
from gateway.record.access import Behind, Grant, PatientRights, Scope
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.rights.folders import names_of, widened
from gateway.rights.said import Said, counting_at
from gateway.stores.work import UnitOfWork

_CX = re.compile(r"(?P<extension>[^^&]+)\^\^\^&(?P<root>[0-9.]+)&ISO")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question as it is typed. `at` None is now; `emergency` claims one, with a reason."""

    who: str
    role: str
    action: str
    patient: str = ""
    organisation: str = ""
    purpose: str = ""
    documents: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    emergency: bool = False
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Asking:
    """What the book of rights needs of a call."""

    scope: Scope
    at: datetime
    work: UnitOfWork
    trace_id: str = ""


async def explained(room: PolicyRoom, wanted: Wanted, actor: str) -> list[Explanation]:
    """A decision that could be asked for, now or at an instant of the past."""
    engine = room.gateway.engine
    at = wanted.at or engine.clock()
    found = await _version_at(room, at if wanted.at else None)
    policy = room.archive.compiled(found)
    who = _principal(wanted, policy)
    question = Question(
        principal=who,
        action=_action(wanted.action),
        at=at,
        classes=frozenset(wanted.classes) or None,
        standing=await engine.directories.standing(who, at),
    )
    patient = _patient(room, wanted.patient) if wanted.patient else None
    record = await engine.services.patients.find(patient) if patient else None
    rights = None
    if record is not None and not record.subsumed:
        texts = record.rights if wanted.at is None else await _texts_at(room, record.keys, at)
        rights = rights_of(texts)
    keys = record.keys if record is not None else ()
    await tell_explained([patient] if patient else [], actor, engine)
    return await _explain(room, question, patient, keys, rights, found, wanted.documents)


async def explained_of(
    room: PolicyRoom, trace: str, documents: Sequence[str], actor: str
) -> list[Explanation]:
    """Every decision of an exchange, by policy and rights of then."""
    engine = room.gateway.engine
    replay = Replay(room.archive, engine.services.access.rights.store.rights_version)
    texts = dict.fromkeys(row.decision for row in await engine.journal.trace(trace) if row.decision)
    receipts = [each for each in map(read_receipt, texts) if each is not None]
    if not receipts:
        raise SettingsInvalid(f"there is no decision with its inputs under the trace {trace}")
    told: list[Explanation] = []
    for receipt in receipts:
        named = [each.patient for each in receipt.answers if each.patient is not None]
        await tell_explained(named, actor, engine)
        for each in receipt.answers:
            found = await room.archive.named(each.decision.policy_version)
            rights = await replay.rights(each.versions)
            wanted = (*documents, *receipt.hidden)
            keys = await _keys(room, each)
            told += await _explain(
                room, receipt.question, each.patient, keys, rights, found, wanted, each.emergencies
            )
    return told


async def _keys(room: PolicyRoom, answered: Answered) -> Sequence[int]:
    """The record keys that were decided on, and those the patient has now: documents are found by them."""
    patient = answered.patient
    record = await room.gateway.engine.services.patients.find(patient) if patient else None
    now = record.keys if record is not None else ()
    return [*dict.fromkeys((*(key for key, _ in answered.versions or ()), *now))]


async def _explain(
    room: PolicyRoom,
    question: Question,
    patient: PatientId | None,
    keys: Sequence[int],
    rights: PatientRights | None,
    found: Verified,
    documents: Iterable[str],
    emergencies: int = 0,
) -> list[Explanation]:
    registry = room.gateway.engine.services.registry
    behind = Behind()
    if rights is not None and (names := names_of(rights)):
        behind = await registry.behind(names)
        rights = widened(rights, behind)
    grounds = Grounds(
        policy=room.archive.compiled(found),
        places=Places(found.files),
        rights=rights,
        said=await _said(room, question, patient, keys, behind),
    )
    return explain(question, patient, grounds, await _documents(room, keys, documents), emergencies)


async def _said(
    room: PolicyRoom, question: Question, patient: PatientId | None, keys: Sequence[int], behind: Behind
) -> Said:
    if patient is None or not keys:
        return Said(())
    scope = Scope(grants=dict.fromkeys(keys, Grant(rank=0)), identities=dict.fromkeys(keys, patient))
    call = _Asking(scope, question.at, UnitOfWork())
    consents = await room.gateway.engine.services.access.rights.consents(call, versions=True)
    return Said.of(counting_at(consents, question.at), behind)


async def _documents(room: PolicyRoom, keys: Sequence[int], names: Iterable[str]) -> list[Document]:
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return []
    found = await room.gateway.engine.services.registry.named_documents(wanted)
    documents = [
        Document(each.unique_id, each.document_class, each.rank, each.organisation)
        for each in found
        if each.patient_key in keys
    ]
    if missing := set(wanted) - {each.unique_id for each in documents}:
        raise SettingsInvalid(f"the patient has no document {min(missing)}")
    return documents


async def _version_at(room: PolicyRoom, at: datetime | None) -> Verified:
    """The version that was in force at an instant; None is now."""
    if at is None:
        policy = await room.gateway.engine.policies.in_force()
        return await room.archive.named(policy.version)
    past = [each for _, each in await room.archive.history() if isinstance(each, Verified)]
    for kind in (Kind.ACTIVATION, Kind.FOLDER):
        before = [each for each in past if each.manifest.kind is kind and each.manifest.at <= at]
        if before:
            return before[-1]
    raise SettingsInvalid("no policy was in force at that time")


async def _texts_at(room: PolicyRoom, keys: Iterable[int], at: datetime) -> list[str]:
    store = room.gateway.engine.services.access.rights.store
    found = [await store.rights_at(key, at) for key in keys]
    return [each[0] for each in found if each is not None]


# --- what was typed ------------------------------------------------------------------------------


def _action(text: str) -> Action:
    try:
        return Action(text)
    except ValueError:
        raise SettingsInvalid(f"action {text!r} is not one of {', '.join(a.code for a in Action)}") from None


def _principal(wanted: Wanted, policy: Policy) -> Principal:
    roles = roles_by_name(policy)
    if wanted.role not in roles:
        raise SettingsInvalid(f"role {wanted.role!r} is not one of {', '.join(sorted(roles))}")
    rule = roles[wanted.role]
    kind = next((each for each in SubjectKind if each in rule.kinds), SubjectKind.PROFESSIONAL)
    return Principal(
        kind=kind,
        subject=wanted.who,
        name=wanted.who,
        issuer="",
        role=rule.code,
        organisation=wanted.organisation or None,
        purpose=_purpose(wanted.purpose, policy),
        emergency_reason="given" if wanted.emergency else None,
        confirmation="none",
        token_id=None,
        token_digest=None,
        expires=None,
    )


def _purpose(name: str, policy: Policy) -> Code | None:
    if not name:
        return None
    for (scheme, code), purpose in policy.purposes.items():
        if name in {purpose.name, code}:
            return Code(code, scheme)
    raise SettingsInvalid(f"purpose {name!r} is not accepted by the policy")


def _patient(room: PolicyRoom, text: str) -> PatientId:
    """A whole identifier, or one of the affinity domain."""
    whole = _CX.fullmatch(text)
    if whole is not None:
        return PatientId(whole["extension"], whole["root"])
    return PatientId(text, room.gateway.settings.domain.affinity_oid)


def instant(at: datetime | None) -> datetime | None:
    """A typed time; without a zone it is in UTC."""
    return at if at is None or at.tzinfo is not None else at.replace(tzinfo=UTC)
