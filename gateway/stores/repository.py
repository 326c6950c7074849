"""The document repository: octets sealed in files, described in the database (ITI TF-2 3.41, 3.43)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeGuard

from cryptography.exceptions import InvalidTag
from sqlalchemy import Row, bindparam, delete, insert, select, update

from gateway.crypto import envelope
from gateway.crypto.giveaway import is_private_key
from gateway.errors import Busy, Defect, Meaning, PrivateKeySent, Problem, Refused
from gateway.record.access import Scope
from gateway.stores import reads, tables
from gateway.stores.blobs import BlobStore
from gateway.stores.changes import lock_claims, release
from gateway.stores.content import LARGE, Content, Measured, Octets, measure
from gateway.stores.database import Database
from gateway.stores.granted import visible
from gateway.stores.spool import Spooled
from gateway.stores.threads import in_thread
from gateway.stores.work import UnitOfWork

_TOGETHER = 4 * LARGE
"""Octets of all documents of one request that are held in memory."""
_INSERT = insert(tables.content)
_MOVE = (
    update(tables.content)
    .where(
        tables.content.c.unique_id == bindparam("b_unique_id"),
        tables.content.c.record_key == bindparam("b_before"),
    )
    .values(record_key=bindparam("b_after"), wrapped=bindparam("b_wrapped"))
)


@dataclass(frozen=True, slots=True)
class Stored:
    """A document that may be read. Held in memory it is verified; else it is verified while it is read."""

    unique_id: str
    mime_type: str
    content: Content


class SealedContent:
    """A document in its sealed blob. Its last octets are given only when the whole is what was stored."""

    def __init__(self, unique_id: str, key: bytes, context: bytes, path: Path, measured: Measured) -> None:
        self._unique_id = unique_id
        self._key = key
        self._context = context
        self._path = path
        self._measured = measured
        self._verified = False

    @property
    def size(self) -> int:
        """Number of octets."""
        return self._measured.size

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start, each piece authentic; Refused where the blob was changed.

        The first reading also compares the hash of the whole. After it the tags of the pieces say as much.
        """
        running = None if self._verified else hashlib.sha256()
        held = b""
        try:
            for piece in envelope.open_chunks(self._key, self._context, envelope.sealed_pieces(self._path)):
                if running is not None:
                    running.update(piece)
                if held:
                    yield held
                held = piece
        except (InvalidTag, OSError) as error:
            raise Refused(_unreadable(self._unique_id)) from error
        if running is not None and running.hexdigest() != self._measured.sha256:
            raise Refused(_unreadable(self._unique_id))
        self._verified = True
        yield held


async def measure_once(content: Content) -> Measured:
    """Hash and size; of a spooled document what was measured while it came in."""
    if isinstance(content, Spooled):
        return content.measured
    if content.size > LARGE:
        return await in_thread(measure, content.chunks())
    return measure(content.chunks())


