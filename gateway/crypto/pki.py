"""A small authority for tests and integration, and our own keys: RFC 5280 certificates, requests and CRLs."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.config.certificates import ENVIRONMENT_URI
from gateway.errors import AlgorithmRefused, Malformed, SignatureBroken

CertificateKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey

AUTHORITY_LIFE = timedelta(days=3650)
CERTIFICATE_LIFE = timedelta(days=397)
BACKDATED = timedelta(hours=1)
RSA_MINIMUM, RSA_LEGACY_MINIMUM, CURVE_MINIMUM = 3072, 2048, 256
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

_SERVER = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
_CLIENT = (ExtendedKeyUsageOID.CLIENT_AUTH,)
_PKCS12_MARK = bytes.fromhex("06092a864886f70d0107")
_PKCS12_HEAD = 32
_JAVA_KEYSTORES = (b"\xfe\xed\xfe\xed", b"\xce\xce\xce\xce")


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority of one environment."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    environment: str


def create_key() -> ec.EllipticCurvePrivateKey:
    """A fresh P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


# --- issuing -------------------------------------------------------------------------------------


def create_authority(name: str, environment: str, now: datetime) -> Authority:
    """A self-signed authority, stamped with its environment, valid for ten years."""
    key = create_key()
    subject = _subject(name, environment)
    builder = _builder(subject, subject, key.public_key(), now, AUTHORITY_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(authority=True), critical=True)
    builder = builder.add_extension(_authority_key(key.public_key()), critical=False)
    builder = builder.add_extension(_names(environment), critical=False)
    return Authority(builder.sign(key, hashes.SHA256()), key, environment)


def issue_server(
    authority: Authority, key: CertificateKey, now: datetime, hosts: Sequence[str] = LOCAL_NAMES
) -> x509.Certificate:
    """A certificate for our listeners; also for calls to others, as ATNA nodes are both."""
    subject = _subject(hosts[0], authority.environment)
    return _issue(authority, subject, key, now, purposes=_SERVER, hosts=hosts)


def issue_client(
    authority: Authority, name: str, organisation: str, key: CertificateKey, now: datetime
) -> x509.Certificate:
    """A certificate by which a partner's node authenticates and signs its messages."""
    return _issue(authority, _subject(name, authority.environment, organisation), key, now, purposes=_CLIENT)


def issue_signer(authority: Authority, name: str, key: CertificateKey, now: datetime) -> x509.Certificate:
    """A certificate for signatures only: our messages, or an assertion issuer."""
    return _issue(authority, _subject(name, authority.environment), key, now, purposes=())


def sign_csr(
    authority: Authority,
    request: bytes,
    *,
    name: str,
    organisation: str,
    now: datetime,
    legacy_rsa_2048: bool = False,
) -> x509.Certificate:
    """A client certificate for a request (PEM or DER). Only its key is used: the names are ours to give."""
    key = read_csr(request, legacy_rsa_2048=legacy_rsa_2048)
    return issue_client(authority, name, organisation, key, now)


