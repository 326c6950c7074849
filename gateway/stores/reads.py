"""Statements of the registry and repository that never change their shape, built once.

Building a statement costs as much as running it. All take the names asked for as `names`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import BindParameter, Select, bindparam, exists, or_, select, union

from gateway.record.documents import Relation, Status
from gateway.stores import tables
from gateway.stores.search import ENTRY, FOLDER, KINDS, Kind

_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_STANDING_COLUMNS = ("type", "logical_id", "version", "latest", "unique_id", "relation", "source", "target")
_APPROVED = Status.APPROVED.value
DEPENDING = (Relation.APPEND.value, Relation.TRANSFORM.value)
DERIVING = (*DEPENDING, Relation.REPLACE.value, Relation.TRANSFORM_REPLACE.value)
MOST_DEPENDENTS = 1_000
"""Addenda and transforms that one replacement deprecates."""


def _owners(kind: Kind, column: str) -> Select[Any]:
    table = kind.table.c
    return select(table.patient_key).where(table[column].in_(_NAMES)).distinct()


def _linked(kind: Kind | None, column: str) -> Select[Any]:
    """Owners of the associations of some objects, and of the objects at their other ends."""
    held, ends = tables.association, (tables.entry, tables.submission_set, tables.folder)
    if kind is None:
        of_source, of_target = held.c.source.in_(_NAMES), held.c.target.in_(_NAMES)
    else:
        named = select(kind.table.c.uuid).where(kind.table.c[column].in_(_NAMES))
        of_source, of_target = held.c.source.in_(named), held.c.target.in_(named)
    found = [select(held.c.patient_key).where(each) for each in (of_source, of_target)]
    for end in ends:
        found.append(select(end.c.patient_key).join(held, held.c.target == end.c.uuid).where(of_source))
        found.append(select(end.c.patient_key).join(held, held.c.source == end.c.uuid).where(of_target))
    return select(union(*found).subquery().c.patient_key)


def _standings(kind: Kind) -> Select[Any]:
    table = kind.table.c
    columns = [table.uuid, table.status, tables.patient.c.head]
    columns += [table[name] for name in _STANDING_COLUMNS if name in table]
    return select(*columns).join(tables.patient, tables.patient.c.key == table.patient_key)


def _standing(kind: Kind) -> Select[Any]:
    return _standings(kind).where(kind.table.c.uuid.in_(_NAMES))


def _latest(kind: Kind, column: str) -> Select[Any]:
    """The latest version of each logical object that is named."""
    table = kind.table.c
    return _standings(kind).where(table[column].in_(_NAMES), table.latest)


def _links() -> Select[Any]:
    """Approved folder memberships and relationships with an end among the names."""
    held, head = tables.association.c, tables.submission_set.c
    return select(tables.association).where(
        or_(held.source.in_(_NAMES), held.target.in_(_NAMES)),
        held.status == _APPROVED,
        ~exists().where(head.uuid == held.source),
    )


def _touching() -> Select[Any]:
    """Every association with an end among the names, and whether it starts from a SubmissionSet."""
    held, head = tables.association.c, tables.submission_set.c
    return (
        select(held.uuid, held.source, held.target, held.relation, head.uuid.label("set_id"))
        .outerjoin(tables.submission_set, head.uuid == held.source)
        .where(or_(held.source.in_(_NAMES), held.target.in_(_NAMES)))
    )


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


def _members() -> Select[Any]:
    """The documents that are in folders now, by the uniqueIds of all their versions."""
    held, folder, document = tables.association.c, tables.folder.c, tables.entry.c
    return (
        select(folder.unique_id.label("folder"), document.unique_id.label("document"))
        .join(tables.association, held.source == folder.uuid)
        .join(tables.entry, document.uuid == held.target)
        .where(
            held.relation == Relation.HAS_MEMBER.value,
            held.status == _APPROVED,
            folder.unique_id.in_(_NAMES),
        )
        .distinct()
    )


def _offspring() -> Select[Any]:
    """What replaced, transformed or appended to documents, and again what did so with that; by the first."""
    link, document = tables.association.alias(), tables.entry.alias()
    found = (
        select(document.c.unique_id.label("root"), link.c.source.label("source"))
        .join(link, link.c.target == document.c.uuid)
        .where(link.c.relation.in_(DERIVING), document.c.unique_id.in_(_NAMES))
        .cte("offspring", recursive=True)
    )
    again = tables.association.alias()
    found = found.union(
        select(found.c.root, again.c.source)
        .join(again, again.c.target == found.c.source)
        .where(again.c.relation.in_(DERIVING))
    )
    made = tables.entry.alias()
    return select(found.c.root, made.c.unique_id).join(made, made.c.uuid == found.c.source).distinct()


def _dependents() -> Select[Any]:
    """What hangs on the names, and on that again; UNION ends where associations lead in a circle."""
    found = _hanging_on(lambda target: target.in_(_NAMES)).cte("dependent", recursive=True)
    found = found.union(_hanging_on(lambda target: target == found.c.source, found))
    return select(found.c.source).limit(MOST_DEPENDENTS + 1)


def _hanging_on(targets: Callable[[Any], Any], beside: Any = None) -> Select[Any]:
    """Approved documents that append or transform others."""
    link, document = tables.association.alias(), tables.entry.alias()
    of_these = link if beside is None else link.join(beside, targets(link.c.target))
    return (
        select(link.c.source)
        .select_from(of_these.join(document, document.c.uuid == link.c.source))
        .where(
            link.c.relation.in_(DEPENDING),
            link.c.status == _APPROVED,
            document.c.status == _APPROVED,
            targets(link.c.target),
        )
    )


def _transforms() -> Select[Any]:
    held = tables.association.c
    return (
        select(held.source)
        .where(held.relation == Relation.TRANSFORM.value, held.status == _APPROVED, held.source.in_(_NAMES))
        .distinct()
    )


def _contents() -> Select[Any]:
    return (
        select(tables.content, tables.record_key.c.wrapped.label("record_wrapped"))
        .join(tables.record_key, tables.record_key.c.patient_key == tables.content.c.record_key)
        .where(tables.content.c.unique_id.in_(_NAMES))
    )


def _readable() -> Select[Any]:
    """Entries a document may be read through: an older version may belong to another patient."""
    table = tables.entry.c
    return select(
        table.unique_id, table.patient_key, table.rank, table.document_class, table.organisation
    ).where(
        table.unique_id.in_(_NAMES),
        table.latest,
        table.patient_key.in_(bindparam("patients", expanding=True)),
    )


OWNERS = {
    (kind.name, column): _owners(kind, column)
    for kind in KINDS.values()
    for column in ("uuid", "unique_id", "logical_id")
    if column in kind.table.c
}
OWNERS["content", "unique_id"] = select(tables.content.c.record_key.label("patient_key")).where(
    tables.content.c.unique_id.in_(_NAMES)
)
OWNERS["consent", "logical_id"] = (
    select(tables.consent.c.patient_key).where(tables.consent.c.id.in_(_NAMES)).distinct()
)
STORED = select(tables.entry).where(tables.entry.c.uuid.in_(_NAMES))
LINKED = {
    (kind.name, column): _linked(kind, column)
    for kind in KINDS.values()
    for column in ("uuid", "unique_id")
    if column in kind.table.c
} | {("any", "uuid"): _linked(None, "uuid")}
STANDING = {kind.name: _standing(kind) for kind in KINDS.values()}
LATEST = {
    (kind.name, column): _latest(kind, column)
    for kind in (ENTRY, FOLDER)
    for column in ("logical_id", "unique_id")
}
LINKS = _links()
TOUCHING = _touching()
NAMED_DOCUMENTS = _named_documents()
MEMBERSHIPS = _memberships()
MEMBERS = _members()
OFFSPRING = _offspring()
DEPENDENTS = _dependents()
TRANSFORMS = _transforms()
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
