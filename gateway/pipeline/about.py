"""What an event is about: the participant objects of its audit message (ITI TF-2 3.20.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.audit.objects import (
    DELETED,
    IDENTIFIER_TYPE_DETAIL,
    RESOURCE_TYPES,
    SUBMISSION_SET_NODE,
    UNKNOWN_OBJECT,
    AuditObject,
    audit_log_object,
    decision_object,
    deed_object,
    document_object,
    patient_object,
    query_object,
    registry_object,
    resource_object,
    submission_set_object,
)
from gateway.declare.events import AuditEvent, EventAction, ObjectKind
from gateway.declare.transaction import Answer, AnyTransaction, Target
from gateway.pipeline.verdict import Verdict
from gateway.record.people import Code

_VEILED = ("P9", "CONFIDENTIALITY")

_ASKED = frozenset({ObjectKind.PATIENT, ObjectKind.QUERY})
_NOTHING = Answer()

Details = tuple[tuple[str, str], ...]


def objects_of(
    transaction: AnyTransaction,
    target: Target | None,
    verdict: Verdict | None,
    result: Answer | None,
) -> tuple[AuditObject, ...]:
    """Patients, what was touched, the query, and the decision where something was refused or hidden."""
    event = transaction.audit
    made = result if result is not None else _NOTHING
    found: list[AuditObject] = []
    if target is not None:
        details = ((target.message_id_type, target.message_id),) if target.message_id else ()
        found += _patients(event, target, verdict, made, details)
        if not event.objects <= _ASKED or target.deeds:
            found += _touched(event, target, made)
        if target.query is not None and ObjectKind.QUERY in event.objects:
            query = target.query
            told = (*details, *query.details)
            found.append(
                query_object(query.identifier, event.type, query.text, encoding=query.encoding, details=told)
            )
        if target.audit_log is not None:
            found.append(audit_log_object(target.audit_log))
    if verdict is not None:
        found += _decision(verdict)
    return tuple(found)


def _decision(verdict: Verdict) -> Iterable[AuditObject]:
    leading = verdict.leading
    if leading.permitted and not verdict.hidden:
        return ()
    rule, reason = leading.rule, leading.reason
    if leading.permitted:
        rule, reason = verdict.withheld or _VEILED
    return (decision_object(reason, rule, leading.policy_version),)


def _patients(
    event: AuditEvent, target: Target, verdict: Verdict | None, made: Answer, details: Details
) -> Iterable[AuditObject]:
    if target.meant:
        return [
            patient_object(patient, (*details, (IDENTIFIER_TYPE_DETAIL, kind)), life_cycle=life)
            for patient, kind, life in target.meant
        ]
    if ObjectKind.PATIENT not in event.objects:
        return ()
    named = (*target.patients, *(verdict.patients if verdict else ()), *made.patients)
    return [patient_object(patient, details) for patient in dict.fromkeys(named)]


def _touched(event: AuditEvent, target: Target, made: Answer) -> Iterator[AuditObject]:
    if ObjectKind.SUBMISSION_SET in event.objects:
        kind = event.type if event.media else SUBMISSION_SET_NODE
        names = dict.fromkeys((*target.submission_sets, *(name for _, name in made.sets)))
        yield from (submission_set_object(name, id_type=kind) for name in names)
    if ObjectKind.DOCUMENT in event.objects:
        removed = DELETED if event.received_action is EventAction.DELETE else None
        yield from (
            document_object(name, repository, life_cycle=removed) for name, repository in target.documents
        )
    if ObjectKind.REGISTRY_OBJECT in event.objects:
        yield from (registry_object(name, kind) for name, kind in made.objects or _named(target))
    if ObjectKind.RESOURCE in event.objects:
        yield from (resource_object(name, kind) for name, kind in made.objects or _resources(target))
    if not made.deeds:
        yield from map(deed_object, target.deeds)


def _named(target: Target) -> Iterable[tuple[str, Code]]:
    """Objects of a request that failed: what they are was not looked up."""
    return ((name, UNKNOWN_OBJECT) for naming in target.named for name in naming.values)


def _resources(target: Target) -> Iterable[tuple[str, Code]]:
    """Resources that a request names by their logical ids."""
    kinds = {naming.kind: Code(naming.kind.title(), RESOURCE_TYPES) for naming in target.named}
    return (
        (name, kinds[naming.kind])
        for naming in target.named
        if naming.by == "logical-id"
        for name in naming.values
    )