def create_csr(
    key: ec.EllipticCurvePrivateKey, name: str, environment: str, hosts: Sequence[str] = ()
) -> bytes:
    """A certificate request (PEM) for a key of ours, stamped with the environment."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(name, environment))
    builder = builder.add_extension(_names(environment, hosts), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _issue(
    authority: Authority,
    subject: x509.Name,
    key: CertificateKey,
    now: datetime,
    *,
    purposes: Iterable[x509.ObjectIdentifier],
    hosts: Sequence[str] = (),
) -> x509.Certificate:
    builder = _builder(subject, authority.certificate.subject, key, now, CERTIFICATE_LIFE)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(_usage(authority=False), critical=True)
    builder = builder.add_extension(_authority_key(authority.key.public_key()), critical=False)
    builder = builder.add_extension(_names(authority.environment, hosts), critical=False)
    if wanted := list(purposes):
        builder = builder.add_extension(x509.ExtendedKeyUsage(wanted), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


def _builder(
    subject: x509.Name, issuer: x509.Name, key: CertificateKey, now: datetime, life: timedelta
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key,
        serial_number=x509.random_serial_number(),
        not_valid_before=now - BACKDATED,
        not_valid_after=now + life,
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _subject(name: str, environment: str, organisation: str | None = None) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name([*parts, x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, environment)])


def _names(environment: str, hosts: Sequence[str] = ()) -> x509.SubjectAlternativeName:
    stamp = x509.UniformResourceIdentifier(ENVIRONMENT_URI + environment)
    return x509.SubjectAlternativeName([*(_host(host) for host in hosts), stamp])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=not authority,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _authority_key(key: CertificateKey) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)


# --- what partners hand in -----------------------------------------------------------------------


def read_csr(data: bytes, *, legacy_rsa_2048: bool = False) -> CertificateKey:
    """The public key of a certificate request whose sender proved to hold the private key (PKCS #10)."""
    refuse_private_key(data)
    try:
        pem = data.lstrip().startswith(b"-----BEGIN")
        request = x509.load_pem_x509_csr(data) if pem else x509.load_der_x509_csr(data)
        proven = request.is_signature_valid
        key = request.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Malformed("not a certificate request; expected PKCS #10 in PEM or DER") from error
    if not proven:
        raise SignatureBroken("the certificate request is not signed by its own key")
    return acceptable_key(key, legacy_rsa_2048=legacy_rsa_2048)


def acceptable_key(key: object, *, legacy_rsa_2048: bool = False) -> CertificateKey:
    """The key, if its kind and length are allowed: RSA from 3072 bits, elliptic curves from 256."""
    least = RSA_LEGACY_MINIMUM if legacy_rsa_2048 else RSA_MINIMUM
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= least:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size >= CURVE_MINIMUM:
        return key
    size = getattr(key, "key_size", "unknown")
    raise AlgorithmRefused(
        f"key of {size} bits; expected RSA from {least} or an elliptic curve from {CURVE_MINIMUM}"
    )


def refuse_private_key(data: bytes) -> None:
    """Raise Malformed when the bytes hold a private key in any usual wrapping: we never take one."""
    if b"PRIVATE KEY" in data.upper() or _is_key_store(data) or _is_der_key(data):
        raise Malformed("a private key was offered; send the certificate request only, and replace this key")


def _is_key_store(data: bytes) -> bool:
    return data.startswith(_JAVA_KEYSTORES) or (data[:1] == b"\x30" and _PKCS12_MARK in data[:_PKCS12_HEAD])


def _is_der_key(data: bytes) -> bool:
    try:
        serialization.load_der_private_key(data, password=None)
    except TypeError:  # an encrypted PKCS #8 key asks for its pass phrase
        return True
    except (ValueError, UnsupportedAlgorithm):
        return False
    return True


# --- revocation ----------------------------------------------------------------------------------


def empty_crl(authority: Authority, now: datetime) -> x509.CertificateRevocationList:
    """A revocation list with nothing on it."""
    return _signed_crl(authority, (), now)


def revoke(
    authority: Authority, crl: x509.CertificateRevocationList, serial_number: int, now: datetime
) -> x509.CertificateRevocationList:
    """The list with one more serial number; revoking twice changes nothing but the date of the list."""
    revoked = list(crl)
    if crl.get_revoked_certificate_by_serial_number(serial_number) is None:
        builder = x509.RevokedCertificateBuilder(serial_number=serial_number, revocation_date=now)
        revoked.append(builder.build())
    return _signed_crl(authority, revoked, now)


def _signed_crl(
    authority: Authority, revoked: Iterable[x509.RevokedCertificate], now: datetime
) -> x509.CertificateRevocationList:
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=authority.certificate.subject,
        last_update=now - BACKDATED,
        next_update=now + CERTIFICATE_LIFE,
        revoked_certificates=list(revoked),
    )
    number = x509.CRLNumber(int(now.timestamp() * 1000))
    builder = builder.add_extension(number, critical=False)
    builder = builder.add_extension(_authority_key(authority.key.public_key()), critical=False)
    return builder.sign(authority.key, hashes.SHA256())


# --- files ---------------------------------------------------------------------------------------


def write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    """A new private key file (PKCS #8, PEM), mode 0600; an existing file is never overwritten."""
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_secret(path, pem)


def write_secret(path: Path, data: bytes) -> None:
    """A new file of mode 0600 from its first byte on."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def write_pem(path: Path, item: x509.Certificate | x509.CertificateRevocationList) -> None:
    """A certificate or revocation list in PEM, replaced in one step so that readers see old or new."""
    replace_file(path, item.public_bytes(serialization.Encoding.PEM))


def replace_file(path: Path, data: bytes) -> None:
    """Write beside, then rename over."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.write_bytes(data)
    beside.replace(path)


def load_authority(certificate: Path, key: Path, environment: str) -> Authority:
    """The authority from its two PEM files."""
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise AlgorithmRefused("the key of the authority is not an elliptic curve key")
    return Authority(x509.load_pem_x509_certificate(certificate.read_bytes()), private, environment)
