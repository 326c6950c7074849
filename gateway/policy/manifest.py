"""What is signed of a policy: digests of its files, who proposed and approved it, when, and what came before.

Canonical form: JSON in UTF-8, keys sorted, no spaces, as orjson writes it.
"""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, unique
from hashlib import sha256
from typing import Any

import orjson
from cryptography import x509

from gateway.crypto.keys import Scheme, Signer, fingerprint, usable_key, verify_with
from gateway.errors import AlgorithmRefused, SignatureBroken, SignerRefused
from gateway.stores.policies import PolicyRow, milliseconds

VERSION = 1
_LARGEST = 4 * 1024 * 1024


@unique
class Kind(Enum):
    """What a row says of a policy."""

    FOLDER = "folder"
    """It decided as the state of the folder, because none was activated."""
    PROPOSAL = "proposal"
    ACTIVATION = "activation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One row of the history. `previous` is the activation it follows, with the SHA-256 of its manifest.

    `proposal` is the number of what an activation approves, `again` that of an older version proposed anew.
    """

    number: int
    kind: Kind
    environment: str
    version: str
    files: Mapping[str, str]
    at: datetime
    proposer: str | None = None
    approver: str | None = None
    reason: str = ""
    proposal: int | None = None
    again: int | None = None
    previous: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Verified:
    """A version whose signature and digests hold, with the octets of its files."""

    manifest: Manifest
    files: Mapping[str, bytes]
    digest: str


def digests(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file, in hex."""
    return {name: sha256(content).hexdigest() for name, content in files.items()}


def sealed(manifest: Manifest, files: Mapping[str, bytes], signer: Signer) -> PolicyRow:
    """The row of a version, signed by us."""
    text = _text(manifest, signer)
    return PolicyRow(
        number=manifest.number,
        kind=manifest.kind.value,
        version=manifest.version,
        at=milliseconds(manifest.at),
        files=_pack(files),
        manifest=text.decode(),
        signature=signer.sign(text),
    )


def verified(row: PolicyRow, trusted: Sequence[bytes]) -> Verified:
    """What a row says, once proven: signed by one of the trusted certificates (DER), its files unchanged.

    SignatureBroken or SignerRefused with what does not hold.
    """
    text = row.manifest.encode()
    fields = _fields(text)
    certificate = _certificate(str(fields.get("signer")), trusted)
    try:
        scheme = Scheme(fields.get("scheme"))
    except ValueError as error:
        raise AlgorithmRefused("the policy names no known signature scheme") from error
    verify_with(usable_key(certificate.public_key(), minimum_rsa=2048), scheme, row.signature, text)
    manifest = _read(fields)
    if not certificate.not_valid_before_utc <= manifest.at <= certificate.not_valid_after_utc:
        raise SignerRefused("the certificate of the signer was not valid when the policy was signed")
    if (row.number, row.kind, row.version) != (manifest.number, manifest.kind.value, manifest.version):
        raise SignatureBroken("the row of the policy says something else than what was signed")
    files = _unpack(row.files)
    if digests(files) != dict(manifest.files):
        raise SignatureBroken("a file of the policy is not the one that was signed")
    return Verified(manifest, files, sha256(text).hexdigest())


# --- text ----------------------------------------------------------------------------------------


def _text(manifest: Manifest, signer: Signer) -> bytes:
    return orjson.dumps(
        {
            "format": VERSION,
            "number": manifest.number,
            "kind": manifest.kind.value,
            "environment": manifest.environment,
            "version": manifest.version,
            "files": dict(manifest.files),
            "at": manifest.at.astimezone(UTC).isoformat(),
            "proposer": manifest.proposer,
            "approver": manifest.approver,
            "reason": manifest.reason,
            "proposal": manifest.proposal,
            "again": manifest.again,
            "previous": manifest.previous,
            "scheme": signer.scheme.value,
            "signer": fingerprint(signer.certificate),
        },
        option=orjson.OPT_SORT_KEYS,
    )


def _fields(text: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SignatureBroken("the manifest of the policy cannot be read") from error
    if not isinstance(fields, dict) or fields.get("format") != VERSION:
        raise SignatureBroken(f"the manifest of the policy is not of format {VERSION}")
    return fields


def _read(fields: Mapping[str, Any]) -> Manifest:
    try:
        previous = fields["previous"]
        return Manifest(
            number=fields["number"],
            kind=Kind(fields["kind"]),
            environment=fields["environment"],
            version=fields["version"],
            files=fields["files"],
            at=datetime.fromisoformat(fields["at"]),
            proposer=fields["proposer"],
            approver=fields["approver"],
            reason=fields["reason"],
            proposal=fields["proposal"],
            again=fields["again"],
            previous=None if previous is None else (previous[0], previous[1]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SignatureBroken("the manifest of the policy lacks a field") from error


def _certificate(name: str, trusted: Sequence[bytes]) -> x509.Certificate:
    for der in trusted:
        if fingerprint(der) == name:
            return x509.load_der_x509_certificate(der)
    raise SignerRefused("the policy was signed by a key that is not ours")


# --- files ---------------------------------------------------------------------------------------


def _pack(files: Mapping[str, bytes]) -> bytes:
    content = {name: b64encode(octets).decode() for name, octets in files.items()}
    return zlib.compress(orjson.dumps(content, option=orjson.OPT_SORT_KEYS), 9)


def _unpack(packed: bytes) -> dict[str, bytes]:
    """The octets of the files; more than any policy has is not unpacked."""
    try:
        reader = zlib.decompressobj()
        text = reader.decompress(packed, _LARGEST)
        if reader.unconsumed_tail:
            raise SignatureBroken("the files of the policy are larger than any policy")
        content = orjson.loads(text)
        return {str(name): b64decode(text, validate=True) for name, text in content.items()}
    except (zlib.error, orjson.JSONDecodeError, AttributeError, TypeError, ValueError) as error:
        raise SignatureBroken("the files of the policy cannot be read") from error
