"""Statements of the registry and repository that never change their shape, built once.

Building a statement costs as much as running it. All take the names asked for as `names`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, or_, select

from gateway.record.documents import Relation, Status
from gateway.stores import tables
from gateway.stores.search import KINDS, Kind

_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_APPROVED = Status.APPROVED.value


def _owners(kind: Kind, column: str) -> Select[Any]:
    table = kind.table.c
    return select(table.patient_key).where(table[column].in_(_NAMES)).distinct()


def _standing(kind: Kind) -> Select[Any]:
    table = kind.table.c
    columns = [table.uuid, table.status, tables.patient.c.head]
    if kind.ranked:
        columns.append(table.type)
    query = select(*columns).join(tables.patient, tables.patient.c.key == table.patient_key)
    return query.where(table.uuid.in_(_NAMES))


def _named_documents() -> Select[Any]:
    table = tables.entry.c
    return select(
        table.uuid,
        table.unique_id,
        table.patient_key,
        table.rank,
        table.document_class,
        table.organisation,
    ).where(or_(table.unique_id.in_(_NAMES), table.uuid.in_(_NAMES)))


def _memberships() -> Select[Any]:
    held, folder = tables.association.c, tables.folder.c
    return (
        select(held.source, held.target)
        .join(tables.folder, folder.uuid == held.source)
        .where(
            held.relation == Relation.HAS_MEMBER.value,
            held.status == _APPROVED,
            folder.status == _APPROVED,
            held.target.in_(_NAMES),
        )
    )


def _dependents() -> Select[Any]:
    held, entry = tables.association.c, tables.entry.c
    return (
        select(held.source)
        .join(tables.entry, entry.uuid == held.source)
        .where(
            held.relation.in_([Relation.APPEND.value, Relation.TRANSFORM.value]),
            entry.status == _APPROVED,
            held.target.in_(_NAMES),
        )
        .distinct()
    )


def _contents() -> Select[Any]:
    return (
        select(tables.content, tables.record_key.c.wrapped.label("record_wrapped"))
        .join(tables.record_key, tables.record_key.c.patient_key == tables.content.c.record_key)
        .where(tables.content.c.unique_id.in_(_NAMES))
    )


def _readable() -> Select[Any]:
    table = tables.entry.c
    return select(
        table.unique_id, table.patient_key, table.rank, table.document_class, table.organisation
    ).where(table.unique_id.in_(_NAMES), table.patient_key.in_(bindparam("patients", expanding=True)))


OWNERS = {
    (kind.name, column): _owners(kind, column)
    for kind in KINDS.values()
    for column in ("uuid", "unique_id")
    if column in kind.table.c
}
STANDING = {kind.name: _standing(kind) for kind in KINDS.values()}
NAMED_DOCUMENTS = _named_documents()
MEMBERSHIPS = _memberships()
DEPENDENTS = _dependents()
SUBMITTED = select(tables.submission_set.c.digest).where(tables.submission_set.c.unique_id.in_(_NAMES))
CLAIMS = select(tables.claim.c.unique_id, tables.claim.c.hash, tables.claim.c.size).where(
    tables.claim.c.unique_id.in_(_NAMES)
)
MEASURED = select(
    tables.content.c.unique_id, tables.content.c.sha1, tables.content.c.sha256, tables.content.c.size
).where(tables.content.c.unique_id.in_(_NAMES))
CONTENTS = _contents()
READABLE = _readable()
RECORD_KEY = select(tables.record_key.c.wrapped).where(tables.record_key.c.patient_key.in_(_NAMES))
