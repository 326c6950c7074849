"""The document registry: registered objects, found under a scope, changed through a unit of work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, exists, insert, literal, select, text, update

from gateway.errors import Meaning, Problem, Refused
from gateway.record.access import Behind, Scope
from gateway.record.documents import DocumentEntry, EntryType, Status, Submission
from gateway.record.people import Code
from gateway.record.removal import Link, Removal
from gateway.record.revision import Revision
from gateway.record.submission import Admission, Membership, Standing
from gateway.stores import changes, reads, tables
from gateway.stores import rows as row_of
from gateway.stores.database import Database, Rows
from gateway.stores.rows import Fragments, grouped
from gateway.stores.search import (
    ASSOCIATION,
    ENTRY,
    FOLDER,
    KINDS,
    SUBMISSION_SET,
    WHOLE,
    Condition,
    Kind,
    Searcher,
    View,
)
from gateway.stores.work import UnitOfWork

APPROVED = Status.APPROVED.value
DEPRECATED = Status.DEPRECATED.value

_INSERTS = {kind.name: insert(kind.table) for kind in (ENTRY, SUBMISSION_SET, FOLDER, ASSOCIATION)}
_INSERT_ENTRY_VALUE = insert(tables.entry_value)
_INSERT_PACKAGE_VALUE = insert(tables.package_value)
_DEPRECATE = (
    update(tables.entry)
    .where(tables.entry.c.uuid == bindparam("b_uuid"), tables.entry.c.status == APPROVED)
    .values(status=DEPRECATED)
)
_STILL_APPROVED = (
    update(tables.entry)
    .where(tables.entry.c.uuid == bindparam("b_uuid"), tables.entry.c.status == APPROVED)
    .values(status=APPROVED)
)
_CLAIM = text(
    "INSERT INTO claim (unique_id, hash, size) VALUES (:unique_id, :hash, :size) "
    # Nothing changes, but a removal that would release the claim waits for this one.
    "ON CONFLICT (unique_id) DO UPDATE SET size = claim.size"
)
_CLAIM_ANEW = text(
    "INSERT INTO claim (unique_id, hash, size) VALUES (:unique_id, :hash, :size) "
    "ON CONFLICT (unique_id) DO UPDATE SET hash = excluded.hash, size = excluded.size"
)

_STANDING_FIELDS = ("logical_id", "version", "latest", "unique_id", "relation", "source", "target")


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A registered document that a request names, with what the decision must know of it."""

    uuid: str
    unique_id: str
    patient_key: int
    rank: int
    document_class: str | None
    organisation: str | None


