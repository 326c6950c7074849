"""The export an auditor takes away: JSON lines that `gateway.audit.verify` checks without a database.

Order: the header, every checkpoint by size, the sealed rows and blocks by position, the rows not yet sealed.
Before what was erased stand the records of the erasure, each perhaps several times.
An export of a part begins at a checkpoint: its header gives the frontier of the tree there.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from gateway.audit.rows import AnyRow, Block, HashedRow, StoredRow
from gateway.audit.sealer import SealedTree
from gateway.crypto.merkle import Frontier
from gateway.errors import Malformed

VERSION = 1
T = TypeVar("T")

LINE_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Header:
    """First line: which log this is, and the certificates (DER) that may have signed it.

    `start` is where the export of a part begins, `end` where it ends (None: with the trail); the checkpoints
    of both sizes must be in the export.
    """

    origin: str
    environment: str
    certificates: tuple[bytes, ...]
    start: Frontier = field(default_factory=Frontier)
    end: int | None = None


@dataclass(frozen=True, slots=True)
class ExportedRow:
    """A row with its place in the tree. `row` is None when the table lost it, `leaf` before the seal."""

    audit_id: int
    position: int | None
    leaf: bytes | None
    row: AnyRow | None


@dataclass(frozen=True, slots=True)
class ExportedBlock:
    """A block of messages of others with its place in the tree; `messages` may be left out."""

    position: int | None
    leaf: bytes | None
    block: Block
    messages: tuple[bytes, ...] | None = None


@dataclass(frozen=True, slots=True)
class ExportedErasure:
    """A row that records an erasure; it stands before what is gone, and is exported at its own place too."""

    row: StoredRow


Line = Header | SealedTree | ExportedRow | ExportedBlock | ExportedErasure


def header_line(header: Header) -> bytes:
    """The first line."""
    start = {"size": header.start.size, "roots": [root.hex() for root in header.start.roots]}
    return _line(
        "header",
        version=VERSION,
        origin=header.origin,
        environment=header.environment,
        certificates=[_base64(each) for each in header.certificates],
        **({"start": start} if header.start.size else {}),
        **({"end": header.end} if header.end is not None else {}),
    )


def checkpoint_line(tree: SealedTree) -> bytes:
    """One line of `audit_checkpoint`."""
    return _line("checkpoint", size=tree.size, root=tree.root.hex(), note=tree.note, at=tree.at)


def row_line(exported: ExportedRow) -> bytes:
    """One line of `audit_leaf` joined with `audit`."""
    content = None if exported.row is None else row_content(exported.row)
    leaf = None if exported.leaf is None else exported.leaf.hex()
    return _line("row", audit_id=exported.audit_id, position=exported.position, leaf=leaf, row=content)


def block_line(exported: ExportedBlock) -> bytes:
    """One line of `audit_leaf` joined with `event_block`."""
    block, messages = exported.block, exported.messages
    return _line(
        "block",
        audit_id=block.id,
        position=exported.position,
        leaf=None if exported.leaf is None else exported.leaf.hex(),
        block={
            "id": block.id,
            "trail": block.trail,
            "slot": block.slot,
            "at": block.at,
            "count": block.count,
            "root": block.root.hex(),
        },
        messages=None if messages is None else [_base64(each) for each in messages],
    )


def erasure_line(row: StoredRow) -> bytes:
    """One record of erasure."""
    return _line("erasure", row=row_content(row))


def row_content(row: AnyRow) -> dict[str, object]:
    """A row as JSON values."""
    told = {
        "id": row.id,
        "at": row.at,
        "trace_id": row.trace_id,
        "transaction": row.transaction,
        "outcome": row.outcome,
        "evidence": row.evidence,
        "evidence_signature": _base64(row.evidence_signature),
    }
    if isinstance(row, StoredRow):
        return {**told, "message": row.message, "decision": row.decision}
    decision = None if row.decision_sha256 is None else row.decision_sha256.hex()
    return {**told, "message_sha256": row.message_sha256.hex(), "decision_sha256": decision}


def read_line(data: bytes) -> Line:
    """What a line says; Malformed when it is none of the five."""
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
        if kind == "block":
            return _block(fields)
        if kind == "erasure":
            return _erasure(fields)
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed(f"a {kind} line of the export lacks a field or has one of a wrong type") from error
    raise Malformed("a line of the export is neither header, erasure, checkpoint, row nor block")


def read_row(fields: dict[str, Any]) -> AnyRow:
    """The row of such values; KeyError, TypeError or Malformed when they are none."""
    told: dict[str, Any] = {
        "id": _typed(int, fields["id"]),
        "at": _typed(int, fields["at"]),
        "trace_id": _typed(str, fields["trace_id"]),
        "transaction": _typed(str, fields["transaction"]),
        "outcome": _typed(int, fields["outcome"]),
        "evidence": _typed(str, fields["evidence"]),
        "evidence_signature": _bytes(fields["evidence_signature"]),
    }
    if "message_sha256" in fields:
        decision = fields["decision_sha256"]
        return HashedRow(
            **told,
            message_sha256=bytes.fromhex(fields["message_sha256"]),
            decision_sha256=None if decision is None else bytes.fromhex(decision),
        )
    decision = fields["decision"]
    return StoredRow(
        **told,
        message=_typed(str, fields["message"]),
        decision=None if decision is None else _typed(str, decision),
    )


def _header(fields: dict[str, Any]) -> Header:
    if fields["version"] != VERSION:
        raise Malformed(f"the export is not of version {VERSION}")
    certificates = tuple(_bytes(each) for each in fields["certificates"])
    start = Frontier()
    if (given := fields.get("start")) is not None:
        roots = tuple(bytes.fromhex(each) for each in given["roots"])
        if _typed(int, given["size"]) < 1 or given["size"].bit_count() != len(roots):
            raise TypeError
        start = Frontier(given["size"], roots)
    end = None if fields.get("end") is None else _typed(int, fields["end"])
    origin, environment = _typed(str, fields["origin"]), _typed(str, fields["environment"])
    return Header(origin, environment, certificates, start, end)


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


def _block(fields: dict[str, Any]) -> ExportedBlock:
    position, leaf, told = fields["position"], fields["leaf"], fields["block"]
    block = Block(
        **{name: _typed(int, told[name]) for name in ("id", "trail", "slot", "at", "count")},
        root=bytes.fromhex(told["root"]),
    )
    messages = fields.get("messages")
    return ExportedBlock(
        None if position is None else _typed(int, position),
        None if leaf is None else bytes.fromhex(leaf),
        block,
        None if messages is None else tuple(_bytes(each) for each in messages),
    )


def _erasure(fields: dict[str, Any]) -> ExportedErasure:
    row = read_row(fields["row"])
    if not isinstance(row, StoredRow):
        raise TypeError
    return ExportedErasure(row)


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


def sealed_line(exported: ExportedRow | ExportedBlock) -> bytes:
    """One line of whatever has a leaf, or will have one."""
    return block_line(exported) if isinstance(exported, ExportedBlock) else row_line(exported)


def lines_of(
    header: Header, trees: Sequence[SealedTree], rows: Sequence[ExportedRow | ExportedBlock]
) -> list[bytes]:
    """A whole export in the order the verifier wants it."""
    return [header_line(header), *map(checkpoint_line, trees), *map(sealed_line, rows)]
