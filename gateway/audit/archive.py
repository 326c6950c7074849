"""The archive an auditor takes away: the trail, its proofs and certificates, each file named by its digest.

A ZIP file. `manifest.json` has the SHA-256 of every other member and is signed (`manifest.sig`), so that no
octet of a member can change unseen; what the trail itself proves does not rest on that signature.
"""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import orjson

from gateway.audit.record import instant
from gateway.crypto.keys import Signer, fingerprint
from gateway.errors import Malformed

VERSION, KIND = 1, "passerelle-audit"
TRAIL, STAMPS, COSIGNATURES = "trail.jsonl", "stamps.jsonl", "cosignatures.jsonl"
MANIFEST, SIGNATURE, README = "manifest.json", "manifest.sig", "README.txt"
CERTIFICATES, AUTHORITIES = "certificates/", "stamp-authorities/"
SMALL = 64 * 1024 * 1024
"""Members but the trail are read as a whole; none may be larger."""
MEMBERS_LIMIT = 10_000
_CHUNK = 1 << 16
_MODE = 0o600 << 16

TEXT = """\
An extract of the audit trail of a Passerelle gateway, with what proves it.

To verify it, on any machine and without a network:

    passerelle audit verify THIS-FILE

Give what you know from elsewhere, or you believe the archive about itself:

    --trusted FINGERPRINT|FILE   SHA-256 of a certificate of the gateway, or the certificate (PEM)
    --checkpoint FILE            a checkpoint that was kept elsewhere; shows a trail that was cut or made anew
    --tsa-trust FILE             authorities of the time stamps (PEM)
    --witness KEY                verifier key of a witness (name+id+key)

What is here
    manifest.json        SHA-256 of each other file; manifest.sig is the signature of the gateway over it
    trail.jsonl          a header, the signed checkpoints by size, the rows and blocks by position; each row
                         with audit message, signed evidence and decision, or digests of message and decision
    stamps.jsonl         time stamps (RFC 3161): DER in base64, each over the octets of one checkpoint
    cosignatures.jsonl   lines of witnesses (C2SP tlog-cosignature) under one checkpoint each
    certificates/        certificates (DER) of all keys that ever signed this trail, named by SHA-256
    stamp-authorities/   authorities (DER) that the gateway believes time stamps of

By hand: the entry of a row is SHA-256 over JSON with sorted keys and no spaces of id, at, message_sha256 and
evidence_sha256; that of a block over count, id, root, slot and trail. Entries make a Merkle tree as in
RFC 6962, whose root a checkpoint (C2SP tlog-checkpoint) signs. All formats: docs/proof.md of the product.
"""


@dataclass(frozen=True, slots=True)
class Sources:
    """What goes into an archive: lines as `export` writes them, and certificates (DER)."""

    trail: AsyncIterable[bytes]
    stamps: Iterable[bytes]
    cosignatures: Iterable[bytes]
    certificates: Iterable[bytes]
    authorities: Iterable[bytes]


async def write(path: Path, sources: Sources, signer: Signer, origin: str, now: datetime) -> int:
    """Writes a new archive; gives the lines of its trail. FileExistsError if the path is taken."""
    digests: dict[str, str] = {}
    with path.open("xb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        count = await _write_trail(archive, sources.trail, digests)
        _put(archive, STAMPS, b"".join(sources.stamps), digests)
        _put(archive, COSIGNATURES, b"".join(sources.cosignatures), digests)
        for folder, certificates in (
            (CERTIFICATES, sources.certificates),
            (AUTHORITIES, sources.authorities),
        ):
            for each in certificates:
                _put(archive, f"{folder}{fingerprint(each)}.der", each, digests)
        _put(archive, README, TEXT.encode(), digests)
        manifest = _manifest(digests, signer, origin, now)
        _put(archive, MANIFEST, manifest, {})
        _put(archive, SIGNATURE, signer.sign(manifest), {})
    return count


def stamp_line(size: int, tsa: str, at: int, token: str) -> bytes:
    """One row of `audit_stamp`; the token in base64."""
    return orjson.dumps({"size": size, "tsa": tsa, "at": at, "token": token}) + b"\n"


def cosignature_line(size: int, witness: str, at: int, line: str) -> bytes:
    """One row of `audit_cosignature`."""
    return orjson.dumps({"size": size, "witness": witness, "at": at, "line": line}) + b"\n"


async def _write_trail(archive: zipfile.ZipFile, lines: AsyncIterable[bytes], digests: dict[str, str]) -> int:
    running, count = sha256(), 0
    with archive.open(_info(TRAIL), "w", force_zip64=True) as member:
        async for line in lines:
            running.update(line)
            member.write(line)
            count += 1
    digests[TRAIL] = running.hexdigest()
    return count


def _put(archive: zipfile.ZipFile, name: str, data: bytes, digests: dict[str, str]) -> None:
    digests[name] = sha256(data).hexdigest()
    archive.writestr(_info(name), data)


def _info(name: str) -> zipfile.ZipInfo:
    """Members tell no time of their own; the manifest does."""
    info = zipfile.ZipInfo(name)
    info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, _MODE
    return info


def _manifest(digests: dict[str, str], signer: Signer, origin: str, now: datetime) -> bytes:
    return orjson.dumps(
        {
            "type": KIND,
            "version": VERSION,
            "origin": origin,
            "created": instant(now),
            "signer": fingerprint(signer.certificate),
            "scheme": signer.scheme.value,
            "members": digests,
        },
        option=orjson.OPT_SORT_KEYS,
    )


# --- reading -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive that is open for reading; nothing of it is believed yet."""

    file: zipfile.ZipFile

    @classmethod
    def of(cls, source: IO[bytes]) -> Archive:
        """Malformed when it is no ZIP file, or one that has two members of a name."""
        try:
            found = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Malformed("the archive cannot be read") from error
        names = found.namelist()
        if len(names) > MEMBERS_LIMIT or len(set(names)) != len(names):
            raise Malformed("the archive has too many members, or two of one name")
        return cls(found)

    @property
    def names(self) -> frozenset[str]:
        """All members."""
        return frozenset(self.file.namelist())

    def read(self, name: str) -> bytes:
        """A small member; empty when it is missing, Malformed when it cannot be read."""
        if name not in self.names:
            return b""
        if self.file.getinfo(name).file_size > SMALL:
            raise Malformed(f"{name} is too large")
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterable[bytes]:
        """The octets of a member."""
        try:
            with self.file.open(name) as member:
                while chunk := member.read(_CHUNK):
                    yield chunk
        except _UNREADABLE as error:
            raise Malformed(f"{name} cannot be read") from error

    def lines(self, name: str) -> Iterable[bytes]:
        """The lines of a member, with their ends."""
        try:
            with self.file.open(name) as member:
                yield from member
        except _UNREADABLE as error:
            raise Malformed(f"{name} cannot be read") from error

    def fields(self, name: str) -> list[dict[str, Any]]:
        """The lines of a small member of JSON objects."""
        try:
            found = [orjson.loads(line) for line in self.read(name).splitlines()]
        except orjson.JSONDecodeError as error:
            raise Malformed(f"{name} has a line that is no JSON") from error
        if not all(isinstance(each, dict) for each in found):
            raise Malformed(f"{name} has a line that is no object")
        return found

    def below(self, folder: str) -> list[bytes]:
        """The members of a folder, by name."""
        return [self.read(name) for name in sorted(self.names) if name.startswith(folder)]


_UNREADABLE = (zipfile.BadZipFile, KeyError, OSError, ValueError, EOFError, NotImplementedError, RuntimeError)
