"""Cosignatures of witnesses (C2SP tlog-cosignature)."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.audit.cosignature import found_in, read_key, verify
from gateway.errors import Malformed, SignatureBroken, SignerRefused
from tests.witness import cosign, verifier_key

KEY, NAME = Ed25519PrivateKey.generate(), "witness.example/w1"


def test_a_cosignature_is_found_among_others(trail: Any) -> None:
    note, key = trail.trees[-1].note, read_key(verifier_key(KEY, NAME))
    own = cosign(KEY, NAME, note, 77)
    other = cosign(Ed25519PrivateKey.generate(), "witness.example/w2", note, 78)
    assert verify(own, note, key) == 77
    assert found_in(f"{other}\n{own}\n", note, key) == (own, 77)
    with pytest.raises(SignerRefused, match="no cosignature of this witness"):
        found_in(f"{other}\n", note, key)
    with pytest.raises(Malformed, match="more than 64"):
        found_in(f"{other}\n" * 65, note, key)


def test_a_cosignature_is_over_time_and_note(trail: Any) -> None:
    first, last = trail.trees[0].note, trail.trees[-1].note
    key, line = read_key(verifier_key(KEY, NAME)), cosign(KEY, NAME, last, 77)
    with pytest.raises(SignatureBroken):
        verify(line, first, key)
    name, _, blob = line.removeprefix("— ").partition(" ")
    raw = b64decode(blob)
    later = b64encode(raw[:4] + (78).to_bytes(8, "big") + raw[12:]).decode()
    with pytest.raises(SignatureBroken):
        verify(f"— {name} {later}", last, key)
    with pytest.raises(SignatureBroken, match="too short"):
        verify(f"— {name} {b64encode(raw[:12]).decode()}", last, key)


def test_a_verifier_key_is_read() -> None:
    key = read_key(verifier_key(KEY, NAME))
    assert key.name == NAME
    assert key.key.public_bytes_raw() == KEY.public_key().public_bytes_raw()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000+AAAA",
        "name+zz+AAAA",
        "+00000000+" + b64encode(b"\x04" + bytes(32)).decode(),
        "name+00000000+" + b64encode(b"\x04" + bytes(32)).decode(),
        "name+00000000+" + b64encode(b"\x01" + bytes(32)).decode(),
    ],
)
def test_what_is_no_key_of_a_witness(text: str) -> None:
    with pytest.raises(Malformed):
        read_key(text)
