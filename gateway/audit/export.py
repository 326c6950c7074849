"""The export an auditor takes away: JSON lines that `gateway.audit.verify` checks without a database.

Order: the header, the records of erasure, every checkpoint by size, the sealed rows by position, the rows
not yet sealed.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from gateway.audit.rows import StoredRow
from gateway.audit.sealer import SealedTree
from gateway.errors import Malformed

VERSION = 1
T = TypeVar("T")

LINE_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """First line: which log this is, and the certificates (DER) that may have signed it."""

    origin: str
    environment: str
    certificates: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A row with its place in the tree. `row` is None when the table lost it, `leaf` before the seal."""

    audit_id: int
    position: int | None
    leaf: bytes | None
    row: StoredRow | None


@dataclass(frozen=True, slots=True)
class ExportedErasure:
    """A row that records an erasure; it stands before the rows, so that what is gone is known as erased."""

    row: StoredRow


Line = Header | SealedTree | ExportedRow | ExportedErasure


def header_line(header: Header) -> bytes:
    """The first line."""
    return _line(
        "header",
        version=VERSION,
        origin=header.origin,
        environment=header.environment,
        certificates=[_base64(each) for each in header.certificates],
    )


def checkpoint_line(tree: SealedTree) -> bytes:
    """One line of `audit_checkpoint`."""
    return _line("checkpoint", size=tree.size, root=tree.root.hex(), note=tree.note, at=tree.at)


def row_line(exported: ExportedRow) -> bytes:
    """One line of `audit_leaf` joined with `audit`."""
    content = None if exported.row is None else row_content(exported.row)
    leaf = None if exported.leaf is None else exported.leaf.hex()
    return _line("row", audit_id=exported.audit_id, position=exported.position, leaf=leaf, row=content)


def erasure_line(row: StoredRow) -> bytes:
    """One record of erasure, which is exported again at its place as a row."""
    return _line("erasure", row=row_content(row))


def row_content(row: StoredRow) -> dict[str, object]:
    """A row as JSON values."""
    return {
        "id": row.id,
        "at": row.at,
        "trace_id": row.trace_id,
        "transaction": row.transaction,
        "outcome": row.outcome,
        "message": row.message,
        "evidence": row.evidence,
        "evidence_signature": _base64(row.evidence_signature),
        "decision": row.decision,
    }


def read_line(data: bytes) -> Line:
    """What a line says; Malformed when it is none of the three."""
    if len(data) > LINE_LIMIT:
        raise Malformed("a line of the export is too long")
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed("a line of the export is no JSON") from error
    kind = fields.get("type") if isinstance(fields, dict) else None
    try:
        if kind == "header":
            return _header(fields)
        if kind == "checkpoint":
            return _checkpoint(fields)
        if kind == "row":
            return _row(fields)
        if kind == "erasure":
            return ExportedErasure(read_row(fields["row"]))
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a {kind} line of the export lacks a field or has one of a wrong type") from error
    raise Malformed("a line of the export is neither header, checkpoint nor row")


def read_row(fields: dict[str, Any]) -> StoredRow:
    """The row of such values; KeyError, TypeError or Malformed when they are none."""
    return StoredRow(
        id=_typed(int, fields["id"]),
        at=_typed(int, fields["at"]),
        trace_id=_typed(str, fields["trace_id"]),
        transaction=_typed(str, fields["transaction"]),
        outcome=_typed(int, fields["outcome"]),
        message=_typed(str, fields["message"]),
        evidence=_typed(str, fields["evidence"]),
        evidence_signature=_bytes(fields["evidence_signature"]),
        decision=None if fields["decision"] is None else _typed(str, fields["decision"]),
    )


def _header(fields: dict[str, Any]) -> Header:
    if fields["version"] != VERSION:
        raise Malformed(f"the export is not of version {VERSION}")
    certificates = tuple(_bytes(each) for each in fields["certificates"])
    return Header(_typed(str, fields["origin"]), _typed(str, fields["environment"]), certificates)


def _checkpoint(fields: dict[str, Any]) -> SealedTree:
    root = bytes.fromhex(fields["root"])
    return SealedTree(
        _typed(int, fields["size"]), root, _typed(str, fields["note"]), _typed(int, fields["at"])
    )


def _row(fields: dict[str, Any]) -> ExportedRow:
    position, leaf, row = fields["position"], fields["leaf"], fields["row"]
    return ExportedRow(
        _typed(int, fields["audit_id"]),
        None if position is None else _typed(int, position),
        None if leaf is None else bytes.fromhex(leaf),
        None if row is None else read_row(row),
    )


def _line(kind: str, **fields: object) -> bytes:
    return orjson.dumps({"type": kind, **fields}) + b"\n"


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise Malformed("a value of the export is not base64") from error


def _typed(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise TypeError
    return value


def lines_of(header: Header, trees: Sequence[SealedTree], rows: Sequence[ExportedRow]) -> list[bytes]:
    """A whole export in the order the verifier wants it."""
    return [header_line(header), *map(checkpoint_line, trees), *map(row_line, rows)]
