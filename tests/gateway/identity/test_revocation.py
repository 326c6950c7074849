from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.crypto import pki
from gateway.errors import SettingsInvalid
from gateway.identity.revocation import RECHECK_SECONDS, RevocationList

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def test_a_changed_list_counts_and_a_broken_one_does_not(tmp_path: Path) -> None:
    authority = pki.create_authority("Test", "integration", NOW)
    certificate = pki.issue_client(authority, "a", "A", pki.create_key().public_key(), NOW)
    empty = pki.empty_crl(authority, NOW)
    path, at, told = tmp_path / "crl.pem", [0.0], list[SettingsInvalid]()
    pki.write_pem(path, empty)
    known = RevocationList(path, alert=told.append, clock=lambda: at[0])
    assert not known.revoked(certificate)
    pki.write_pem(path, pki.revoke(authority, empty, certificate.serial_number, NOW))
    assert not known.revoked(certificate), "files are looked at once a second"
    at[0] += RECHECK_SECONDS
    assert known.revoked(certificate)
    path.write_bytes(b"-----BEGIN X509 CRL-----\nbroken\n")
    at[0] += RECHECK_SECONDS
    assert known.revoked(certificate)
    assert len(told) == 1


def test_another_issuer_with_the_same_serial_is_not_meant(tmp_path: Path) -> None:
    ours, theirs = (pki.create_authority(name, "integration", NOW) for name in ("Ours", "Theirs"))
    certificate = pki.issue_client(ours, "a", "A", pki.create_key().public_key(), NOW)
    listed = pki.revoke(theirs, pki.empty_crl(theirs, NOW), certificate.serial_number, NOW)
    path = tmp_path / "crl.pem"
    pki.write_pem(path, listed)
    assert not RevocationList(path, alert=pytest.fail).revoked(certificate)


def test_without_a_file_nothing_is_revoked() -> None:
    authority = pki.create_authority("Test", "integration", NOW)
    assert not RevocationList(None, alert=pytest.fail).revoked(authority.certificate)
