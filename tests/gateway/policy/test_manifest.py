"""What is signed of a policy holds as a whole, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.errors import AlgorithmRefused, GatewayError, SignatureBroken, SignerRefused
from gateway.policy.manifest import Kind, Manifest, digests, sealed, verified
from gateway.policy.matrix import read_files
from gateway.stores.policies import PolicyRow
from tests.gateway.policy.conftest import FOLDER

FILES = read_files(FOLDER)


@pytest.fixture
def manifest(now: datetime) -> Manifest:
    return Manifest(
        number=3,
        kind=Kind.ACTIVATION,
        environment="prod",
        version="2026.1+0123456789ab",
        files=digests(FILES),
        at=now,
        proposer="eve",
        approver="adam",
        reason="pourquoi pas: é",
        proposal=2,
        again=1,
        previous=(1, "00" * 32),
    )


@pytest.mark.parametrize("kind", ["p256", "rsa3072", "ed25519"])
def test_what_was_signed_is_read_again(manifest: Manifest, identity: Callable[..., Any], kind: str) -> None:
    signer = identity(kind, "ours").signer
    found = verified(sealed(manifest, FILES, signer), [identity("p256", "older").der, signer.certificate])
    assert (found.manifest, found.files) == (manifest, FILES)
    assert len(found.digest) == 64


CHANGES: dict[str, Callable[[PolicyRow], PolicyRow]] = {
    "approver": lambda row: replace(row, manifest=row.manifest.replace('"adam"', '"evil"')),
    "number": lambda row: replace(row, number=4),
    "kind": lambda row: replace(row, kind="folder"),
    "version": lambda row: replace(row, version="2026.2+0123456789ab"),
    "signature": lambda row: replace(row, signature=bytes(len(row.signature))),
    "short signature": lambda row: replace(row, signature=b""),
    "files": lambda row: replace(row, files=b"x"),
    "no manifest": lambda row: replace(row, manifest="{"),
    "other format": lambda row: replace(row, manifest=row.manifest.replace('"format":1', '"format":2')),
    "scheme": lambda row: replace(row, manifest=row.manifest.replace("ecdsa-sha256", "none")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_pol_12_whatever_is_changed_is_seen(
    manifest: Manifest, identity: Callable[..., Any], change: str
) -> None:
    signer = identity("p256", "ours").signer
    row = CHANGES[change](sealed(manifest, FILES, signer))
    with pytest.raises((SignatureBroken, AlgorithmRefused)):
        verified(row, [signer.certificate])


def test_pol_12_other_files_under_the_same_signature_are_seen(
    manifest: Manifest, identity: Callable[..., Any]
) -> None:
    signer = identity("p256", "ours").signer
    other = {**FILES, "matrix.toml": FILES["matrix.toml"] + b"\n"}
    row = replace(sealed(manifest, FILES, signer), files=sealed(manifest, other, signer).files)
    with pytest.raises(SignatureBroken, match="not the one that was signed"):
        verified(row, [signer.certificate])


def test_pol_12_a_stranger_and_a_time_outside_the_certificate_are_refused(
    manifest: Manifest, identity: Callable[..., Any]
) -> None:
    ours = identity("p256", "ours").signer
    with pytest.raises(SignerRefused, match="not ours"):
        verified(sealed(manifest, FILES, identity("p256", "stranger").signer), [ours.certificate])
    late = replace(manifest, at=manifest.at + timedelta(days=4_000))
    with pytest.raises(SignerRefused, match="not valid"):
        verified(sealed(late, FILES, ours), [ours.certificate])


def test_files_that_would_fill_the_memory_are_not_unpacked(
    manifest: Manifest, identity: Callable[..., Any]
) -> None:
    signer = identity("p256", "ours").signer
    huge = {**FILES, "matrix.toml": bytes(8 * 1024 * 1024)}
    row = sealed(replace(manifest, files=digests(huge)), huge, signer)
    with pytest.raises(GatewayError, match="larger than any policy"):
        verified(row, [signer.certificate])
