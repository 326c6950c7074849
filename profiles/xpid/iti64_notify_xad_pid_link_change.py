"""ITI-64 Notify XAD-PID Link Change, HL7 v2.5 (ITI TF-2 3.64): documents move to the right patient."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Hl7Reply, Hl7v2
from gateway.declare.events import EventAction, ObjectKind, patient_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, Target, Transaction
from gateway.errors import Defect, Meaning, Problem
from gateway.record.access import HIGHEST_RANK, Grant, Scope
from gateway.record.documents import (
    Association,
    DocumentEntry,
    Folder,
    Relation,
    Status,
    Submission,
    SubmissionSet,
)
from gateway.record.domain import Domain
from gateway.record.patients import PatientRecord
from gateway.record.people import Node, PatientId
from gateway.stores.search import ENTRY, FOLDER, Ask, Condition
from profiles.pix.rules import refused
from profiles.xds.iti57_update_document_set.revision import UpdateRequest, update
from profiles.xds.wire.read import patient_id
from profiles.xds.wire.stored import stored_association, stored_entry, stored_folder
from profiles.xpid import codes
from profiles.xpid.rules import LinkChange, read_change

_CODE = "ITI-64"
_TITLE = "Notify XAD-PID Link Change"
_NEW, _PREVIOUS = "PID^1^3^1^1", "MRG^1^1^1^1"


@dataclass(frozen=True, kw_only=True)
class Changed(Answer):
    """The documents have moved, if there were any."""


def encode(response: Changed, domain: Domain) -> Hl7Reply:  # noqa: ARG001 - the shape of a codec
    """An acknowledgement AA."""
    return Hl7Reply(response.problems)


def refuse(problems: tuple[Problem, ...]) -> Hl7Reply:
    """An acknowledgement AE or AR."""
    return Hl7Reply(problems)


def target(change: LinkChange) -> Target:
    """All identifiers of the message, each with what it is and whether it begins or ends there."""
    moves = change.new != change.previous
    local = codes.BEGINS if change.subsumed is not None else None
    meant: list[tuple[PatientId, str, str | None]] = [
        (change.local, codes.LOCAL, local),
        (change.new, codes.NEW, codes.BEGINS if moves else None),
        (change.previous, codes.PREVIOUS, codes.ENDS if moves else None),
    ]
    if change.subsumed is not None:
        meant.insert(1, (change.subsumed, codes.SUBSUMED, codes.ENDS))
    patients = tuple(dict.fromkeys(each for each, _, _ in meant))
    return Target(patients=patients, message_id=change.message_id, meant=tuple(meant))


async def handle(call: Call[LinkChange], services: Services) -> Changed:
    """New versions of all that the local patient's documents are part of, under the right patient."""
    change = call.request
    node = _source(call, change)
    new = await _record(change.new, _NEW, services)
    previous = await _record(change.previous, _PREVIOUS, services)
    scope = _scope(new, previous)
    affected = await _affected(change, previous, scope, services)
    if not affected:
        return Changed()
    head = _head(change, node, services.domain, call.at)
    if new.head == previous.head:
        submission = _renamed(head, change, affected)
    else:
        submission = await _moved(head, change, affected, new, scope, services)
    await update(_updating(call, submission, scope), services)
    return Changed(sets=((change.new, head.unique_id),))


def _updating(call: Call[LinkChange], submission: Submission, scope: Scope) -> Call[UpdateRequest]:
    return Call(
        request=UpdateRequest(submission),
        principal=call.principal,
        scope=scope,
        work=call.work,
        at=call.at,
        node=call.node,
        trace_id=call.trace_id,
    )


def _source(call: Call[LinkChange], change: LinkChange) -> Node:
    if not call.scope.unrestricted:
        raise PermissionError("this scope does not allow changes of patients")
    if call.node is None:
        raise Defect("a feed comes from a node")
    for asked, place in ((change.new, _NEW), (change.previous, _PREVIOUS)):
        if not call.node.may_feed(asked.root):
            raise refused(Meaning.UNKNOWN_KEY, "this system is not the source of the domain", place)
    return call.node


async def _record(asked: PatientId, place: str, services: Services) -> PatientRecord:
    record = await services.patients.find(asked)
    if record is None:
        raise refused(Meaning.UNKNOWN_KEY, "the identifier is not known", place)
    if record.subsumed:
        raise refused(Meaning.DUPLICATE_KEY, "the identifier was merged into another", place)
    return record


def _scope(*records: PatientRecord) -> Scope:
    """Whose a document is does not depend on who may read it; nothing of it is told to the sender."""
    grants = {key: Grant(rank=HIGHEST_RANK) for record in records for key in record.keys}
    return Scope(grants=grants, identities={key: each.shown for each in records for key in each.keys})


async def _affected(
    change: LinkChange, previous: PatientRecord, scope: Scope, services: Services
) -> list[DocumentEntry]:
    """Approved entries of the previous patient whose sourcePatientId is what the message is about."""
    most = services.domain.max_references
    asked = (Condition("latest", Ask.IN, (True,)), Condition("status", Ask.IN, (Status.APPROVED.value,)))
    rows = await services.registry.find(_of(scope, previous), ENTRY, asked, most)
    if len(rows) > most:
        raise refused(Meaning.OUT_OF_RESOURCES, f"the patient has more than {most} documents", _PREVIOUS)
    moves = {change.subsumed} if change.new == change.previous else {change.local, change.subsumed}
    entries = (stored_entry(row) for row in rows)
    return [each for each in entries if patient_id(each.source_patient_id or "") in moves - {None}]


def _of(scope: Scope, record: PatientRecord) -> Scope:
    return Scope(grants={key: scope.grants[key] for key in record.keys})