class RepositoryStore:
    """Puts octets away durably before anything refers to them, and reads what a scope allows."""

    def __init__(self, database: Database, keys: envelope.KeyTree, blobs: BlobStore) -> None:
        self._database = database
        self._keys = keys
        self._blobs = blobs

    async def put(
        self,
        work: UnitOfWork,
        scope: Scope,
        patient_key: int,
        unique_id: str,
        mime_type: str,
        content: Content,
        at: datetime,
        *,
        measured: Measured | None = None,
    ) -> Measured:
        """Makes a document durable; the blob is discarded if the unit of work fails.

        What is a private key is refused before anything is written (PrivateKeySent). A spooled document
        becomes the stored one as it is. `measured` saves measuring again.
        """
        if patient_key not in scope.grants:
            raise PermissionError("this scope does not allow storing for the patient")
        if is_private_key(_head(content)):
            raise PrivateKeySent(unique_id)
        record_key = await self._record_key(patient_key)
        name = content.name if _adoptable(content) else self._blobs.new_name()
        work.on_rollback.append(lambda: self._blobs.discard(name))
        key = await in_thread(self._keep, name, content)
        measured = measured or await measure_once(content)
        wrapped = envelope.seal_text(record_key, _context(unique_id, patient_key, name), key)
        row = {
            "unique_id": unique_id,
            "blob": name,
            "record_key": patient_key,
            "wrapped": wrapped,
            "size": measured.size,
            "sha1": measured.sha1,
            "sha256": measured.sha256,
            "mime_type": mime_type,
            "stored_at": int(at.timestamp() * 1000),
        }
        clash = Busy(f"document {unique_id} is being stored by another request; try again")
        work.write(_INSERT, row, otherwise=clash)
        return measured

    def _keep(self, name: str, content: Content) -> bytes:
        """Makes a blob of the octets durable; gives its key."""
        try:
            if _adoptable(content):
                self._blobs.adopt(name)
                content.now_at(self._blobs.path(name))
                return content.key
            key = envelope.new_document_key()
            self._blobs.write(name, envelope.seal_chunks(key, name.encode(), content.chunks()))
        except OSError as error:
            text = "the repository cannot store documents now; try again later"
            raise Refused(Problem(Meaning.OUT_OF_RESOURCES, text)) from error
        return key

    async def measured(self, unique_ids: Sequence[str]) -> dict[str, Measured]:
        """What is stored under some uniqueIds."""
        rows = await self._database.fetch(reads.MEASURED, {"names": list(unique_ids)})
        return {row.unique_id: Measured(row.sha1, row.sha256, row.size) for row in rows}

    async def read(self, scope: Scope, unique_ids: Sequence[str]) -> dict[str, Stored | Problem]:
        """The documents in scope; a Problem for each whose octets do not open. Others are absent."""
        found: dict[str, Stored | Problem] = {}
        allowed = await self._allowed(scope, unique_ids)
        if not allowed:
            return found
        rows = await self._database.fetch(reads.CONTENTS, {"names": sorted(allowed)})
        room = _TOGETHER
        for row in rows:
            held = row.size <= min(LARGE, room)
            room -= row.size if held else 0
            found[row.unique_id] = self._opened(row, held=held)
        return found

    async def _allowed(self, scope: Scope, unique_ids: Sequence[str]) -> set[str]:
        """A document is read through an entry: one that the grants of the scope show."""
        asked = {"names": list(unique_ids), "patients": list(scope.patients)}
        rows = await self._database.fetch(reads.READABLE, asked)
        return {
            row.unique_id
            for row in rows
            if visible(
                scope.grants[row.patient_key],
                rank=row.rank,
                document_class=row.document_class,
                unique_id=row.unique_id,
                organisation=row.organisation,
            )
        }

    def _opened(self, row: Row[Any], *, held: bool) -> Stored | Problem:
        """Held in memory, or as a stream; what can be seen of its blob at once is seen here."""
        try:
            content = self._content(row)
            return Stored(row.unique_id, row.mime_type, _in_memory(content) if held else content)
        except (OSError, Defect):
            return _unreadable(row.unique_id)
        except Refused as error:
            return error.problems[0]

    def _content(self, row: Row[Any]) -> SealedContent:
        path = self._blobs.path(row.blob)
        if path.stat().st_size != envelope.sealed_size(row.size):
            raise Defect("a blob has another length than what was stored")
        key = self._document_key(row)
        measured = Measured(row.sha1, row.sha256, row.size)
        return SealedContent(row.unique_id, key, str(row.blob).encode(), path, measured)

    def _document_key(self, row: Row[Any]) -> bytes:
        record_key = self._keys.record_key(row.record_wrapped)
        return envelope.open_text(record_key, _context(row.unique_id, row.record_key, row.blob), row.wrapped)

    async def move(self, work: UnitOfWork, scope: Scope, unique_ids: Sequence[str], patient_key: int) -> None:
        """Puts documents under the key of the record that they belong to now; the octets stay as they are."""
        rows = await self._database.fetch(reads.CONTENTS, {"names": list(unique_ids)})
        record_key = await self._record_key(patient_key)
        for row in rows:
            if not {row.record_key, patient_key} <= set(scope.grants):
                raise PermissionError("this scope does not allow moving a document between the two records")
            key = self._document_key(row)
            context = _context(row.unique_id, patient_key, row.blob)
            moved = {
                "b_unique_id": row.unique_id,
                "b_before": row.record_key,
                "b_after": patient_key,
                "b_wrapped": envelope.seal_text(record_key, context, key),
            }
            clash = Busy(f"document {row.unique_id} is being moved by another request; try again")
            work.write(_MOVE, moved, expect=1, otherwise=clash)

    async def remove(self, work: UnitOfWork, scope: Scope, unique_id: str) -> bool:
        """Destroys the key of a document in scope; whether there was one. The sweep takes its blob."""
        table = tables.content
        query = select(table.c.record_key).where(table.c.unique_id == unique_id)
        rows = await self._database.fetch(query)
        if not rows or rows[0].record_key not in scope.grants:
            return False
        gone = Refused(Problem(Meaning.UNKNOWN_DOCUMENT, f"document {unique_id} is not available", unique_id))
        statement = delete(table).where(table.c.unique_id == bindparam("b_unique_id"))
        work.write(statement, {"b_unique_id": unique_id}, expect=1, otherwise=gone)
        lock_claims(work, [unique_id])
        release(work, [unique_id])
        return True

    async def sweep(self, older_than: float) -> int:
        """Discards blobs older than a time (epoch seconds) that no row refers to; gives their number."""
        known = {row.blob for row in await self._database.fetch(select(tables.content.c.blob))}
        return await asyncio.to_thread(self._blobs.sweep, known, older_than)

    async def _record_key(self, patient_key: int) -> bytes:
        rows = await self._database.fetch(reads.RECORD_KEY, {"names": [patient_key]})
        if not rows:
            raise Defect("a patient has no record key; the record was erased")
        return self._keys.record_key(rows[0].wrapped)


def _unreadable(unique_id: str) -> Problem:
    return Problem(
        Meaning.UNREADABLE_DOCUMENT, f"document {unique_id} cannot be read from the store", unique_id
    )


def _adoptable(content: Content) -> TypeGuard[Spooled]:
    """A document that two entries share is written again for the second, under a key of its own."""
    return isinstance(content, Spooled) and not content.taken


def _head(content: Content) -> bytes:
    """How the octets begin; a spooled document is not read again for it."""
    return content.head if isinstance(content, Spooled) else next(content.chunks(), b"")


def _in_memory(content: Content) -> Octets:
    return Octets(b"".join(content.chunks()))


def _context(unique_id: str, patient_key: int, blob: str) -> bytes:
    """What a document key is wrapped for."""
    return f"document-key|{unique_id}|{patient_key}|{blob}".encode()
