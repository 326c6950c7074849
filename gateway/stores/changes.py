"""Writes of metadata updates and removals, each of which must find what it expects (ITI-57, 62, 92)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, func, literal, or_, select, update

from gateway.errors import Busy, Meaning, Problem, Refused
from gateway.record.documents import DocumentEntry, Relation, Status
from gateway.record.removal import Removal, orphan
from gateway.record.revision import Revision
from gateway.record.submission import Admission, Standing
from gateway.stores import tables
from gateway.stores.reads import DEPENDING
from gateway.stores.rows import stamp
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, KINDS, SUBMISSION_SET, Kind
from gateway.stores.work import UnitOfWork


def _superseding(table: Any) -> Any:
    return (
        update(table)
        .where(
            table.c.uuid == bindparam("b_uuid"),
            table.c.version == bindparam("b_version"),
            table.c.status == bindparam("b_status"),
            table.c.latest,
        )
        .values(latest=False, status=Status.DEPRECATED.value)
    )


def _changing(table: Any) -> Any:
    versions = [table.c.latest] if "latest" in table.c else []
    return (
        update(table)
        .where(table.c.uuid == bindparam("b_uuid"), table.c.status == bindparam("b_before"), *versions)
        .values(status=bindparam("b_after"))
    )


def _touching(table: Any, column: str, *conditions: Any) -> Any:
    """Changes nothing, but waits for whoever changes the row, and makes the next one wait."""
    return (
        update(table).where(table.c[column] == bindparam("b_name"), *conditions).values(status=table.c.status)
    )


def _approved(table: Any) -> Any:
    return table.c.status == Status.APPROVED.value


_SUPERSEDE = {kind.name: _superseding(kind.table) for kind in (ENTRY, FOLDER)}
_CHANGE = {kind.name: _changing(kind.table) for kind in (ENTRY, FOLDER, ASSOCIATION)}
_HOLD = {
    kind.name: _touching(kind.table, "uuid", _approved(kind.table)) for kind in (ENTRY, FOLDER, ASSOCIATION)
}
_KEEP = {kind.name: _touching(kind.table, "uuid") for kind in KINDS.values()}
_VERSIONS = {kind.name: _touching(kind.table, "logical_id") for kind in (ENTRY, FOLDER)}
_CLAIM = (
    update(tables.claim)
    .where(tables.claim.c.unique_id == bindparam("b_name"))
    .values(size=tables.claim.c.size)
)
_TOUCH_FOLDER = (
    update(tables.folder)
    .where(tables.folder.c.uuid == bindparam("b_uuid"))
    .values(last_update=bindparam("b_at"))
)
_TOUCH_APPROVED = _TOUCH_FOLDER.where(_approved(tables.folder))
_REMOVE = {
    kind.name: delete(kind.table).where(kind.table.c.uuid == bindparam("b_uuid")) for kind in KINDS.values()
}


def supersede(work: UnitOfWork, revision: Revision) -> None:
    """The versions before become Deprecated; the loser of a race learns that its own is not the latest."""
    for old in revision.superseded:
        text = f"version {old.version} is not the latest version any more, or not {old.status.value}"
        lost = Refused(Problem(Meaning.UPDATE_VERSION, text, old.id))
        row = {"b_uuid": old.id, "b_version": old.version, "b_status": old.status.value}
        work.write(_SUPERSEDE[old.kind], row, expect=1, otherwise=lost)


def hold(work: UnitOfWork, revision: Revision) -> None:
    """What new associations lead to stays Approved; what is copied is all there is to copy."""
    for end in revision.required:
        gone = Refused(Problem(Meaning.UPDATE, f"{end.id} is not Approved any more", end.id))
        work.write(_HOLD[end.kind], {"b_name": end.id}, expect=1, otherwise=gone)
    for name in revision.copied:
        gone_link = Busy(f"association {name} was changed by another request; try again")
        work.write(_HOLD[ASSOCIATION.name], {"b_name": name}, expect=1, otherwise=gone_link)
    if revision.propagated:
        other = Busy("an object to update got an association meanwhile; try again")
        work.check(_nothing_else_to_copy(revision), other)


def _nothing_else_to_copy(revision: Revision) -> Select[Any]:
    held, head = tables.association.c, tables.submission_set.c
    return _none(
        or_(held.source.in_(revision.propagated), held.target.in_(revision.propagated)),
        _approved(tables.association),
        held.uuid.not_in(revision.copied),
        ~exists().where(head.uuid == held.source),
    )


def nothing_joined(work: UnitOfWork, admission: Admission) -> None:
    """Replaced documents have no more memberships, addenda and transforms than the plan knows of."""
    own = [item.id for item in admission.submission.associations]
    for name in admission.replaced:
        folders = [each.folder for each in admission.memberships if each.document == name]
        text = f"{name} was put into a folder by another request; try again"
        work.check(_no_other_folder(name, folders, own), Busy(text))
    if admission.replaced:
        text = "a replaced document got an addendum or transform by another request; try again"
        work.check(_no_other_dependent(admission, own), Busy(text))


def _no_other_folder(document: str, folders: Sequence[str], own: Sequence[str]) -> Select[Any]:
    held, folder = tables.association.c, tables.folder
    return _none(
        held.target == document,
        held.relation == Relation.HAS_MEMBER.value,
        _approved(tables.association),
        held.source.not_in(folders),
        held.uuid.not_in(own),
        exists().where(folder.c.uuid == held.source, _approved(folder)),
    )


def _no_other_dependent(admission: Admission, own: Sequence[str]) -> Select[Any]:
    held, entry = tables.association.c, tables.entry
    known = (*admission.replaced, *admission.dependents)
    return _none(
        held.target.in_(known),
        held.relation.in_(DEPENDING),
        _approved(tables.association),
        held.source.not_in(known),
        held.uuid.not_in(own),
        exists().where(entry.c.uuid == held.source, _approved(entry)),
    )


def _none(*conditions: Any) -> Select[Any]:
    """One row, unless an association meets all conditions."""
    found = select(tables.association.c.key).where(*conditions)
    return select(literal(1)).where(~found.exists())


def no_other_octets(item: DocumentEntry) -> Select[Any]:
    """One row, unless another logical object shares the uniqueId, but not hash and size."""
    entry = tables.entry.c
    other = select(entry.key).where(
        entry.unique_id == item.unique_id,
        entry.logical_id != item.logical_id,
        entry.latest,
        or_(entry.hash != (item.hash or "").lower(), entry.size != item.size),
    )
    return select(literal(1)).where(~other.exists())


def touch(work: UnitOfWork, folders: Sequence[str], at: datetime, *, approved: bool = False) -> None:
    """Folders that get a document; each must be there when it is written, `approved` also Approved."""
    statement = _TOUCH_APPROVED if approved else _TOUCH_FOLDER
    for name in folders:
        gone = Busy(f"folder {name} was changed by another request; try again")
        work.write(statement, {"b_uuid": name, "b_at": stamp(at)}, expect=1, otherwise=gone)


def change_status(work: UnitOfWork, changes: Iterable[tuple[Standing, Status]]) -> None:
    """Sets the status of objects that still have the one that was seen."""
    for held, after in changes:
        text = f"{held.id} is not {held.status.value} any more"
        lost = Refused(Problem(Meaning.UPDATE, text, held.id))
        row = {"b_uuid": held.id, "b_before": held.status.value, "b_after": after.value}
        work.write(_CHANGE[held.kind], row, expect=1, otherwise=lost)


def remove(work: UnitOfWork, removal: Removal) -> None:
    """Deletes objects with their values; refused if one is gone or got a new reference meanwhile."""
    removed = removal.removed
    ids = [each.id for each in removed]
    unique_ids = sorted({each.unique_id for each in removed if each.kind == ENTRY.name})
    # Claims come first, as in every other write: who waits in one order only never waits for ever.
    lock_claims(work, unique_ids)
    _lock_versions(work, removed)
    for kind, values, owner in (
        (ENTRY, tables.entry_value, "entry_key"),
        (SUBMISSION_SET, tables.package_value, "package_key"),
        (FOLDER, tables.package_value, "package_key"),
    ):
        names = [each.id for each in removed if each.kind == kind.name]
        if names:
            keys = select(kind.table.c.key).where(kind.table.c.uuid.in_(names))
            work.write(delete(values).where(values.c[owner].in_(keys)))
    for each in removed:
        gone = Refused(Problem(Meaning.UNRESOLVED_REFERENCE, f"{each.id} is not registered", each.id))
        work.write(_REMOVE[each.kind], {"b_uuid": each.id}, expect=1, otherwise=gone)
    _promote(work, removed)
    release(work, unique_ids)
    _keep(work, removal)
    held = Problem(Meaning.REFERENCES_EXIST, "an association was added meanwhile; try again", ids[0])
    work.check(_nothing_refers(ids), Refused(held))


def _lock_versions(work: UnitOfWork, removed: Sequence[Standing]) -> None:
    """Of two removals of versions of one object, the second sees which the first has made the latest."""
    for kind in (ENTRY, FOLDER):
        if names := _logical(kind, removed):
            work.write(_VERSIONS[kind.name], *({"b_name": name} for name in names))


def _logical(kind: Kind, removed: Sequence[Standing]) -> list[str]:
    return sorted({each.logical_id for each in removed if each.kind == kind.name})


def _promote(work: UnitOfWork, removed: Sequence[Standing]) -> None:
    """Where the latest version goes, the one before is the latest that is left."""
    for kind in (ENTRY, FOLDER):
        names = _logical(kind, removed)
        if not names:
            continue
        table, other = kind.table, kind.table.alias()
        highest = (
            select(func.max(other.c.version))
            .where(other.c.logical_id == table.c.logical_id)
            .scalar_subquery()
        )
        work.write(
            update(table).where(table.c.logical_id.in_(names), table.c.version == highest).values(latest=True)
        )


def _keep(work: UnitOfWork, removal: Removal) -> None:
    """Two removals may each leave an object to the other; the second to come finds it an orphan."""
    held, head = tables.association.c, tables.submission_set.c
    of_set = exists().where(head.uuid == held.source)
    for each in sorted((*removal.sets, *removal.members), key=lambda left: (left.kind, left.id)):
        changed = Busy(f"{each.id} was changed by another request; try again")
        work.write(_KEEP[each.kind], {"b_name": each.id}, expect=1, otherwise=changed)
    for each in removal.sets:
        work.check(select(held.key).where(held.source == each.id).limit(1), Refused(orphan(each)))
    for each in removal.members:
        work.check(select(held.key).where(held.target == each.id, of_set).limit(1), Refused(orphan(each)))


def lock_claims(work: UnitOfWork, unique_ids: Sequence[str]) -> None:
    """Whoever registers under one of these uniqueIds waits, or is waited for."""
    if unique_ids:
        work.write(_CLAIM, *({"b_name": name} for name in unique_ids))


def release(work: UnitOfWork, unique_ids: Sequence[str]) -> None:
    """A uniqueId that no entry uses, and that no octets are kept under, stands for nothing."""
    if not unique_ids:
        return
    claim, entry, content = tables.claim.c, tables.entry.c, tables.content.c
    used = exists().where(entry.unique_id == claim.unique_id)
    kept = exists().where(content.unique_id == claim.unique_id)
    work.write(delete(tables.claim).where(claim.unique_id.in_(unique_ids), ~used, ~kept))


def _nothing_refers(ids: Sequence[str]) -> Select[Any]:
    held = tables.association.c
    return select(literal(1)).where(~exists().where(or_(held.source.in_(ids), held.target.in_(ids))))