def _head(change: LinkChange, node: Node, domain: Domain, at: datetime) -> SubmissionSet:
    """The SubmissionSet that documents the change; it has no author."""
    return SubmissionSet(
        id=_new_id(),
        unique_id=f"2.25.{uuid.uuid4().int}",
        source_id=change.source_id or node.organisation,
        submission_time=at.strftime("%Y%m%d%H%M%S"),
        patient=change.new,
        content_type=codes.content_type(domain),
        title=_TITLE,
    )


def _new_id() -> str:
    return f"urn:uuid:{uuid.uuid4()}"


# --- new versions --------------------------------------------------------------------------------


def _version(entry: DocumentEntry, change: LinkChange) -> DocumentEntry:
    return replace(entry, id=_new_id(), patient=change.new, source_patient_id=str(change.local))


def _brings(
    head: SubmissionSet, item: DocumentEntry | Folder, before: int, *, propagate: bool
) -> Association:
    """The HasMember association of the set that makes an object the next version."""
    return Association(
        id=_new_id(),
        relation=Relation.HAS_MEMBER,
        source=head.id,
        target=item.id,
        member_status="Original" if isinstance(item, DocumentEntry) else None,
        previous_version=str(before),
        propagation="yes" if propagate else "no",
    )


def _renamed(head: SubmissionSet, change: LinkChange, affected: Sequence[DocumentEntry]) -> Submission:
    """The patient stays, and with it all associations; only sourcePatientId changes."""
    documents = tuple(_version(each, change) for each in affected)
    brought = (_brings(head, item, item.version, propagate=True) for item in documents)
    return Submission(submission_set=head, documents=documents, associations=tuple(brought))


async def _moved(
    head: SubmissionSet,
    change: LinkChange,
    affected: Sequence[DocumentEntry],
    new: PatientRecord,
    scope: Scope,
    services: Services,
) -> Submission:
    """Associations go along where both ends are of the new patient; what would cross patients ends here.

    A Folder goes along when all its documents do, else these leave it (ITI TF-2 3.64.4.1.3.2, first way).
    """
    after = {each.id: _version(each, change) for each in affected}
    links = [stored_association(row) for row in await services.registry.links(sorted(after))]
    folders = await _folders(links, after, change, scope, services)
    joined = [*_memberships(links, after, folders)]
    joined += await _relations(links, after, new, services)
    documents = tuple(after.values())
    made = tuple(folders.values())
    versions: tuple[DocumentEntry | Folder, ...] = (*documents, *made)
    brought = [_brings(head, item, item.version, propagate=False) for item in versions]
    submitted = [
        Association(id=_new_id(), relation=Relation.SUBMIT, source=head.id, target=each.id) for each in joined
    ]
    return Submission(
        submission_set=head,
        documents=documents,
        folders=made,
        associations=(*brought, *joined, *submitted),
    )


async def _folders(
    links: Sequence[Association],
    after: Mapping[str, DocumentEntry],
    change: LinkChange,
    scope: Scope,
    services: Services,
) -> dict[str, Folder]:
    """New versions of the Folders of which every document moves, by the entryUUID of the version before."""
    names = sorted({each.source for each in links if each.relation is Relation.HAS_MEMBER})
    if not names:
        return {}
    held = [stored_association(row) for row in await services.registry.links(names)]
    members = await services.registry.standing(sorted({each.target for each in held}))
    stay = {
        each.source
        for each in held
        if each.relation is Relation.HAS_MEMBER
        and each.target not in after
        and members[each.target].status is Status.APPROVED
    }
    asked = (
        Condition("uuid", Ask.IN, tuple(name for name in names if name not in stay)),
        Condition("latest", Ask.IN, (True,)),
        Condition("status", Ask.IN, (Status.APPROVED.value,)),
    )
    rows = await services.registry.find(scope, FOLDER, asked, len(names))
    found = (stored_folder(row) for row in rows)
    return {each.id: replace(each, id=_new_id(), patient=change.new) for each in found}


def _memberships(
    links: Sequence[Association], after: Mapping[str, DocumentEntry], folders: Mapping[str, Folder]
) -> Iterator[Association]:
    for each in links:
        if each.relation is Relation.HAS_MEMBER and each.source in folders and each.target in after:
            source, moved = folders[each.source].id, after[each.target].id
            yield replace(each, id=_new_id(), source=source, target=moved)


async def _relations(
    links: Sequence[Association],
    after: Mapping[str, DocumentEntry],
    new: PatientRecord,
    services: Services,
) -> list[Association]:
    """Relationships between documents that are both of the new patient now."""
    ends = {end for each in links for end in (each.source, each.target)} - set(after)
    others = await services.registry.standing(sorted(ends))
    here = {
        name
        for name, each in others.items()
        if each.patient in new.keys and each.status is Status.APPROVED and each.latest
    }
    now = {name: item.id for name, item in after.items()} | {name: name for name in here}
    return [
        replace(each, id=_new_id(), source=now[each.source], target=now[each.target])
        for each in links
        if each.relation is not Relation.HAS_MEMBER and each.source in now and each.target in now
    ]


TRANSACTION: Transaction[LinkChange, Any] = Transaction(
    code=_CODE,
    title=_TITLE,
    section="ITI TF-2: 3.64",
    actors=Actors("Patient Identifier Cross-reference Manager", "Document Registry"),
    binding=Hl7v2(message="ADT", triggers=("A43",), structure="ADT_A43", version="2.5"),
    action=Action.PATIENT_FEED,
    audit=replace(
        patient_event(_CODE, _TITLE, EventAction.UPDATE),
        objects=frozenset({ObjectKind.PATIENT, ObjectKind.SUBMISSION_SET}),
    ),
    codec=Codec(decode=read_change, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
)
