"""Cosignatures of witnesses: a checkpoint only appends to those before (C2SP tlog-cosignature)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.audit.checkpoint import signature_of, signed_text
from gateway.crypto.keys import Scheme, verify_with
from gateway.errors import Malformed, SignatureBroken, SignerRefused

_ED25519 = b"\x04"
_ID_BYTES, _TIME_BYTES, _KEY_BYTES = 4, 8, 32
LINES_LIMIT = 64


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A verifier key of the Ed25519 kind: what a witness is called, and what it signs with."""

    name: str
    id: bytes
    key: Ed25519PublicKey


def read_key(text: str) -> WitnessKey:
    """The key of `name+id+base64`; Malformed when it is none, or its id is that of another."""
    name, _, rest = text.strip().partition("+")
    told, _, encoded = rest.partition("+")
    try:
        material, identifier = b64decode(encoded, validate=True), bytes.fromhex(told)
    except (ValueError, binascii.Error) as error:
        raise Malformed("the key of the witness cannot be read") from error
    if material[:1] != _ED25519 or len(material) != 1 + _KEY_BYTES or not name:
        raise Malformed("the key of the witness is not one for Ed25519 cosignatures")
    if sha256(f"{name}\n".encode() + material).digest()[:_ID_BYTES] != identifier:
        raise Malformed("the key of the witness has the id of another")
    return WitnessKey(name, identifier, Ed25519PublicKey.from_public_bytes(material[1:]))


def verify(line: str, note: str, key: WitnessKey) -> int:
    """When (epoch seconds) the witness signed the note; SignerRefused if the line is of somebody else."""
    name, identifier, signature = signature_of(line)
    if (name, identifier) != (key.name, key.id):
        raise SignerRefused("the cosignature is of another witness")
    if len(signature) <= _TIME_BYTES:
        raise SignatureBroken("the cosignature is too short")
    at = int.from_bytes(signature[:_TIME_BYTES], "big")
    message = f"cosignature/v1\ntime {at}\n{signed_text(note)}"
    verify_with(key.key, Scheme.ED25519, signature[_TIME_BYTES:], message.encode("utf-8"))
    return at


def found_in(text: str, note: str, key: WitnessKey) -> tuple[str, int]:
    """The line of the witness among lines, and its time; those of keys that are not known are passed over."""
    lines = text.splitlines()
    if len(lines) > LINES_LIMIT:
        raise Malformed(f"the answer of the witness has more than {LINES_LIMIT} lines")
    for line in lines:
        try:
            return line, verify(line, note, key)
        except SignerRefused:
            continue
    raise SignerRefused("the answer holds no cosignature of this witness")
