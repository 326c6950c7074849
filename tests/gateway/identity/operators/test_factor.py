"""One-time codes by the published vectors (RFC 6238 appendix B), and which of them count at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from gateway.identity.operators.factor import STEP_SECONDS, invitation, new_factor, step_of
from gateway.stores.operators import Factor

SHA1 = Factor(b"12345678901234567890", "sha1", 0)
SHA256 = Factor(b"12345678901234567890123456789012", "sha256", 0)
VECTORS = [
    (59, "94287082", "46119246"),
    (1111111109, "07081804", "68084774"),
    (1234567890, "89005924", "91819424"),
    (20000000000, "65353130", "77737706"),
]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "sha1", "sha256"), VECTORS)
def test_the_published_vectors(seconds: int, sha1: str, sha256: str) -> None:
    """Of eight digits; ours are the last six of them."""
    assert step_of(SHA1, sha1[2:], at(seconds)) == seconds // STEP_SECONDS
    assert step_of(SHA256, sha256[2:], at(seconds)) == seconds // STEP_SECONDS
    assert step_of(SHA1, sha256[2:], at(seconds)) is None


def test_the_steps_beside_now_count_and_no_others() -> None:
    code = VECTORS[1][1][2:]
    now = at(VECTORS[1][0])
    found = [step_of(SHA1, code, now + timedelta(seconds=STEP_SECONDS * each)) for each in range(-3, 4)]
    step = VECTORS[1][0] // STEP_SECONDS
    assert found == [None, None, step, step, step, None, None]


@pytest.mark.parametrize("code", ["", "081804 ", "08180", "0081804", "------", "٠٨١٨٠٤"])
def test_what_is_no_code(code: str) -> None:
    assert step_of(SHA1, code, at(VECTORS[1][0])) is None


@pytest.mark.parametrize(("digest", "octets"), [("sha1", 20), ("sha256", 32)])
def test_an_authenticator_reads_the_address(digest: str, octets: int) -> None:
    factor = new_factor(digest)
    address = invitation(factor, "alice", "prod")
    assert len(factor.secret) == octets
    assert urlsplit(address).path == "/Passerelle:alice%40prod"
    assert parse_qs(urlsplit(address).query)["issuer"] == ["Passerelle"]
    now = at(1_700_000_000)
    theirs = pyotp.parse_uri(address)
    assert isinstance(theirs, pyotp.TOTP)
    assert step_of(factor, theirs.at(now), now) == 1_700_000_000 // STEP_SECONDS


def test_secrets_differ() -> None:
    assert len({new_factor("sha1").secret for _ in range(20)}) == 20
    assert "secret" not in repr(new_factor("sha1"))
