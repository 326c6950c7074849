"""Keys, certificates and raw signatures: who signs, with what, and what is strong enough (BSI TR-02102-1)."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, unique
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.errors import AlgorithmRefused, SettingsInvalid, SignatureBroken

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey

MINIMUM_RSA = 3072
_CURVES = frozenset(
    {"secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"}
)


@unique
class Scheme(Enum):
    """A signature scheme with its hash. ECDSA signatures are r||s, as XML, HTTP and JOSE want them."""

    ECDSA_SHA256 = "ecdsa-sha256"
    ECDSA_SHA384 = "ecdsa-sha384"
    ECDSA_SHA512 = "ecdsa-sha512"
    RSA_PSS_SHA256 = "rsa-pss-sha256"
    RSA_PSS_SHA384 = "rsa-pss-sha384"
    RSA_PSS_SHA512 = "rsa-pss-sha512"
    RSA_PKCS1_SHA256 = "rsa-pkcs1-sha256"
    RSA_PKCS1_SHA384 = "rsa-pkcs1-sha384"
    RSA_PKCS1_SHA512 = "rsa-pkcs1-sha512"
    ED25519 = "ed25519"

    # Members are equal to themselves alone, and are looked up for each signature: no detour over the name.
    __hash__ = object.__hash__


_SHA256, _SHA384, _SHA512 = hashes.SHA256(), hashes.SHA384(), hashes.SHA512()
_EC: Mapping[Scheme, ec.ECDSA] = MappingProxyType(
    {
        Scheme.ECDSA_SHA256: ec.ECDSA(_SHA256),
        Scheme.ECDSA_SHA384: ec.ECDSA(_SHA384),
        Scheme.ECDSA_SHA512: ec.ECDSA(_SHA512),
    }
)
_HashAlgorithm = hashes.SHA256 | hashes.SHA384 | hashes.SHA512


def _pss(algorithm: _HashAlgorithm) -> tuple[padding.AsymmetricPadding, _HashAlgorithm]:
    return padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm


_RSA: Mapping[Scheme, tuple[padding.AsymmetricPadding, _HashAlgorithm]] = MappingProxyType(
    {
        Scheme.RSA_PSS_SHA256: _pss(_SHA256),
        Scheme.RSA_PSS_SHA384: _pss(_SHA384),
        Scheme.RSA_PSS_SHA512: _pss(_SHA512),
        Scheme.RSA_PKCS1_SHA256: (padding.PKCS1v15(), _SHA256),
        Scheme.RSA_PKCS1_SHA384: (padding.PKCS1v15(), _SHA384),
        Scheme.RSA_PKCS1_SHA512: (padding.PKCS1v15(), _SHA512),
    }
)
PKCS1_SCHEMES = frozenset({Scheme.RSA_PKCS1_SHA256, Scheme.RSA_PKCS1_SHA384, Scheme.RSA_PKCS1_SHA512})


# --- raw signatures ------------------------------------------------------------------------------


def sign_with(key: PrivateKey, scheme: Scheme, data: bytes) -> bytes:
    """The signature of `data`; AlgorithmRefused when the key is not of the scheme's kind."""
    curve = _EC.get(scheme)
    if curve is not None and _is_elliptic(type(key)):
        key = cast("ec.EllipticCurvePrivateKey", key)
        width = (key.key_size + 7) // 8
        r, s = decode_dss_signature(key.sign(data, curve))
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    if isinstance(key, rsa.RSAPrivateKey) and scheme in _RSA:
        return key.sign(data, *_RSA[scheme])
    if isinstance(key, ed25519.Ed25519PrivateKey) and scheme is Scheme.ED25519:
        return key.sign(data)
    raise AlgorithmRefused(f"the key cannot sign by {scheme.value}")


@lru_cache
def _is_elliptic(kind: type) -> bool:
    """Remembered, because the abstract classes of keys look again each time."""
    return issubclass(kind, ec.EllipticCurvePrivateKey)


def verify_with(key: PublicKey, scheme: Scheme, signature: bytes, data: bytes) -> None:
    """Raise SignatureBroken unless `signature` is the key's over `data`; AlgorithmRefused on a wrong kind."""
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and scheme in _EC:
            key.verify(_der_signature(key.curve, signature), data, _EC[scheme])
        elif isinstance(key, rsa.RSAPublicKey) and scheme in _RSA:
            key.verify(signature, data, *_RSA[scheme])
        elif isinstance(key, ed25519.Ed25519PublicKey) and scheme is Scheme.ED25519:
            key.verify(signature, data)
        else:
            raise AlgorithmRefused(f"the key of the signer is not one for {scheme.value}")
    except InvalidSignature as error:
        raise SignatureBroken("the signature value does not fit the key and the signed content") from error


def _der_signature(curve: ec.EllipticCurve, signature: bytes) -> bytes:
    width = _width(curve)
    if len(signature) != 2 * width:
        raise SignatureBroken(f"ECDSA signature of {len(signature)} bytes; expected {2 * width}")
    return encode_dss_signature(
        int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big")
    )


