"""The evidence of one exchange, checked alone: row, place in the tree, checkpoint, stamp (RFC 6962; AUD-09).

All rows that an exchange left are in it. What is stated beside the signed evidence is compared with it:
each alteration is told by its own reason.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Any, TypeVar

import orjson
from cryptography import x509

from gateway.audit import checkpoint, cosignature, evidence
from gateway.audit.export import read_row, row_content
from gateway.audit.rows import AnyRow, leaf_of
from gateway.audit.verify import STAMP_GRACE_MS, row_fault
from gateway.crypto import stamp
from gateway.crypto.keys import fingerprint
from gateway.crypto.merkle import verify_inclusion
from gateway.errors import GatewayError, Malformed, SignatureBroken

T = TypeVar("T")
VERSION, KIND = 2, "passerelle-evidence"
LARGEST = 64 * 1024 * 1024
_STATED = ("request_sha256", "reply_sha256", "token_sha256")
_LEFT, _RIGHT = "left", "right"


@dataclass(frozen=True, slots=True)
class Placed:
    """A row with its place in the tree, and the nodes that lead from it to the root, leaf side first."""

    row: AnyRow
    position: int
    path: Sequence[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What the rows hang on. `token` is a stamp (DER) over `note`, `authorities` (DER) those of the stamp.

    `cosignatures` are lines of witnesses under the note.
    """

    origin: str
    environment: str
    note: str
    certificates: Sequence[bytes]
    token: bytes | None = None
    authorities: Sequence[bytes] = ()
    cosignatures: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """What whoever verifies brings along; None believes what the file carries.

    `signers` are fingerprints (SHA-256, hex), `authorities` those of time stamps, `witnesses` their keys;
    `request` and `reply` the octets of the exchange, if they are at hand.
    """

    signers: Collection[str] | None = None
    authorities: Sequence[x509.Certificate] | None = None
    witnesses: Sequence[cosignature.WitnessKey] = ()
    request: bytes | None = None
    reply: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What the evidence shows: these rows stood in this tree, which existed at the time of the stamp."""

    trace_id: str
    rows: tuple[AnyRow, ...]
    positions: tuple[int, ...]
    tree: checkpoint.Checkpoint
    signers: tuple[str, ...]
    stamped: datetime | None = None
    witnesses: tuple[str, ...] = ()


def prove(trace_id: str, rows: Sequence[Placed], grounds: Grounds) -> bytes:
    """The evidence of an exchange as JSON."""
    size = checkpoint.read(grounds.note).size
    return orjson.dumps(
        {
            "type": KIND,
            "version": VERSION,
            "origin": grounds.origin,
            "environment": grounds.environment,
            "trace_id": trace_id,
            "rows": [_row(each, size) for each in rows],
            "checkpoint": grounds.note,
            "certificates": [_base64(each) for each in grounds.certificates],
            "stamp": None if grounds.token is None else _base64(grounds.token),
            "stamp_authorities": [_base64(each) for each in grounds.authorities],
            "cosignatures": list(grounds.cosignatures),
        },
        option=orjson.OPT_INDENT_2,
    )


def is_proof(head: bytes) -> bool:
    """Whether a file that begins so is the evidence of an exchange."""
    return f'"type": "{KIND}"'.encode() in head[:200]


def verify_proof(data: bytes, trusted: Trusted | None = None) -> Proven:
    """What the evidence shows.

    Malformed when it is none; SignatureBroken or another refusal, which names the part that does not hold.
    """
    trust = trusted or Trusted()
    fields = _read(data)
    try:
        rows = [_placed(each) for each in fields["rows"]]
        note, trace_id = str(fields["checkpoint"]), str(fields["trace_id"])
        certificates = [_bytes(each) for each in fields["certificates"]]
        stated = [{name: each[name] for name in _STATED} for each in fields["rows"]]
        sides = [[step["side"] for step in each["path"]] for each in fields["rows"]]
    except (KeyError, TypeError, ValueError) as error:
        raise Malformed("the evidence lacks a field or has one of a wrong type") from error
    believed = _believed(certificates, trust)
    if not rows:
        raise Malformed("the evidence holds no row")
    tree = _of("checkpoint", lambda: checkpoint.verify_any(note, believed.values()))
    if (tree.origin, fields["environment"]) != (fields["origin"], _environment(rows)):
        raise SignatureBroken("origin: the evidence is of another log than its checkpoint")
    for placed, told, side in zip(rows, stated, sides, strict=True):
        _check_row(placed, told, trace_id, believed, trust)
        _check_place(placed, side, tree)
    stamped = _stamped(fields, note, rows, trust)
    return Proven(
        trace_id=trace_id,
        rows=tuple(each.row for each in rows),
        positions=tuple(each.position for each in rows),
        tree=tree,
        signers=tuple(sorted({str(evidence.read(each.row.evidence.encode())["signer"]) for each in rows})),
        stamped=stamped,
        witnesses=_witnessed(fields, note, trust),
    )


# --- the parts -----------------------------------------------------------------------------------


def _believed(certificates: Sequence[bytes], trust: Trusted) -> dict[str, bytes]:
    for each in certificates:
        _of("certificate", partial(evidence.load_certificate, each))
    found = {fingerprint(each): each for each in certificates}
    if trust.signers is not None:
        found = {name: der for name, der in found.items() if name in trust.signers}
    if not found:
        raise SignatureBroken("certificate: none of those in the evidence is trusted")
    return found


def _environment(rows: Sequence[Placed]) -> object:
    return evidence.read(rows[0].row.evidence.encode())["environment"]


def _check_row(
    placed: Placed, told: Mapping[str, object], trace_id: str, believed: Mapping[str, bytes], trust: Trusted
) -> None:
    """The row is what the signed evidence says, and so is what stands beside it."""
    row = placed.row
    fault = row_fault(row, believed)
    if fault is not None:
        raise SignatureBroken(f"evidence: {fault}")
    if row.trace_id != trace_id:
        raise SignatureBroken("trace id: the row is of another exchange")
    signed = evidence.read(row.evidence.encode("utf-8"))
    for name in _STATED:
        if told[name] != signed[name]:
            raise SignatureBroken(f"{name}: it is not that of the signed evidence")
    for name, given in (("request_sha256", trust.request), ("reply_sha256", trust.reply)):
        if given is not None and sha256(given).hexdigest() != signed[name]:
            raise SignatureBroken(f"{name}: the file that was given is not that of the exchange")


def _check_place(placed: Placed, sides: Sequence[str], tree: checkpoint.Checkpoint) -> None:
    if not 0 <= placed.position < tree.size or list(sides) != _sides(placed.position, tree.size):
        raise SignatureBroken("position: the path does not lead there")
    entry = leaf_of(placed.row)
    _of("path", lambda: verify_inclusion(entry, placed.position, tree.size, placed.path, tree.root))


def _stamped(fields: Mapping[str, Any], note: str, rows: Sequence[Placed], trust: Trusted) -> datetime | None:
    """The time of the stamp; None without one. A stamp that was taken away shows by what remains of it."""
    try:
        token = None if fields["stamp"] is None else _bytes(fields["stamp"])
        carried = [_bytes(each) for each in fields["stamp_authorities"]]
        authorities = [x509.load_der_x509_certificate(each) for each in carried]
    except (KeyError, TypeError, ValueError, x509.InvalidVersion) as error:
        raise Malformed("stamp: it cannot be read") from error
    if token is None:
        if carried:
            raise SignatureBroken("stamp: its authorities are there, and it is gone")
        return None
    roots = trust.authorities if trust.authorities is not None else authorities
    at = _of("stamp", lambda: stamp.verify(token, note.encode("utf-8"), roots)).at
    if any(each.row.at > at.timestamp() * 1000 + STAMP_GRACE_MS for each in rows):
        raise SignatureBroken("stamp: the row says that it is later than the time stamp over it")
    return at


def _witnessed(fields: Mapping[str, Any], note: str, trust: Trusted) -> tuple[str, ...]:
    """The witnesses that are known and signed the note; lines of others say nothing."""
    lines = "\n".join(str(each) for each in fields.get("cosignatures", ()))
    found = []
    for key in trust.witnesses:
        _of(f"cosignature of {key.name}", partial(cosignature.found_in, lines, note, key))
        found.append(key.name)
    return tuple(found)


def _of(part: str, check: Callable[[], T]) -> T:
    """What a check gives; its refusal names the part."""
    try:
        return check()
    except GatewayError as error:
        raise type(error)(f"{part}: {error.detail}") from error


# --- the form ------------------------------------------------------------------------------------


def _row(placed: Placed, size: int) -> dict[str, object]:
    signed = evidence.read(placed.row.evidence.encode("utf-8"))
    sides = _sides(placed.position, size)
    return {
        "row": row_content(placed.row),
        **{name: signed[name] for name in _STATED},
        "position": placed.position,
        "path": [{"side": side, "hash": node.hex()} for side, node in zip(sides, placed.path, strict=True)],
    }


def _sides(position: int, size: int) -> list[str]:
    """On which side of the path each node stands, leaf side first."""
    node, last, sides = position, size - 1, []
    while last > 0:
        if node & 1:
            sides.append(_LEFT)
        elif node != last:
            sides.append(_RIGHT)
        node, last = node >> 1, last >> 1
    return sides


def _placed(fields: Mapping[str, Any]) -> Placed:
    path = [bytes.fromhex(step["hash"]) for step in fields["path"]]
    return Placed(read_row(fields["row"]), int(fields["position"]), path)


def _read(data: bytes) -> dict[str, Any]:
    if len(data) > LARGEST:
        raise Malformed("the evidence is too large")
    try:
        fields = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Malformed("the evidence is no JSON") from error
    if not isinstance(fields, dict) or (fields.get("type"), fields.get("version")) != (KIND, VERSION):
        raise Malformed(f"the evidence is not of version {VERSION}")
    return fields


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error
