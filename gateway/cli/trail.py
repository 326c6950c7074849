"""Reads the audit trail of an installation for export and display."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Row

from gateway.audit.export import ExportedRow, Header, checkpoint_line, erasure_line, header_line, row_line
from gateway.audit.rows import StoredRow
from gateway.audit.sealer import SealedTree
from gateway.config import Settings
from gateway.crypto.keys import load_certificates
from gateway.stores.database import Database, open_database
from gateway.stores.journal import Journal
from gateway.stores.keys import key_maker
from gateway.stores.retention import RetentionStore

_BATCH = 5_000
_COLUMNS = tuple(StoredRow.__dataclass_fields__)


def origin_of(settings: Settings) -> str:
    """The name of this log in its checkpoints."""
    return f"passerelle/{settings.environment}/{settings.domain.home_community_id}"


async def export_lines(settings: Settings) -> list[bytes]:
    """The whole trail in the order the verifier wants: header, checkpoints, sealed rows, unsealed rows."""
    database = open_database(settings.database.url)
    try:
        return await _lines(settings, database)
    finally:
        await database.close()


async def _lines(settings: Settings, database: Database) -> list[bytes]:
    journal = Journal(database, key_maker())
    certificates = load_certificates(settings.signing.certificate.read_bytes())
    ders = tuple(each.public_bytes(Encoding.DER) for each in certificates)
    lines = [header_line(Header(origin_of(settings), settings.environment, ders))]
    for erased in await RetentionStore(database, key_maker()).erasures():
        lines += [erasure_line(StoredRow(**row._mapping)) for row in await journal.rows([erased.audit_id])]  # noqa: SLF001
    trees = await journal.checkpoints()
    lines += [checkpoint_line(SealedTree(tree.size, tree.root, tree.note, tree.at)) for tree in trees]
    position = 0
    while rows := await journal.sealed_rows(position, _BATCH):
        lines += [row_line(ExportedRow(row.audit_id, row.position, row.leaf, _stored(row))) for row in rows]
        position = rows[-1].position + 1
    since = 0
    while rows := await journal.unsealed(since, _BATCH):
        lines += [row_line(ExportedRow(row.id, None, None, _stored(row))) for row in rows]
        since = rows[-1].id + 1
    return lines


def _stored(row: Row[Any]) -> StoredRow | None:
    """None where the audit table lost a row that the tree knows."""
    if row.id is None:
        return None
    return StoredRow(**{name: getattr(row, name) for name in _COLUMNS})


async def rows_of(settings: Settings, trace: str) -> list[Row[Any]]:
    """The audit rows of one exchange."""
    database: Database = open_database(settings.database.url)
    try:
        return list(await Journal(database, key_maker()).trace(trace))
    finally:
        await database.close()
