"""The document repository: octets sealed in files, described in the database (ITI TF-2 3.41, 3.43)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from cryptography.exceptions import InvalidTag
from sqlalchemy import Row, bindparam, delete, insert, select

from gateway.crypto import envelope
from gateway.errors import Busy, Defect, Meaning, Problem, Refused
from gateway.record.access import Scope
from gateway.stores import reads, tables
from gateway.stores.database import Database
from gateway.stores.search import visible
from gateway.stores.work import UnitOfWork

_LARGE = 1024 * 1024
"""Octets from which a document is opened in another thread, so that it holds nobody up."""
_INSERT = insert(tables.content)


class Octets(Protocol):
    """Content to store."""

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start."""
        ...


@dataclass(frozen=True, slots=True)
class Measured:
    """What the octets of a document are: SHA-1 in hex (XDS), SHA-256 in hex (ours), number."""

    sha1: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A document that may be read: `data` is whole and verified."""

    unique_id: str
    mime_type: str
    data: bytes


@dataclass(slots=True)
class _Meter:
    """Measures octets while they pass."""

    sha1: hashlib._Hash
    sha256: hashlib._Hash
    size: int = 0

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            self.sha1.update(chunk)
            self.sha256.update(chunk)
            self.size += len(chunk)
            yield chunk


def measure(chunks: Iterable[bytes]) -> Measured:
    """Hash and size of octets that are not stored yet."""
    meter = _Meter(hashlib.sha1(usedforsecurity=False), hashlib.sha256())
    for _ in meter.through(chunks):
        pass
    return Measured(meter.sha1.hexdigest(), meter.sha256.hexdigest(), meter.size)


class BlobStore:
    """Sealed blobs as files under random names: written aside, made durable, then named."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (directory / "incoming").mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, chunks: Iterable[bytes]) -> str:
        """The new blob's name, once its octets are on the disk."""
        name = secrets.token_hex(16)
        aside = self._directory / "incoming" / name
        final = self.path(name)
        final.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with aside.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            aside.rename(final)
            _sync_directory(final.parent)
        except OSError as error:
            aside.unlink(missing_ok=True)
            raise Refused(
                Problem(
                    Meaning.OUT_OF_RESOURCES, "the repository cannot store documents now; try again later"
                )
            ) from error
        return name

    def path(self, name: str) -> Path:
        """Where a blob stands."""
        return self._directory / name[:2] / name

    def discard(self, name: str) -> None:
        """Removes a blob that no entry came to refer to."""
        self.path(name).unlink(missing_ok=True)

    def sweep(self, known: set[str], older_than: float) -> int:
        """Removes blobs that nothing refers to and that are older than a time (epoch seconds)."""
        removed = 0
        for path in self._directory.glob("*/*"):
            if path.name not in known and path.stat().st_mtime < older_than:
                path.unlink()
                removed += 1
        return removed


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        octets: Octets,
        at: datetime,
    ) -> Measured:
        """Seals and stores a document; the blob is discarded if the unit of work fails."""
        if patient_key not in scope.grants:
            raise PermissionError("this scope does not allow storing for the patient")
        record_key = await self._record_key(patient_key)
        key, wrapped = envelope.new_document_key(record_key)
        meter = _Meter(hashlib.sha1(usedforsecurity=False), hashlib.sha256())
        sealed = envelope.seal_chunks(key, _context(unique_id, patient_key), meter.through(octets.chunks()))
        name = await asyncio.to_thread(self._blobs.write, sealed)
        work.on_rollback.append(lambda: self._blobs.discard(name))
        measured = Measured(meter.sha1.hexdigest(), meter.sha256.hexdigest(), meter.size)
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
        for row in rows:
            large = row.size > _LARGE
            found[row.unique_id] = await asyncio.to_thread(self._open, row) if large else self._open(row)
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

    def _open(self, row: Row[Any]) -> Stored | Problem:
        """Opens and verifies before a single octet leaves."""
        unique_id = str(row.unique_id)
        try:
            record_key = self._keys.record_key(row.record_wrapped)
            key = envelope.document_key(record_key, row.wrapped)
            pieces = envelope.sealed_pieces(self._blobs.path(row.blob))
            context = _context(unique_id, row.record_key)
            data = b"".join(envelope.open_chunks(key, context, pieces))
        except (InvalidTag, OSError, Defect):
            return _unreadable(unique_id)
        if hashlib.sha256(data).hexdigest() != row.sha256:
            return _unreadable(unique_id)
        return Stored(unique_id, row.mime_type, data)

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


def _context(unique_id: str, patient_key: int) -> bytes:
    return f"{unique_id}|{patient_key}".encode()