class RegistryStore:
    """All methods that read metadata demand a scope; those of admission serve `record.submission`."""

    def __init__(
        self, database: Database, new_key: Callable[[], int], ranks: Callable[[str, str], int]
    ) -> None:
        self._database = database
        self._new_key = new_key
        self._rank = ranks
        self._searcher = Searcher()

    async def find(
        self, scope: Scope, kind: Kind, conditions: Sequence[Condition], limit: int, view: View = WHOLE
    ) -> Rows:
        """Rows of one kind that meet all conditions and lie in the scope, oldest first, at most limit + 1."""
        if not scope.grants or any(not item.values for item in conditions):
            return ()
        statement, values = self._searcher.prepare(kind, conditions, scope, limit, view)
        return await self._database.fetch(statement, values)

    async def owners(self, kind: str, by: str, values: Sequence[str], *, linked: bool = False) -> set[int]:
        """Record keys of the patients to whom some named objects belong; input of the decision.

        `linked` adds those of the associations of these objects, and of the objects these lead to.
        """
        column = by.replace("-", "_")
        kinds = tuple(KINDS) if kind == "any" else (kind,)
        found: set[int] = set()
        queries = [reads.OWNERS.get((name, column)) for name in kinds]
        queries += [reads.LINKED.get((kind, column))] if linked else []
        for query in queries:
            if query is not None:
                rows = await self._database.fetch(query, {"names": list(values)})
                found |= {row.patient_key for row in rows}
        return found

    async def owners_of(
        self, kind: Kind, conditions: Sequence[Condition], limit: int, seconds: float
    ) -> set[int] | None:
        """Record keys of the owners of objects that match; None when there are more, or it takes longer."""
        statement, values = self._searcher.prepare_owners(kind, conditions, limit)
        rows = await self._database.fetch_within(statement, values, seconds)
        return None if rows is None or len(rows) > limit else {row.patient_key for row in rows}

    async def named_documents(self, names: Sequence[str]) -> list[NamedDocument]:
        """The documents some uniqueIds or entryUUIDs stand for; input of the decision on each."""
        rows = await self._database.fetch(reads.NAMED_DOCUMENTS, {"names": list(names)})
        return [NamedDocument(*tuple(row)) for row in rows]

    async def behind(self, names: Iterable[str]) -> Behind:
        """What stands behind uniqueIds of documents and folders; names that are neither are passed over."""
        if not (asked := list(names)):
            return Behind()
        members = grouped(await self._database.fetch(reads.MEMBERS, {"names": asked}))
        asked += {document for each in members.values() for document in each}
        return Behind(members, grouped(await self._database.fetch(reads.OFFSPRING, {"names": asked})))

    async def submitted(self, unique_id: str) -> str | None:
        """The digest of the submission whose SubmissionSet has this uniqueId."""
        rows = await self._database.fetch(reads.SUBMITTED, {"names": [unique_id]})
        return rows[0].digest if rows else None

    async def claims(self, unique_ids: Sequence[str]) -> Mapping[str, tuple[str, int]]:
        """(hash, size) of the octets that document uniqueIds already stand for."""
        rows = await self._database.fetch(reads.CLAIMS, {"names": list(unique_ids)})
        return {row.unique_id: (row.hash, row.size) for row in rows}

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        """The registered objects among some entryUUIDs, with merged record keys."""
        found: dict[str, Standing] = {}
        for kind in KINDS.values() if ids else ():
            rows = await self._database.fetch(reads.STANDING[kind.name], {"names": list(ids)})
            found |= {row.uuid: _standing(kind, row) for row in rows}
        return found

    async def latest(self, names: Sequence[str], column: str = "logical_id") -> list[Standing]:
        """The latest versions of the entries and folders that some logicalIDs (or unique_ids) stand for."""
        found: list[Standing] = []
        for kind in (ENTRY, FOLDER) if names else ():
            rows = await self._database.fetch(reads.LATEST[kind.name, column], {"names": list(names)})
            found += [_standing(kind, row) for row in rows]
        return found

    async def stored(self, uuid: str) -> Any:
        """The row of an entry, for a change that was decided on."""
        rows = await self._database.fetch(reads.STORED, {"names": [uuid]})
        return rows[0]

    async def links(self, ids: Sequence[str]) -> Rows:
        """Rows of Approved folder memberships and relationships with an end among some entryUUIDs."""
        return await self._database.fetch(reads.LINKS, {"names": list(ids)})

    async def touching(self, ids: Sequence[str]) -> list[Link]:
        """Every association with an end among some ids."""
        rows = await self._database.fetch(reads.TOUCHING, {"names": list(ids)})
        return [Link(row.uuid, row.source, row.target, row.relation, bool(row.set_id)) for row in rows]

    async def memberships(self, documents: Sequence[str]) -> Sequence[Membership]:
        """Approved folder memberships of documents."""
        rows = await self._database.fetch(reads.MEMBERSHIPS, {"names": list(documents)})
        return [Membership(row.source, row.target) for row in rows]

    async def dependents(self, documents: Sequence[str]) -> Sequence[str]:
        """Approved documents that append or transform documents, or one of these again."""
        rows = await self._database.fetch(reads.DEPENDENTS, {"names": list(documents)})
        if len(rows) > reads.MOST_DEPENDENTS:
            text = f"more than {reads.MOST_DEPENDENTS} addenda and transforms would be deprecated"
            raise Refused(Problem(Meaning.OUT_OF_RESOURCES, text, documents[0]))
        return [row.source for row in rows if row.source not in documents]

    async def transforms(self, documents: Sequence[str]) -> Sequence[str]:
        """Those of some documents that are transforms."""
        rows = await self._database.fetch(reads.TRANSFORMS, {"names": list(documents)})
        return [row.source for row in rows]

    def keep_on_demand(self, work: UnitOfWork, unique_ids: Sequence[str]) -> None:
        """Drops the work if by then one of these uniqueIds stands for a stable document (ITI-61)."""
        for name in unique_ids:
            free = select(literal(1)).where(~exists().where(tables.claim.c.unique_id == name))
            work.check(free, Refused(stable_already(name)))

    def register(
        self,
        work: UnitOfWork,
        scope: Scope,
        admission: Admission,
        fragments: Fragments,
        patient_key: int,
        at: datetime,
    ) -> None:
        """Notes everything an admitted submission adds and changes; `fragments` by entryUUID."""
        _demand(scope, {patient_key})
        self._add(work, admission, fragments, patient_key, at)
        for item in admission.submission.documents:
            _claim(work, item)
        _change_status(work, admission)
        changes.nothing_joined(work, admission)
        changes.touch(work, admission.touched_folders, at, approved=True)

    def revise(
        self,
        work: UnitOfWork,
        scope: Scope,
        revision: Revision,
        fragments: Fragments,
        patient_key: int,
        at: datetime,
    ) -> None:
        """Notes everything a metadata update adds and changes; `fragments` by entryUUID."""
        changed = (*revision.superseded, *(held for held, _ in revision.changes))
        _demand(scope, {patient_key, *(held.patient for held in changed)})
        self._add(work, revision, fragments, patient_key, at)
        for item in revision.submission.documents:
            _claim_anew(work, item)
        changes.supersede(work, revision)
        changes.hold(work, revision)
        changes.change_status(work, revision.changes)
        changes.touch(work, revision.touched_folders, at)

    def remove(self, work: UnitOfWork, scope: Scope, removal: Removal) -> None:
        """Notes the removal of objects of patients in scope."""
        _demand(scope, {held.patient for held in removal.removed})
        changes.remove(work, removal)

    def _add(
        self,
        work: UnitOfWork,
        added: Admission | Revision,
        fragments: Fragments,
        patient_key: int,
        at: datetime,
    ) -> None:
        submission = added.submission
        _check_unused(work, submission)
        self._add_set(work, added, fragments, patient_key)
        self._add_entries(work, submission, fragments, patient_key)
        for folder in submission.folders:
            key = self._new_key()
            row = row_of.folder_row(key, patient_key, folder, fragments[folder.id], at)
            taken = _duplicate("Folder", folder.unique_id) if folder.version == 1 else _overtaken(folder.id)
            work.write(_INSERTS["folder"], row, otherwise=taken)
            _write_values(work, _INSERT_PACKAGE_VALUE, "package_key", key, row_of.folder_values(folder))
        associations = [
            row_of.association_row(self._new_key(), patient_key, item, fragments[item.id])
            for item in submission.associations
        ]
        if associations:
            work.write(_INSERTS["association"], *associations)

    def _add_set(
        self, work: UnitOfWork, added: Admission | Revision, fragments: Fragments, patient_key: int
    ) -> None:
        item = added.submission.submission_set
        key = self._new_key()
        row = row_of.set_row(key, patient_key, item, fragments[item.id], added.digest)
        work.write(_INSERTS["submission-set"], row, otherwise=_duplicate("SubmissionSet", item.unique_id))
        _write_values(work, _INSERT_PACKAGE_VALUE, "package_key", key, row_of.set_values(item))

    def _add_entries(
        self, work: UnitOfWork, submission: Submission, fragments: Fragments, patient_key: int
    ) -> None:
        for item in submission.documents:
            key = self._new_key()
            # Limited metadata may have no code at all: then it is the rank of what is not understood.
            codes = item.confidentiality or (Code("", ""),)
            rank = max(self._rank(code.code, code.scheme) for code in codes)
            row = row_of.entry_row(key, patient_key, item, fragments[item.id], rank)
            taken = None if item.version == 1 else _overtaken(item.id)
            work.write(_INSERTS["document"], row, otherwise=taken)
            _write_values(work, _INSERT_ENTRY_VALUE, "entry_key", key, row_of.entry_values(item))