def _width(curve: ec.EllipticCurve) -> int:
    return (curve.key_size + 7) // 8


# --- strength ------------------------------------------------------------------------------------


def usable_key(key: object, *, minimum_rsa: int = MINIMUM_RSA) -> PublicKey:
    """The key itself when kind and length are allowed, else AlgorithmRefused. `minimum_rsa` in bits."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        if key.curve.name in _CURVES:
            return key
        raise AlgorithmRefused(f"curve {key.curve.name} is not allowed; expected P-256 or stronger")
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size >= minimum_rsa:
            return key
        raise AlgorithmRefused(f"RSA key of {key.key_size} bits; expected at least {minimum_rsa}")
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    raise AlgorithmRefused("kind of key not allowed; expected ECDSA, RSA or Ed25519")


def check_strength(public_key: object, *, minimum_rsa: int = MINIMUM_RSA) -> None:
    """Raise AlgorithmRefused for a short RSA key (bits), a weak curve or another kind of key."""
    usable_key(public_key, minimum_rsa=minimum_rsa)


# --- certificates --------------------------------------------------------------------------------


def fingerprint(der: bytes) -> str:
    """SHA-256 of a DER certificate in hex: how nodes and signers are named everywhere."""
    return sha256(der).hexdigest()


def key_bytes(public_key: object) -> bytes:
    """SubjectPublicKeyInfo (DER): equal bytes, equal key."""
    return usable_key(public_key, minimum_rsa=0).public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def load_certificates(pem: bytes) -> list[x509.Certificate]:
    """Every certificate of a PEM text, in its order; SettingsInvalid when there is none."""
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise SettingsInvalid("no certificate found; expected PEM") from error


# --- the one who signs ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its certificate (DER) and the scheme it signs by unless told otherwise.

    `name` is the fingerprint of the certificate.
    """

    key: PrivateKey = field(repr=False)
    certificate: bytes = field(repr=False)
    scheme: Scheme
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", fingerprint(self.certificate))

    @classmethod
    def of(cls, key: object, certificate: x509.Certificate, *, pkcs1: bool = False) -> Signer:
        """A signer after checks: strong key, and the certificate is the key's own (else SettingsInvalid).

        `pkcs1` chooses RSA PKCS#1 v1.5 in place of PSS, for partners that cannot verify PSS.
        """
        private = _private(key)
        check_strength(private.public_key(), minimum_rsa=2048)
        if key_bytes(private.public_key()) != key_bytes(certificate.public_key()):
            raise SettingsInvalid("the private key does not belong to the certificate")
        der = certificate.public_bytes(serialization.Encoding.DER)
        return cls(private, der, _natural_scheme(private, pkcs1=pkcs1))

    def sign(self, data: bytes, scheme: Scheme | None = None) -> bytes:
        """The raw signature of `data` (ECDSA: r||s)."""
        return sign_with(self.key, scheme or self.scheme, data)


def load_signer(
    key_file: Path, certificate_file: Path, *, pkcs1: bool = False, passphrase: bytes | None = None
) -> Signer:
    """The signer of two PEM files; the first certificate counts. SettingsInvalid names the file at fault.

    A key file that group or others can read is refused: it must count as known to them.
    """
    key = load_private_key(key_file, passphrase)
    certificate = _read_certificate(certificate_file)
    try:
        return Signer.of(key, certificate, pkcs1=pkcs1)
    except (SettingsInvalid, AlgorithmRefused) as error:
        raise SettingsInvalid(error.detail, location=str(key_file)) from error


def _private(key: object) -> PrivateKey:
    if isinstance(key, (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey)):
        return key
    raise AlgorithmRefused("kind of key not allowed; expected ECDSA, RSA or Ed25519")


def _natural_scheme(key: PrivateKey, *, pkcs1: bool) -> Scheme:
    if isinstance(key, rsa.RSAPrivateKey):
        return Scheme.RSA_PKCS1_SHA256 if pkcs1 else Scheme.RSA_PSS_SHA256
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return Scheme.ED25519
    by_size = {256: Scheme.ECDSA_SHA256, 384: Scheme.ECDSA_SHA384}
    return by_size.get(key.curve.key_size, Scheme.ECDSA_SHA512)


def _read_certificate(path: Path) -> x509.Certificate:
    try:
        return load_certificates(path.read_bytes())[0]
    except (OSError, SettingsInvalid) as error:
        raise SettingsInvalid("no certificate can be read; expected PEM", location=str(path)) from error


def load_private_key(path: Path, passphrase: bytes | None = None) -> object:
    """The private key of a PEM file that nobody else can read; SettingsInvalid otherwise."""
    try:
        return serialization.load_pem_private_key(_read_private(path), passphrase)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        text = "no private key can be read; expected PEM, and its pass phrase if it has one"
        raise SettingsInvalid(text, location=str(path)) from error


def _read_private(path: Path) -> bytes:
    with path.open("rb") as file:
        # the open file is asked, not the name: nothing can be swapped in between
        if os.fstat(file.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            text = "the key file is open to group or others; expected mode 0600"
            raise SettingsInvalid(text, location=str(path))
        return file.read()
