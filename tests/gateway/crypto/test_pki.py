"""The small authority, certificate requests of partners, revocation, key files (SEED-3, SEED-4, SEED-8)."""

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from gateway.config.certificates import environments_of
from gateway.crypto import pki
from gateway.errors import AlgorithmRefused, Malformed, SignatureBroken

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM


@pytest.fixture(scope="module")
def authority() -> pki.Authority:
    return pki.create_authority("Test Authority", "integration", NOW)


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.CertificateSigningRequest:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "chosen by the partner")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())


def test_authority_may_sign_certificates_and_lists_only(authority: pki.Authority) -> None:
    extensions = authority.certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert constraints.value.ca
    assert constraints.value.path_length == 0
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature


def test_every_certificate_is_stamped_linked_and_signed(authority: pki.Authority) -> None:
    key = pki.create_key().public_key()
    issued = (
        pki.issue_server(authority, key, NOW),
        pki.issue_client(authority, "hospital", "Test Hospital", key, NOW),
        pki.issue_signer(authority, "signing", key, NOW),
    )
    own = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    for certificate in issued:
        certificate.verify_directly_issued_by(authority.certificate)
        link = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
        assert link.key_identifier == own.digest
        assert environments_of(certificate) == {"integration"}
        assert certificate.not_valid_before_utc < NOW < certificate.not_valid_after_utc


def test_server_certificate_names_this_machine(authority: pki.Authority) -> None:
    certificate = pki.issue_server(authority, pki.create_key().public_key(), NOW)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]


def test_client_certificate_serves_clients_only(authority: pki.Authority) -> None:
    certificate = pki.issue_client(authority, "hospital", "Test Hospital", pki.create_key().public_key(), NOW)
    purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]


@pytest.mark.parametrize("encoding", [PEM, DER])
def test_request_gives_its_key_and_not_its_names(
    authority: pki.Authority, encoding: serialization.Encoding
) -> None:
    key = pki.create_key()
    data = request(key).public_bytes(encoding)
    certificate = pki.sign_csr(authority, data, name="hospital", organisation="Test Hospital", now=NOW)
    assert certificate.public_key() == key.public_key()
    assert certificate.subject.rfc4514_string() == "OU=integration,CN=hospital,O=Test Hospital"


def test_request_not_signed_by_its_own_key_is_refused() -> None:
    data = bytearray(request(pki.create_key()).public_bytes(DER))
    other = request(pki.create_key()).public_bytes(DER)
    at = data.index(b"\x03\x42\x00\x04")
    data[at : at + 68] = other[other.index(b"\x03\x42\x00\x04") :][:68]
    with pytest.raises(SignatureBroken):
        pki.read_csr(bytes(data))


@pytest.mark.parametrize(
    ("key", "legacy", "accepted"),
    [
        (rsa.generate_private_key(65537, 2048), False, False),
        (rsa.generate_private_key(65537, 2048), True, True),
        (rsa.generate_private_key(65537, 3072), False, True),
        (rsa.generate_private_key(65537, 1024), True, False),  # noqa: S505  # must be refused
        (ec.generate_private_key(ec.SECP224R1()), False, False),
        (ec.generate_private_key(ec.SECP256R1()), False, True),
        (ec.generate_private_key(ec.SECP384R1()), False, True),
        (ec.generate_private_key(ec.BrainpoolP256R1()), False, True),
    ],
)
def test_strength_of_the_key(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    legacy: bool,  # noqa: FBT001
    accepted: bool,  # noqa: FBT001
) -> None:
    data = request(key).public_bytes(PEM)
    if accepted:
        assert pki.read_csr(data, legacy_rsa_2048=legacy) == key.public_key()
    else:
        with pytest.raises(AlgorithmRefused, match="bits"):
            pki.read_csr(data, legacy_rsa_2048=legacy)


def private_keys() -> dict[str, bytes]:
    key = pki.create_key()
    legacy, pkcs8 = serialization.PrivateFormat.TraditionalOpenSSL, serialization.PrivateFormat.PKCS8
    plain, locked = serialization.NoEncryption(), serialization.BestAvailableEncryption(b"secret")
    return {
        "PKCS #8": key.private_bytes(PEM, pkcs8, plain),
        "PKCS #8 locked": key.private_bytes(PEM, pkcs8, locked),
        "PKCS #8 DER": key.private_bytes(DER, pkcs8, plain),
        "PKCS #8 DER locked": key.private_bytes(DER, pkcs8, locked),
        "traditional": key.private_bytes(PEM, legacy, plain),
        "traditional DER": key.private_bytes(DER, legacy, plain),
        "OpenSSH": ed25519.Ed25519PrivateKey.generate().private_bytes(
            PEM, serialization.PrivateFormat.OpenSSH, plain
        ),
        "PKCS #12": pkcs12.serialize_key_and_certificates(b"n", key, None, None, locked),
        "beside a request": request(key).public_bytes(PEM) + key.private_bytes(PEM, pkcs8, plain),
        "Java key store": b"\xfe\xed\xfe\xed\x00\x00\x00\x02",
    }


@pytest.mark.parametrize(("kind", "data"), private_keys().items())
def test_key_04_private_keys_are_refused_in_every_wrapping(kind: str, data: bytes) -> None:
    with pytest.raises(Malformed, match="private key was offered"):
        pki.read_csr(data)
    assert kind


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n", b"\x30\x00"]
)
def test_what_is_no_request_is_named(data: bytes) -> None:
    with pytest.raises(Malformed, match="PKCS #10"):
        pki.read_csr(data)


def test_revocation_lists_grow_and_keep_what_they_had(authority: pki.Authority) -> None:
    empty = pki.empty_crl(authority, NOW)
    once = pki.revoke(authority, empty, 17, NOW)
    twice = pki.revoke(authority, once, 18, NOW + timedelta(seconds=1))
    again = pki.revoke(authority, twice, 17, NOW + timedelta(seconds=2))
    assert [sorted(entry.serial_number for entry in crl) for crl in (empty, once, twice, again)] == [
        [],
        [17],
        [17, 18],
        [17, 18],
    ]
    assert again.is_signature_valid(authority.certificate.public_key())  # type: ignore[arg-type]


def test_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "own.key"
    pki.write_key(path, pki.create_key())
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        pki.write_key(path, pki.create_key())
    assert path.read_bytes() == before


def test_authority_is_read_back(tmp_path: Path, authority: pki.Authority) -> None:
    pki.write_key(tmp_path / "a.key", authority.key)
    pki.write_pem(tmp_path / "a.pem", authority.certificate)
    read = pki.load_authority(tmp_path / "a.pem", tmp_path / "a.key", "integration")
    assert read.certificate == authority.certificate
    assert read.key.public_key() == authority.key.public_key()
    assert list(tmp_path.iterdir()) != []
    assert not list(tmp_path.glob(".*"))


def test_our_own_request_is_one_we_would_accept() -> None:
    key = pki.create_key()
    data = pki.create_csr(key, "passerelle-server", "prod", ("gateway.example",))
    assert pki.read_csr(data) == key.public_key()
    names = x509.load_pem_x509_csr(data).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["urn:passerelle:environment:prod"]