def _demand(scope: Scope, patients: set[int]) -> None:
    """Nothing is written into a record that the decision did not open."""
    if not patients <= set(scope.grants):
        raise PermissionError("this scope does not allow changes in the record of the patient")


def _overtaken(name: str) -> Refused:
    """Two updates of one version: the second one to be written is late."""
    text = "another update has made a new version meanwhile"
    return Refused(Problem(Meaning.UPDATE_VERSION, text, name))


def _standing(kind: Kind, row: Any) -> Standing:
    told = {name: getattr(row, name) for name in _STANDING_FIELDS if hasattr(row, name)}
    if kind.ranked:
        told["type"] = EntryType(row.type)
    return Standing(id=row.uuid, kind=kind.name, patient=row.head, status=Status(row.status), **told)


def _unused() -> Select[Any]:
    """One row, unless a uniqueId is in use by an object of another kind."""
    tables_of = {"sets": SUBMISSION_SET.table, "folders": FOLDER.table, "documents": ENTRY.table}
    free = [
        ~exists().where(table.c.unique_id.in_(bindparam(f"not_{name}", expanding=True)))
        for name, table in tables_of.items()
    ]
    return select(literal(1)).where(*free)


_UNUSED = _unused()


def _check_unused(work: UnitOfWork, submission: Submission) -> None:
    """A uniqueId stands for an object of one kind (ITI TF-2 3.42.4.1.3.3.7)."""
    sets = [submission.submission_set.unique_id]
    folders = [item.unique_id for item in submission.folders]
    documents = [item.unique_id for item in submission.documents]
    query = _UNUSED.params(
        not_sets=folders + documents, not_folders=sets + documents, not_documents=sets + folders
    )
    used = Problem(
        Meaning.DUPLICATE_IN_REGISTRY,
        "a uniqueId of this submission is already used in this registry by an object of another kind",
        sets[0],
    )
    work.check(query, Refused(used))


