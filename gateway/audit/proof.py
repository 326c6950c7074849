"""The proof of one exchange: row, place in the tree and signed checkpoint, checked alone (RFC 6962)."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from gateway.audit import checkpoint
from gateway.audit.export import read_row, row_content
from gateway.audit.rows import StoredRow, leaf_of
from gateway.audit.verify import row_fault
from gateway.crypto.keys import fingerprint
from gateway.crypto.merkle import inclusion_proof, verify_inclusion
from gateway.errors import Malformed, SignatureBroken

VERSION = 1


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof shows: this row stood at this position of this log."""

    row: StoredRow
    position: int
    tree: checkpoint.Checkpoint


def prove(
    row: StoredRow, position: int, leaves: Sequence[bytes], note: str, certificates: Sequence[bytes]
) -> bytes:
    """The proof as JSON. `leaves` are all entries that the checkpoint `note` covers, in order."""
    return orjson.dumps(
        {
            "version": VERSION,
            "row": row_content(row),
            "position": position,
            "path": [node.hex() for node in inclusion_proof(leaves, position)],
            "checkpoint": note,
            "certificates": [b64encode(each).decode("ascii") for each in certificates],
        },
        option=orjson.OPT_INDENT_2,
    )


def verify_proof(data: bytes, *, trusted: Collection[str] | None = None) -> Proven:
    """What the proof shows; `trusted` are fingerprints (SHA-256, hex) of our signers, None believes it.

    Malformed when it is no proof, SignatureBroken or SignerRefused with the part that does not hold.
    """
    fields = _read(data)
    try:
        row, position = read_row(fields["row"]), int(fields["position"])
        path = [bytes.fromhex(node) for node in fields["path"]]
        certificates = [b64decode(each, validate=True) for each in fields["certificates"]]
        note = str(fields["checkpoint"])
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise Malformed("the proof lacks a field or has one of a wrong type") from error
    believed = {fingerprint(each): each for each in certificates}
    if trusted is not None:
        believed = {name: der for name, der in believed.items() if name in trusted}
    fault = row_fault(row, believed)
    if fault is not None:
        raise SignatureBroken(fault)
    tree = checkpoint.verify_any(note, believed.values())
    verify_inclusion(leaf_of(row), position, tree.size, path, tree.root)
    return Proven(row, position, tree)


def _read(data: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed("the proof is no JSON") from error
    if not isinstance(fields, dict) or fields.get("version") != VERSION:
        raise Malformed(f"the proof is not of version {VERSION}")
    return fields
