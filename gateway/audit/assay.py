"""Verifies an archive offline: its members, the trail, its stamps and cosignatures (AUD-05, SEED-48)."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import orjson
from cryptography import x509

from gateway.audit import archive, cosignature
from gateway.audit.archive import Archive
from gateway.audit.evidence import load_certificate
from gateway.audit.export import Header, read_line
from gateway.audit.findings import Fault, Finding, Report
from gateway.audit.sealer import SealedTree
from gateway.audit.verify import Examination
from gateway.crypto import stamp
from gateway.crypto.keys import Scheme, fingerprint, usable_key, verify_with
from gateway.errors import GatewayError, Malformed, SignatureBroken, SignerRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What whoever verifies knows from elsewhere; None and nothing believe the archive about itself.

    `signers` are fingerprints (SHA-256, hex), `notes` checkpoints, `authorities` those of time stamps.
    """

    signers: Collection[str] | None = None
    notes: Sequence[str] = ()
    authorities: Sequence[x509.Certificate] | None = None
    witnesses: Sequence[cosignature.WitnessKey] = ()


def verify_archive(found: Archive, brought: Brought) -> Report:
    """The report on the trail in an archive; Malformed when there is none in it."""
    findings = list(_members(found, brought))
    if archive.TRAIL not in found.names:
        raise Malformed("the archive holds no trail")
    proofs = _Proofs(found, brought)
    report = _trail(found, brought, proofs.times, findings)
    return replace(
        report,
        findings=(*findings, *proofs.findings, *report.findings),
        stamps=tuple(proofs.stamps),
        cosignatures=tuple(proofs.cosignatures),
    )


def _trail(found: Archive, brought: Brought, times: Mapping[int, int], findings: list[Finding]) -> Report:
    """The report on the rows; a line that cannot be read is told, and those behind it are examined."""
    lines = iter(found.lines(archive.TRAIL))
    header = read_line(next(lines, b""))
    if not isinstance(header, Header):
        raise Malformed("the trail of the archive begins with no header")
    examination = Examination(header, brought.signers, times)
    for note in brought.notes:
        examination.take_known(note)
    number = 1
    try:
        for number, data in enumerate(lines, 2):
            try:
                examination.take(data)
            except Malformed as error:
                reason = f"line {number} of the trail cannot be read: {error.detail}"
                findings.append(Finding(Fault.CHANGED, reason, position=examination.size))
    except Malformed as error:
        reason = f"the trail cannot be read behind line {number}: {error.detail}"
        findings.append(Finding(Fault.ARCHIVE, reason, position=examination.size))
    return examination.report()


# --- members -------------------------------------------------------------------------------------


def _members(found: Archive, brought: Brought) -> Iterator[Finding]:
    """The manifest is signed by whom it says, and each member is what it says."""
    try:
        told = _manifest(found, brought)
    except GatewayError as error:
        yield Finding(Fault.ARCHIVE, f"{archive.MANIFEST}: {error.detail}")
        return
    names = found.names - {archive.MANIFEST, archive.SIGNATURE}
    for name in sorted(names | told.keys()):
        if name not in names:
            yield Finding(Fault.ARCHIVE, f"{name} is gone")
        elif name not in told:
            yield Finding(Fault.ARCHIVE, f"{name} was added")
        elif _digest(found, name) != told[name]:
            yield Finding(Fault.ARCHIVE, f"{name} was changed")


def _digest(found: Archive, name: str) -> str | None:
    running = sha256()
    try:
        for chunk in found.chunks(name):
            running.update(chunk)
    except Malformed:
        return None
    return running.hexdigest()


