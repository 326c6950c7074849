"""From an audit event to an entry: who did what, what came of it, by which rule. Looks nothing up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.journal.model import Actor, ActorKind, Entry, Outcome
from gateway.journal.words import Codes
from gateway.policy.receipt import Answered, Receipt, read_receipt
from gateway.record.events import Agent, AuditRecord
from gateway.record.people import Code, Principal, SubjectKind
from gateway.stores.events import OWN
from gateway.trail.book import Kept

_DECISION = "110147"
_EMERGENCY, _EMERGENCY_END = "110127", "110138"
_REPORT, _JOB = "3", "20"
_METADATA = "IHE XDS Metadata"
_ENTRIES = frozenset(
    {"urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"}
)
"""What a removed object was: a stable or an on-demand document entry (ITI TF-3 4.2.5.2)."""
_OWN_RECORD, _MANDATE = frozenset({"P3 own record", "P5 own record"}), "P5 ok"
_WITH_DOCUMENTS = frozenset({"read", "add", "change", "remove", "copy"})
_SERIOUS = 4
_AUDIT_NAME = re.compile(r"(?P<alias>[^<]*)<(?P<user>.*)@[^@]*>")
_KINDS: Mapping[SubjectKind, ActorKind] = MappingProxyType(
    {
        SubjectKind.PROFESSIONAL: ActorKind.PROFESSIONAL,
        SubjectKind.OPERATOR: ActorKind.STAFF,
        SubjectKind.NODE: ActorKind.SYSTEM,
        SubjectKind.PATIENT: ActorKind.STRANGER,
    }
)


def read_entry(kept: Kept, own: frozenset[str], codes: Codes) -> Entry:
    """The entry of an event. `own` are the identifiers of the patient whose journal it is."""
    record, ours = kept.record, kept.found.trail == OWN
    receipt = read_receipt(kept.decision) if kept.decision is not None else None
    answered = _answer(receipt, own)
    actor = _actor(record, receipt, answered, own, codes, ours=ours)
    kind = _kind(record, codes)
    outcome, refusal, hidden = _outcome(record, receipt, answered, own, codes)
    emergency = any(each.code == _EMERGENCY for each in record.types)
    return Entry(
        name=kept.name,
        at=record.at,
        kind=kind,
        actor=actor,
        outcome=outcome,
        record=record,
        named=tuple(_named(record)) if kind in _WITH_DOCUMENTS else (),
        purpose=next(iter(record.purposes), None),
        rule=_rule(actor, answered, codes, ours=ours) if outcome is Outcome.DONE else "",
        refusal=refusal,
        emergency=emergency or (answered is not None and "audit-emergency" in answered.decision.obligations),
        hidden=hidden,
        shared=_shared(record, own),
        reported_by="" if ours else _reporter(kept),
        trace_id=kept.trace_id,
    )


def _kind(record: AuditRecord, codes: Codes) -> str:
    types = tuple(each.code for each in record.types)
    ordered = tuple(each for each in types if each != _EMERGENCY)
    return codes.kind(ordered or types, record.event.code, record.action or "")


def _named(record: AuditRecord) -> Iterator[str]:
    """Ids of documents and submission sets; not of folders and associations that were removed."""
    for each in record.entities:
        other = each.id_type is not None and each.id_type.scheme == _METADATA and each.role == _REPORT
        if other and each.id_type is not None and each.id_type.code not in _ENTRIES:
            continue
        if each.role in {_REPORT, _JOB} and each.identifier and not each.is_patient:
            yield each.identifier


def _reporter(kept: Kept) -> str:
    """The system that told of it: by its certificate, else as it calls itself."""
    sender = kept.received.sender if kept.received is not None else None
    return sender or kept.record.source_id


def _shared(record: AuditRecord, own: frozenset[str]) -> bool:
    return not own.issuperset(record.patients)


# --- what came of it -----------------------------------------------------------------------------


def _answer(receipt: Receipt | None, own: frozenset[str]) -> Answered | None:
    """The decision about this patient, or about no record at all; never that about somebody else."""
    answers = receipt.answers if receipt is not None else ()
    mine = (each for each in answers if each.patient is not None and str(each.patient) in own)
    return next(mine, next((each for each in answers if each.patient is None), None))


def _outcome(
    record: AuditRecord,
    receipt: Receipt | None,
    answered: Answered | None,
    own: frozenset[str],
    codes: Codes,
) -> tuple[Outcome, str, bool]:
    """What came of it, why it was refused, and whether documents of this patient were held back."""
    if answered is not None and not answered.decision.permitted:
        return Outcome.REFUSED, codes.refusals.get(answered.decision.reason, "general"), False
    if any(codes.transactions.get(each.code) == "emergency-refused" for each in record.types):
        return Outcome.REFUSED, "emergency", False
    alone = not _shared(record, own)
    reason = _reason(record) if alone else None
    hidden = alone and receipt is not None and bool(receipt.hidden)
    if record.outcome >= _SERIOUS:
        if reason is None and any(codes.transactions.get(each.code) == "presence" for each in record.types):
            return Outcome.REFUSED, "code", False
        if reason is not None:
            return Outcome.REFUSED, codes.refusals.get(reason, "general"), False
        return Outcome.FAILED, "failed", False
    return Outcome.DONE, "", hidden


def _reason(record: AuditRecord) -> str | None:
    """The reason of the decision as the event tells it (110147)."""
    decisions = (
        each for each in record.entities if each.id_type is not None and each.id_type.code == _DECISION
    )
    return next((each.detail("reason") for each in decisions), None)


def _rule(actor: Actor, answered: Answered | None, codes: Codes, *, ours: bool) -> str:
    """By which rule it was allowed."""
    if not ours:
        return "unknown"
    if actor.kind is ActorKind.SYSTEM:
        return "system"
    if actor.kind is ActorKind.STAFF:
        return "staff"
    if answered is None:
        return ""
    path = answered.decision.path
    return next((rule for entry, rule in codes.rules.items() if entry in path), "profession")


# --- who -----------------------------------------------------------------------------------------


def _actor(
    record: AuditRecord,
    receipt: Receipt | None,
    answered: Answered | None,
    own: frozenset[str],
    codes: Codes,
    *,
    ours: bool,
) -> Actor:
    if receipt is not None:
        return _decided(record, receipt.question.principal, answered, own)
    human = record.human or next((each for each in record.agents if each.is_person and each.user_id), None)
    if human is None:
        return _system(record)
    return _human(record, human, own, codes, ours=ours)


def _decided(record: AuditRecord, who: Principal, answered: Answered | None, own: frozenset[str]) -> Actor:
    """Somebody on whom a decision was made."""
    path = answered.decision.path if answered is not None else ()
    if who.kind is SubjectKind.NODE:
        found = _system(record)
        return Actor(kind=found.kind, identifier=found.identifier, organisation=who.organisation or "")
    kind = _KINDS[who.kind]
    if who.kind is SubjectKind.PATIENT:
        if who.subject in own or not _OWN_RECORD.isdisjoint(path):
            return Actor(kind=ActorKind.SELF)
        if _MANDATE in path:
            kind = ActorKind.REPRESENTATIVE
    return Actor(
        kind=kind,
        identifier=who.subject,
        aliases=who.provider_ids,
        name=_alias(record),
        profession=_role(record) or who.role,
        organisation=who.organisation or "",
    )


def _human(record: AuditRecord, human: Agent, own: frozenset[str], codes: Codes, *, ours: bool) -> Actor:
    """Somebody of whom only the event tells."""
    if human.user_id in own:
        return Actor(kind=ActorKind.SELF)
    if _is_other_patient(human, own, codes):
        return Actor(kind=ActorKind.STRANGER, identifier=human.user_id)
    ended = any(each.code == _EMERGENCY_END for each in record.types)
    if ours and not ended and "<" not in (human.name or ""):
        return Actor(kind=ActorKind.STAFF, identifier=human.user_id)
    return Actor(
        kind=ActorKind.PROFESSIONAL,
        identifier=human.user_id,
        name=_alias(record) or ("" if "<" in (human.name or "") else human.name or ""),
        profession=next(iter(human.roles), None),
    )


def _is_other_patient(human: Agent, own: frozenset[str], codes: Codes) -> bool:
    """By the role, or by an identifier in a domain that names this patient as well."""
    roots = {each.partition("^^^&")[2] for each in own}
    authority = human.user_id.partition("^^^&")[2]
    return any(map(codes.is_patient, human.roles)) or (bool(authority) and authority in roots)


def _system(record: AuditRecord) -> Actor:
    """The system on the other side: ours is the one that tells its process."""
    sides = [each for each in record.agents if not each.is_person]
    others = [each for each in sides if each.alternative_id is None]
    chosen = next(iter(others or sides), None)
    if chosen is None or not chosen.user_id:
        return Actor(kind=ActorKind.UNKNOWN)
    return Actor(kind=ActorKind.SYSTEM, identifier=chosen.user_id)


def _alias(record: AuditRecord) -> str:
    """The alias in `alias<user@issuer>` (ITI TF-2 3.40.4.2)."""
    human = record.human
    match = _AUDIT_NAME.fullmatch(human.name or "") if human is not None else None
    return match["alias"].strip() if match is not None else ""


def _role(record: AuditRecord) -> Code | None:
    """The role of the person, with the name that came with it."""
    human = record.human
    return next(iter(human.roles), None) if human is not None else None
