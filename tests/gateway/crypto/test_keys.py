from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519

from gateway.crypto.keys import (
    Scheme,
    Signer,
    check_strength,
    fingerprint,
    key_bytes,
    load_certificates,
    load_signer,
    sign_with,
    verify_with,
)
from gateway.errors import AlgorithmRefused, SettingsInvalid, SignatureBroken

KINDS = [
    ("p256", Scheme.ECDSA_SHA256),
    ("p384", Scheme.ECDSA_SHA384),
    ("p521", Scheme.ECDSA_SHA512),
    ("rsa3072", Scheme.RSA_PSS_SHA256),
    ("ed25519", Scheme.ED25519),
]


@pytest.mark.parametrize(("kind", "scheme"), KINDS)
def test_the_scheme_follows_from_the_key_and_its_signature_verifies(
    identity: Callable[..., Any], kind: str, scheme: Scheme
) -> None:
    one = identity(kind)
    assert one.signer.scheme is scheme
    signature = one.signer.sign(b"text")
    assert verify_with(one.key.public_key(), scheme, signature, b"text") is None
    with pytest.raises(SignatureBroken):
        verify_with(one.key.public_key(), scheme, signature, b"other")


def test_pkcs1_only_when_asked(identity: Callable[..., Any]) -> None:
    assert identity("rsa3072", pkcs1=True).signer.scheme is Scheme.RSA_PKCS1_SHA256


def test_ecdsa_signatures_have_fixed_width(identity: Callable[..., Any]) -> None:
    assert {len(identity("p256").signer.sign(bytes([n]))) for n in range(64)} == {64}
    assert len(identity("p521").signer.sign(b"")) == 132


@pytest.mark.parametrize("length", [0, 63, 65, 70])
def test_ecdsa_signature_of_another_width_is_broken(identity: Callable[..., Any], length: int) -> None:
    with pytest.raises(SignatureBroken):
        verify_with(identity().key.public_key(), Scheme.ECDSA_SHA256, bytes(length), b"x")


def test_a_zero_signature_is_broken(identity: Callable[..., Any]) -> None:
    with pytest.raises(SignatureBroken):
        verify_with(identity().key.public_key(), Scheme.ECDSA_SHA256, bytes(64), b"x")


def test_a_scheme_of_another_kind_of_key_is_refused(identity: Callable[..., Any]) -> None:
    with pytest.raises(AlgorithmRefused):
        sign_with(identity("p256").key, Scheme.RSA_PSS_SHA256, b"x")
    with pytest.raises(AlgorithmRefused):
        verify_with(identity("p256").key.public_key(), Scheme.ED25519, bytes(64), b"x")


@pytest.mark.parametrize(
    ("bits", "minimum", "allowed"), [(2048, 3072, False), (2048, 2048, True), (3072, 3072, True)]
)
def test_rsa_strength(bits: int, minimum: int, *, allowed: bool) -> None:
    key = rsa.generate_private_key(65537, bits).public_key()
    if allowed:
        assert check_strength(key, minimum_rsa=minimum) is None
    else:
        with pytest.raises(AlgorithmRefused, match="2048 bits"):
            check_strength(key, minimum_rsa=minimum)


@pytest.mark.parametrize("curve", [ec.SECP224R1(), ec.SECP256K1()])
def test_weak_or_unlisted_curves_are_refused(curve: ec.EllipticCurve) -> None:
    with pytest.raises(AlgorithmRefused):
        check_strength(ec.generate_private_key(curve).public_key())


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()).public_key(),
        ec.generate_private_key(ec.BrainpoolP256R1()).public_key(),
        ed25519.Ed25519PrivateKey.generate().public_key(),
    ],
)
def test_strong_keys_pass(key: Any) -> None:
    assert check_strength(key) is None


@pytest.mark.parametrize(
    "key",
    [x25519.X25519PrivateKey.generate().public_key(), dsa.generate_private_key(2048).public_key(), None],
)
def test_other_kinds_of_key_are_refused(key: Any) -> None:
    with pytest.raises(AlgorithmRefused):
        check_strength(key)


def test_fingerprint_and_key_bytes(identity: Callable[..., Any]) -> None:
    one = identity()
    assert len(fingerprint(one.der)) == 64
    assert key_bytes(one.certificate.public_key()) == key_bytes(one.key.public_key())
    assert key_bytes(identity("p256", "other").key.public_key()) != key_bytes(one.key.public_key())


def test_a_signer_does_not_show_its_key(identity: Callable[..., Any]) -> None:
    assert "key" not in repr(identity().signer)


def test_a_signer_needs_its_own_certificate(identity: Callable[..., Any]) -> None:
    with pytest.raises(SettingsInvalid):
        Signer.of(identity("p256", "a").key, identity("p256", "b").certificate)


# --- files ---------------------------------------------------------------------------------------


def written(
    folder: Path,
    key: Any,
    certificate: x509.Certificate,
    *,
    passphrase: bytes | None = None,
    mode: int = 0o600,
) -> tuple[Path, Path]:
    encryption = (
        serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )
    key_file.chmod(mode)
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


def test_a_signer_is_loaded_from_files(identity: Callable[..., Any], tmp_path: Path) -> None:
    one = identity()
    signer = load_signer(*written(tmp_path, one.key, one.certificate))
    assert signer.certificate == one.der
    verify_with(one.key.public_key(), Scheme.ECDSA_SHA256, signer.sign(b"x"), b"x")


def test_a_pass_phrase_opens_the_key(identity: Callable[..., Any], tmp_path: Path) -> None:
    files = written(tmp_path, identity().key, identity().certificate, passphrase=b"secret")
    assert load_signer(*files, passphrase=b"secret").certificate == identity().der
    for wrong in (b"other", None):
        with pytest.raises(SettingsInvalid):
            load_signer(*files, passphrase=wrong)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644])
def test_key_03_a_key_file_open_to_others_is_refused(
    identity: Callable[..., Any], tmp_path: Path, mode: int
) -> None:
    key_file, certificate_file = written(tmp_path, identity().key, identity().certificate, mode=mode)
    with pytest.raises(SettingsInvalid, match="0600") as caught:
        load_signer(key_file, certificate_file)
    assert caught.value.location == str(key_file)


def test_key_03_a_key_of_another_certificate_is_refused(identity: Callable[..., Any], tmp_path: Path) -> None:
    files = written(tmp_path, identity("p256", "a").key, identity("p256", "b").certificate)
    with pytest.raises(SettingsInvalid, match="does not belong"):
        load_signer(*files)


def test_files_that_are_missing_or_hold_something_else(identity: Callable[..., Any], tmp_path: Path) -> None:
    key_file, certificate_file = written(tmp_path, identity().key, identity().certificate)
    with pytest.raises(SettingsInvalid):
        load_signer(tmp_path / "none", certificate_file)
    certificate_file.write_text("nothing")
    with pytest.raises(SettingsInvalid):
        load_signer(key_file, certificate_file)


def test_certificates_keep_their_order(identity: Callable[..., Any]) -> None:
    first, second = identity("p256", "a").certificate, identity("p256", "b").certificate
    pem = b"".join(c.public_bytes(serialization.Encoding.PEM) for c in (first, second))
    assert load_certificates(pem) == [first, second]
    with pytest.raises(SettingsInvalid):
        load_certificates(b"nothing")
