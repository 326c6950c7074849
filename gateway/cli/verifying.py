"""Verifies a file offline, whatever it is: an archive, an export in lines, evidence, a proof."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit.archive import Archive
from gateway.audit.assay import Brought, verify_archive
from gateway.audit.consistency import ConsistencyProof, is_consistency
from gateway.audit.cosignature import read_key
from gateway.audit.findings import Report
from gateway.audit.proof import Trusted, is_proof, verify_proof
from gateway.audit.verify import verify_export
from gateway.crypto.keys import fingerprint, load_certificates
from gateway.errors import GatewayError, SettingsInvalid

_FINGERPRINT = 64


@dataclass(frozen=True, slots=True)
class Verdict:
    """Lines for whoever verifies, and whether all is well."""

    lines: tuple[str, ...]
    good: bool


def brought_of(
    trusted: Sequence[str], checkpoints: Sequence[Path], authorities: Path | None, witnesses: Sequence[str]
) -> Brought:
    """What was given on the command line: fingerprints or files, notes, PEM, verifier keys."""
    return Brought(
        signers=None if not trusted else frozenset(each for text in trusted for each in _signers(text)),
        notes=tuple(path.read_text(encoding="utf-8") for path in checkpoints),
        authorities=None if authorities is None else list(load_certificates(authorities.read_bytes())),
        witnesses=tuple(read_key(each) for each in witnesses),
    )


def verify_file(path: Path, brought: Brought, request: Path | None, reply: Path | None) -> Verdict:
    """The verdict on a file."""
    with path.open("rb") as file:
        head = file.read(200)
        file.seek(0)
        if is_proof(head) or is_consistency(head):
            try:
                data = file.read()
                found = (
                    _consistent(data, brought)
                    if is_consistency(head)
                    else _proven(data, brought, request, reply)
                )
                lines = tuple(found)
            except GatewayError as error:
                return Verdict((f"BAD  {error.detail}",), good=False)
            return Verdict(lines, good=True)
        if zipfile.is_zipfile(file):
            file.seek(0)
            return verdict(verify_archive(Archive.of(file), brought), brought)
        file.seek(0)
        return verdict(verify_export(file, trusted=brought.signers, known=brought.notes), brought)


def verdict(report: Report, brought: Brought) -> Verdict:
    """A report as lines, what is bad first."""
    lines = [f"BAD  {finding}" for finding in report.findings]
    lines += [f"stamp: {each}" for each in report.stamps[-1:]]
    lines += [f"witness: {each}" for each in report.cosignatures[-1:]]
    if brought.signers is None:
        lines += [f"signer, believed because nobody else was named: {each}" for each in report.certificates]
    if report.outside:
        lines.append(f"{report.outside} of the checkpoints given lie outside this part of the trail")
    of = f" from position {report.start} on" if report.start else ""
    blocks = f" ({report.blocks} of them blocks of messages of others)" if report.blocks else ""
    gone = f", {report.erased} of them erased with a record" if report.erased else ""
    state = "all intact" if report.ok else f"{len(report.findings)} faults"
    proofs = f"{len(report.stamps)} stamps, {len(report.cosignatures)} cosignatures"
    lines.append(
        f"{report.sealed} rows sealed{of}{blocks}{gone}, {report.unsealed} not yet, "
        f"{report.checkpoints} checkpoints, {proofs} of {report.origin}: {state}"
    )
    return Verdict(tuple(lines), report.ok)


def _proven(data: bytes, brought: Brought, request: Path | None, reply: Path | None) -> Iterator[str]:
    proven = verify_proof(
        data,
        Trusted(
            signers=brought.signers,
            authorities=brought.authorities,
            witnesses=brought.witnesses,
            request=None if request is None else request.read_bytes(),
            reply=None if reply is None else reply.read_bytes(),
        ),
    )
    if brought.signers is None:
        yield from (f"signer, believed because nobody else was named: {each}" for each in proven.signers)
    for row, position in zip(proven.rows, proven.positions, strict=True):
        yield f"row {row.id} at position {position}: {row.transaction}, outcome {row.outcome}"
    if proven.stamped is not None:
        yield f"stamp: it existed at {proven.stamped:%Y-%m-%d %H:%M:%S} UTC"
    yield from (f"witness: {each}" for each in proven.witnesses)
    tree = proven.tree
    yield f"evidence of exchange {proven.trace_id} in a tree of {tree.size} of {tree.origin}: intact"


def _consistent(data: bytes, brought: Brought) -> Iterator[str]:
    proof, certificates = ConsistencyProof.read(data, brought.signers)
    old, new = proof.verify(certificates)
    if brought.signers is None:
        yield from (
            f"signer, believed because nobody else was named: {fingerprint(each)}" for each in certificates
        )
    yield f"the trail of {new.size} entries of {new.origin} only appends to that of {old.size}: intact"


def _signers(text: str) -> Iterator[str]:
    """A fingerprint in hex, or those of all certificates of a file in PEM or DER."""
    plain = text.replace(":", "").lower()
    if len(plain) == _FINGERPRINT and set(plain) <= set("0123456789abcdef"):
        yield plain
        return
    try:
        data = Path(text).read_bytes()
        found = (
            x509.load_pem_x509_certificates(data)
            if b"-----BEGIN" in data
            else [x509.load_der_x509_certificate(data)]
        )
    except (OSError, ValueError) as error:
        raise SettingsInvalid("is neither a fingerprint nor a file of certificates", location=text) from error
    yield from (fingerprint(each.public_bytes(Encoding.DER)) for each in found)
