"""Signed tree heads of the audit log: C2SP tlog-checkpoint in a C2SP signed-note."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.audit.evidence import load_certificate
from gateway.crypto.keys import PublicKey, Scheme, Signer, key_bytes, usable_key, verify_with
from gateway.crypto.merkle import HASH_BYTES
from gateway.errors import Malformed, SignatureBroken, SignerRefused

NOTE_LIMIT = 64 * 1024
SIGNATURE_LIMIT = 16
"""Signature lines that are read; a note must be accepted with at least so many."""

_KEY_ID_BYTES = 4
_ED25519, _UNASSIGNED = b"\x01", b"\xff"
_ORIGIN = re.compile(r"[^\s+\x00-\x1f]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_LINE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: the log, how many entries, and their tree hash (32 bytes)."""

    origin: str
    size: int
    root: bytes


def make(origin: str, size: int, root: bytes, signer: Signer) -> str:
    """The signed note. `origin` is a schema-less URL without spaces or plus; it is the key name too."""
    if not _ORIGIN.fullmatch(origin):
        raise Malformed("the origin of a log must not be empty nor hold spaces, plus or control characters")
    text = f"{origin}\n{size}\n{b64encode(root).decode('ascii')}\n"
    key = _key_of(signer.certificate)
    scheme = signer.scheme if isinstance(key, rsa.RSAPublicKey) else _schemes(key)[0]
    blob = key_id(origin, key, scheme) + _to_note(key, signer.sign(text.encode("utf-8"), scheme))
    return f"{text}\n— {origin} {b64encode(blob).decode('ascii')}\n"


def read(note: str) -> Checkpoint:
    """What the note says, whoever signed it; Malformed when it is no checkpoint."""
    return _parse(_split(note)[0])


def signed_text(note: str) -> str:
    """What the signatures of a note are over, with its last newline."""
    return _split(note)[0]


def signature_of(line: str) -> tuple[str, bytes, bytes]:
    """Key name, key id and signature of a line of a note, without its newline."""
    name, blob = _signature(line)
    return name, blob[:_KEY_ID_BYTES], blob[_KEY_ID_BYTES:]


def verify(note: str, certificate: bytes) -> Checkpoint:
    """What a note says that the certificate's key (DER) signed; SignerRefused when it did not sign it."""
    text, lines = _split(note)
    found = _parse(text)
    key = _key_of(certificate)
    schemes = {key_id(found.origin, key, scheme): scheme for scheme in _schemes(key)}
    for name, blob in lines:
        scheme = schemes.get(blob[:_KEY_ID_BYTES])
        if name == found.origin and scheme is not None:
            verify_with(key, scheme, _from_note(key, blob[_KEY_ID_BYTES:]), text.encode("utf-8"))
            return found
    raise SignerRefused("the checkpoint carries no signature of this key")


def verify_any(note: str, certificates: Iterable[bytes]) -> Checkpoint:
    """What a note says that one of the keys signed; SignerRefused when none of them did."""
    for certificate in certificates:
        try:
            return verify(note, certificate)
        except SignerRefused:
            continue
    raise SignerRefused("the checkpoint is signed by nobody who is trusted")


def key_id(name: str, key: PublicKey, scheme: Scheme) -> bytes:
    """The four bytes that name a key in a note: type 1 Ed25519, type 2 ECDSA, else type 255 by scheme."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return sha256(key_bytes(key)).digest()[:_KEY_ID_BYTES]
    head = name.encode("utf-8") + b"\n"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return sha256(head + _ED25519 + key.public_bytes_raw()).digest()[:_KEY_ID_BYTES]
    kind = _UNASSIGNED + scheme.value.encode("ascii")
    return sha256(head + kind + key_bytes(key)).digest()[:_KEY_ID_BYTES]


def _key_of(certificate: bytes) -> PublicKey:
    return usable_key(load_certificate(certificate).public_key(), minimum_rsa=2048)


def _schemes(key: PublicKey) -> tuple[Scheme, ...]:
    """What a key may have signed a note by: one scheme by curve; for RSA the key id tells which."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return (Scheme.ED25519,)
    if isinstance(key, ec.EllipticCurvePublicKey):
        by_size = {256: Scheme.ECDSA_SHA256, 384: Scheme.ECDSA_SHA384}
        return (by_size.get(key.curve.key_size, Scheme.ECDSA_SHA512),)
    return tuple(scheme for scheme in Scheme if scheme.value.startswith("rsa-"))


def _split(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The signed text with its last newline, and the signature lines as key name and bytes."""
    text, separator, signatures = note.rpartition("\n\n")
    if len(note) > NOTE_LIMIT or not separator or not signatures.endswith("\n"):
        raise Malformed("the checkpoint is no signed note")
    lines = signatures[:-1].split("\n")
    if len(lines) > SIGNATURE_LIMIT:
        raise Malformed(f"the checkpoint has more than {SIGNATURE_LIMIT} signatures")
    return text + "\n", [_signature(line) for line in lines]


def _signature(line: str) -> tuple[str, bytes]:
    found = _LINE.fullmatch(line)
    if found is None:
        raise Malformed("a signature line of the checkpoint cannot be read")
    blob = _base64(found.group(2))
    if len(blob) <= _KEY_ID_BYTES:
        raise Malformed("a signature of the checkpoint is too short")
    return found.group(1), blob


def _parse(text: str) -> Checkpoint:
    lines = text[:-1].split("\n")
    try:
        origin, size, root, *more = lines
    except ValueError as error:
        raise Malformed("a checkpoint has at least three lines") from error
    digest = _base64(root)
    if not origin or not _SIZE.fullmatch(size) or len(digest) != HASH_BYTES or not all(more):
        raise Malformed("a checkpoint tells origin, size and root hash, a line each")
    return Checkpoint(origin, int(size), digest)


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("a value of the checkpoint is not base64") from error


def _to_note(key: PublicKey, signature: bytes) -> bytes:
    """Notes carry ECDSA signatures in DER, our signer gives r||s."""
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    half = len(signature) // 2
    return encode_dss_signature(
        int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
    )


def _from_note(key: PublicKey, signature: bytes) -> bytes:
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return signature
    width = (key.curve.key_size + 7) // 8
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    except (ValueError, OverflowError) as error:
        raise SignatureBroken("the ECDSA signature of the checkpoint cannot be read") from error