def _manifest(found: Archive, brought: Brought) -> Mapping[str, str]:
    data = found.read(archive.MANIFEST)
    try:
        fields = orjson.loads(data)
        signer, scheme = str(fields["signer"]), Scheme(fields["scheme"])
        told: Mapping[str, str] = dict(fields["members"])
        kind = (fields["type"], fields["version"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise Malformed("it cannot be read") from error
    if kind != (archive.KIND, archive.VERSION):
        raise Malformed(f"it is not of version {archive.VERSION}")
    ders = {fingerprint(each): each for each in found.below(archive.CERTIFICATES)}
    if signer not in ders or (brought.signers is not None and signer not in brought.signers):
        raise SignerRefused("it is signed by nobody who is trusted")
    key = usable_key(load_certificate(ders[signer]).public_key(), minimum_rsa=2048)
    verify_with(key, scheme, found.read(archive.SIGNATURE), data)
    return told


# --- stamps and cosignatures ---------------------------------------------------------------------


class _Proofs:
    """What stands beside the trail, checked against the checkpoints in it."""

    def __init__(self, found: Archive, brought: Brought) -> None:
        self.findings: list[Finding] = []
        self.times: dict[int, int] = {}
        self.stamps: list[str] = []
        self.cosignatures: list[str] = []
        self._brought = brought
        stamps = self._fields(found, archive.STAMPS)
        lines = self._fields(found, archive.COSIGNATURES)
        notes = _notes(found, {each.get("size") for each in (*stamps, *lines)})
        for each in stamps:
            self._take(Fault.STAMP, each, notes, lambda fields, note: self._stamp(found, fields, note))
        for each in lines:
            self._take(Fault.COSIGNATURE, each, notes, self._cosignature)
        self._missing()

    def _fields(self, found: Archive, name: str) -> list[dict[str, Any]]:
        try:
            return found.fields(name)
        except Malformed as error:
            self.findings.append(Finding(Fault.ARCHIVE, error.detail))
            return []

    def _take(self, fault: Fault, fields: dict[str, Any], notes: Mapping[Any, str], check: Any) -> None:
        size = fields.get("size")
        place = size if isinstance(size, int) else None
        try:
            if size not in notes:
                raise SignatureBroken("there is no checkpoint of this size")
            check(fields, notes[size])
        except GatewayError as error:
            self.findings.append(Finding(fault, error.detail, position=place))
        except (KeyError, TypeError, ValueError, binascii.Error):
            self.findings.append(Finding(fault, "it cannot be read", position=place))

    def _stamp(self, found: Archive, fields: dict[str, Any], note: str) -> None:
        authorities = self._brought.authorities
        if authorities is None:
            ders = found.below(archive.AUTHORITIES)
            authorities = [x509.load_der_x509_certificate(each) for each in ders]
        if not authorities:
            raise SignatureBroken("no authorities of time stamps are known; give them by --tsa-trust")
        token = b64decode(fields["token"], validate=True)
        shown = stamp.verify(token, note.encode("utf-8"), authorities)
        self.times[fields["size"]] = int(shown.at.timestamp() * 1000)
        if self.times[fields["size"]] != fields["at"]:
            raise SignatureBroken("the time is not that of the token")
        self.stamps.append(f"{fields['size']} entries existed at {shown.at:%Y-%m-%d %H:%M:%S} UTC")

    def _cosignature(self, fields: dict[str, Any], note: str) -> None:
        for key in self._brought.witnesses:
            if key.name == fields["witness"]:
                at = datetime.fromtimestamp(cosignature.verify(str(fields["line"]), note, key), UTC)
                text = f"{key.name} saw {fields['size']} entries at {at:%Y-%m-%d %H:%M:%S} UTC"
                self.cosignatures.append(text)

    def _missing(self) -> None:
        """A witness that was named and signed nothing here is worth a word."""
        for key in self._brought.witnesses:
            if not any(each.startswith(f"{key.name} ") for each in self.cosignatures):
                self.findings.append(Finding(Fault.COSIGNATURE, f"none of {key.name} holds"))


def _notes(found: Archive, sizes: Collection[Any]) -> dict[int, str]:
    """The checkpoints of these sizes; they stand before all rows."""
    notes: dict[int, str] = {}
    try:
        for number, data in enumerate(found.lines(archive.TRAIL)):
            line = read_line(data)
            if isinstance(line, SealedTree):
                if line.size in sizes:
                    notes[line.size] = line.note
            elif number:
                break
    except (Malformed, KeyError):
        return notes
    return notes