def _claim(work: UnitOfWork, item: DocumentEntry) -> None:
    """A uniqueId stands for the same octets for ever, whoever of two submissions comes first."""
    if item.hash is None or item.size is None:
        return
    row = {"unique_id": item.unique_id, "hash": item.hash.lower(), "size": item.size}
    work.write(_CLAIM, row)
    table = tables.claim.c
    same = select(table.unique_id).where(
        table.unique_id == item.unique_id, table.hash == row["hash"], table.size == item.size
    )
    work.check(same, Refused(different_octets(item.unique_id)))


def _claim_anew(work: UnitOfWork, item: DocumentEntry) -> None:
    """An update may tell another hash and size, as of a document assembled later (ITI TF-2 3.57)."""
    if item.hash is not None and item.size is not None:
        row = {"unique_id": item.unique_id, "hash": item.hash.lower(), "size": item.size}
        work.write(_CLAIM_ANEW, row, expect=1)
        work.check(changes.no_other_octets(item), Refused(different_octets(item.unique_id)))


def different_octets(unique_id: str, *, size: bool = False) -> Problem:
    """The uniqueId is known with other octets."""
    meaning, what = (Meaning.DIFFERENT_SIZE, "size") if size else (Meaning.DIFFERENT_HASH, "hash")
    return Problem(meaning, f"uniqueId {unique_id} is registered with another {what}", unique_id)


def stable_already(unique_id: str) -> Problem:
    """The uniqueId of an on-demand entry is that of a document that exists."""
    context = f"uniqueId {unique_id} stands for a stable document, expected that of none or an on-demand one"
    return Problem(Meaning.METADATA_INVALID, context, unique_id)


def _write_values(
    work: UnitOfWork, statement: Any, owner: str, key: int, values: Iterable[tuple[str, str]]
) -> None:
    rows = [{owner: key, "kind": kind, "value": value} for kind, value in dict.fromkeys(values)]
    if rows:
        work.write(statement, *rows)


def _change_status(work: UnitOfWork, admission: Admission) -> None:
    """Life cycle of registered objects.

    Each must still stand as admission saw it: the loser of a race between two replacements learns that the
    document is Deprecated.
    """
    for names, statement in ((admission.replaced, _DEPRECATE), (admission.required, _STILL_APPROVED)):
        for name in names:
            gone = Refused(Problem(Meaning.DEPRECATED_TARGET, f"{name} is Deprecated", name))
            work.write(statement, {"b_uuid": name}, expect=1, otherwise=gone)
    if admission.dependents:
        work.write(_DEPRECATE, *({"b_uuid": name} for name in admission.dependents))


def _duplicate(kind: str, unique_id: str) -> Refused:
    return Refused(
        Problem(
            Meaning.DUPLICATE_IN_REGISTRY,
            f"{kind} uniqueId {unique_id} is already used in this registry",
            unique_id,
        )
    )
