"""Writes of metadata updates and removals, each of which must find what it expects (ITI-57, 62, 92)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, func, literal, or_, select, update

from gateway.errors import Meaning, Problem, Refused
from gateway.record.documents import Status
from gateway.record.revision import Revision
from gateway.record.submission import Standing
from gateway.stores import tables
from gateway.stores.search import ASSOCIATION, ENTRY, FOLDER, KINDS, SUBMISSION_SET
from gateway.stores.work import UnitOfWork


def _superseding(table: Any) -> Any:
    return (
        update(table)
        .where(
            table.c.uuid == bindparam("b_uuid"),
            table.c.version == bindparam("b_version"),
            table.c.latest,
        )
        .values(latest=False, status=Status.DEPRECATED.value)
    )


def _changing(table: Any) -> Any:
    return (
        update(table)
        .where(table.c.uuid == bindparam("b_uuid"), table.c.status == bindparam("b_before"))
        .values(status=bindparam("b_after"))
    )


_SUPERSEDE = {kind.name: _superseding(kind.table) for kind in (ENTRY, FOLDER)}
_CHANGE = {kind.name: _changing(kind.table) for kind in (ENTRY, FOLDER, ASSOCIATION)}
_REMOVE = {
    kind.name: delete(kind.table).where(kind.table.c.uuid == bindparam("b_uuid")) for kind in KINDS.values()
}


def supersede(work: UnitOfWork, revision: Revision) -> None:
    """The versions before become Deprecated; the loser of a race learns that its own is not the latest."""
    for old in revision.superseded:
        text = f"version {old.version} is not the latest version any more"
        lost = Refused(Problem(Meaning.UPDATE_VERSION, text, old.id))
        row = {"b_uuid": old.id, "b_version": old.version}
        work.write(_SUPERSEDE[old.kind], row, expect=1, otherwise=lost)


def change_status(work: UnitOfWork, changes: Iterable[tuple[Standing, Status]]) -> None:
    """Sets the status of objects that still have the one that was seen."""
    for held, after in changes:
        text = f"{held.id} is not {held.status.value} any more"
        lost = Refused(Problem(Meaning.UPDATE, text, held.id))
        row = {"b_uuid": held.id, "b_before": held.status.value, "b_after": after.value}
        work.write(_CHANGE[held.kind], row, expect=1, otherwise=lost)


def remove(work: UnitOfWork, removed: Sequence[Standing]) -> None:
    """Deletes objects with their values; refused if one is gone or got a new reference meanwhile."""
    ids = [each.id for each in removed]
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
    _release(work, removed)
    held = Problem(Meaning.REFERENCES_EXIST, "an association was added meanwhile; try again", ids[0])
    work.check(_nothing_refers(ids), Refused(held))


def _promote(work: UnitOfWork, removed: Sequence[Standing]) -> None:
    """Where the latest version goes, the one before is the latest that is left."""
    for kind in (ENTRY, FOLDER):
        names = sorted({each.logical_id for each in removed if each.kind == kind.name and each.latest})
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


def _release(work: UnitOfWork, removed: Sequence[Standing]) -> None:
    """A uniqueId that no entry uses any more stands for no octets."""
    names = sorted({each.unique_id for each in removed if each.kind == ENTRY.name})
    if names:
        claim, entry = tables.claim.c, tables.entry.c
        used = exists().where(entry.unique_id == claim.unique_id)
        work.write(delete(tables.claim).where(claim.unique_id.in_(names), ~used))


def _nothing_refers(ids: Sequence[str]) -> Select[Any]:
    held = tables.association.c
    return select(literal(1)).where(~exists().where(or_(held.source.in_(ids), held.target.in_(ids))))
