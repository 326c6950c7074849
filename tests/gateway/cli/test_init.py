"""`passerelle init`, `node enrol` and `node block`, as functions on files."""

import base64
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.cli.init import Partner, block, create, enrol
from gateway.config import Settings, check, load, load_node
from gateway.config.certificates import environments_of
from gateway.crypto import pki
from gateway.errors import (
    AlgorithmRefused,
    GatewayError,
    Malformed,
    NodeRefused,
    SettingsInvalid,
    SignatureBroken,
)
from gateway.identity.nodes import NodeDirectory

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
READ = {"ITI-18", "ITI-43", "ITI-67", "ITI-68"}
CLINIC = Partner(
    name="clinic",
    organisation="2.999.9",
    organisation_name='Clinic "Zitha" é',
    transactions=("ITI-18", "ITI-43"),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    create(tmp_path / "conf", "integration", now=NOW)
    return load(tmp_path / "conf/passerelle.toml")


def directory(settings: Settings) -> NodeDirectory:
    return NodeDirectory(settings.nodes.directory, settings.environment, alert=_fail)


def _fail(error: SettingsInvalid) -> None:
    raise error


def der(path: Path) -> bytes:
    return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)


def test_integration_is_ready_to_start(settings: Settings) -> None:
    assert check(settings, now=NOW) == []
    assert {node.name: node.transactions for node in directory(settings).nodes()} == {
        "hospital": {
            "ITI-8",
            "ITI-9",
            "ITI-21",
            "ITI-22",
            "ITI-30",
            "ITI-31",
            "ITI-32",
            "ITI-41",
            "ITI-42",
            "ITI-44",
            "ITI-45",
            "ITI-47",
            "ITI-57",
            "ITI-58",
            "ITI-61",
            "ITI-62",
            "ITI-78",
            "ITI-83",
            "ITI-86",
            "ITI-92",
            "ITI-93",
            "ITI-104",
            "ITI-119",
            "PRS-2",
            *READ,
        },
        "laboratory": {"ITI-8", "ITI-41"},
        "pharmacy": {*READ, "ITI-58", "ITI-78", "PRS-2"},
        "patient-portal": {*READ, "ITI-41", "ITI-108", "PRS-1", "EMG-1", "ITI-81", "JRN-1"},
        "identity-desk": {"IDV-1", "IDV-2", "IDV-3", "IDV-4", "ITI-58", "ITI-59", "ITI-78"},
        "privacy-desk": {"EMG-2", "EMG-3", "ITI-81", "ITI-82", "JRN-1"},
        "audit-source": {"ITI-20"},
        "tester": {"*"},
    }


def test_only_the_tester_is_free_of_duties_and_only_from_here(settings: Settings) -> None:
    for node in directory(settings).nodes():
        free = node.name == "tester"
        assert (node.must_sign, node.must_assert) == (not free, not free), node.name
        assert node.loopback_only is free
        assert node.bearer_allowed is (free or node.name == "patient-portal")


def test_every_partner_has_certificate_and_key(settings: Settings) -> None:
    nodes = directory(settings)
    for node in nodes.nodes():
        stem = settings.folder / "pki/clients" / node.name
        found = nodes.authenticate(der(stem.with_suffix(".pem")), "127.0.0.1", NOW)
        assert found.name == node.name
        assert stat.S_IMODE(stem.with_suffix(".key").stat().st_mode) == 0o600


def test_secrets_and_data_are_ours_alone(settings: Settings) -> None:
    folder = settings.folder
    keys = [*folder.rglob("*.key")]
    assert len(keys) == 15
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}
    assert stat.S_IMODE((folder / "data").stat().st_mode) == 0o700
    assert len(base64.b64decode((folder / "pki/master.key").read_bytes())) == 32


def test_second_init_changes_nothing(settings: Settings) -> None:
    before = {path: path.read_bytes() for path in settings.folder.rglob("*") if path.is_file()}
    with pytest.raises(SettingsInvalid, match="already there"):
        create(settings.folder, "integration", now=NOW)
    assert {path: path.read_bytes() for path in settings.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("environment", ["preprod", "prod"])
def test_elsewhere_only_our_keys_and_requests(tmp_path: Path, environment: str) -> None:
    create(tmp_path / "conf", environment, now=NOW)  # type: ignore[arg-type]
    files = sorted(str(path.relative_to(tmp_path / "conf")) for path in tmp_path.rglob("*") if path.is_file())
    assert files == [
        "affinity/documents.toml",
        "affinity/packages.toml",
        "passerelle.toml",
        "pki/master.key",
        "pki/server.csr",
        "pki/server.key",
        "pki/signing.csr",
        "pki/signing.key",
    ]
    settings = load(tmp_path / "conf/passerelle.toml")
    assert settings.environment == environment
    assert settings.assertions.issuers == ()
    assert settings.assertions.test_issuer_key is None
    assert settings.domain.patient_roots == {}


def test_requests_become_a_working_configuration(tmp_path: Path) -> None:
    folder = tmp_path / "conf"
    create(folder, "prod", now=NOW)
    authority = pki.create_authority("National Authority", "prod", NOW)
    for name in ("server", "signing"):
        key = pki.read_csr((folder / f"pki/{name}.csr").read_bytes())
        pki.write_pem(folder / f"pki/{name}.pem", pki.issue_server(authority, key, NOW))
    pki.write_pem(folder / "pki/trust.pem", authority.certificate)
    pki.write_pem(folder / "pki/crl.pem", pki.empty_crl(authority, NOW))
    assert [each.location for each in check(load(folder / "passerelle.toml"), now=NOW)] == ["clock.servers"]


# --- enrolment -----------------------------------------------------------------------------------


def csr(folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None) -> Path:
    key = key or pki.create_key()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, pki.hashes.SHA256())
    path = folder / "clinic.csr"
    path.write_bytes(request.public_bytes(Encoding.PEM))
    return path


def test_enrol_by_request(settings: Settings, tmp_path: Path) -> None:
    nodes = directory(settings)
    path = enrol(settings, CLINIC, csr=csr(tmp_path), now=NOW)
    file = load_node(path)
    assert (file.name, file.organisation, file.organisation_name) == ("clinic", "2.999.9", 'Clinic "Zitha" é')
    assert (file.sign, file.assertion, file.blocked) == ("required", "required", False)
    certificate = x509.load_pem_x509_certificate((path.parent / "clinic.pem").read_bytes())
    assert environments_of(certificate) == {"integration"}
    assert check(settings, now=NOW) == []
    assert "clinic" not in {node.name for node in nodes.nodes()}
    assert (
        directory(settings).authenticate(der(path.parent / "clinic.pem"), "192.0.2.1", NOW).name == "clinic"
    )


def test_enrol_by_certificate(settings: Settings, tmp_path: Path) -> None:
    other = pki.create_authority("National Authority", "integration", NOW)
    issued = pki.issue_client(other, "clinic", "Clinic", pki.create_key().public_key(), NOW)
    pki.write_pem(tmp_path / "clinic.pem", issued)
    enrol(settings, CLINIC, certificate=tmp_path / "clinic.pem")
    assert directory(settings).authenticate(der(tmp_path / "clinic.pem"), "192.0.2.1", NOW).name == "clinic"


def private_key() -> bytes:
    return pki.create_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize("way", ["csr", "certificate"])
def test_key_04_private_key_is_refused_and_not_kept(settings: Settings, tmp_path: Path, way: str) -> None:
    offered = tmp_path / "offered.pem"
    offered.write_bytes(csr(tmp_path).read_bytes() + private_key())
    before = sorted(settings.folder.rglob("*"))
    with pytest.raises(Malformed, match="private key was offered"):
        enrol(settings, CLINIC, now=NOW, **{way: offered})  # type: ignore[arg-type]
    assert sorted(settings.folder.rglob("*")) == before


def test_weak_or_unproven_request_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(AlgorithmRefused):
        enrol(settings, CLINIC, csr=csr(tmp_path, rsa.generate_private_key(65537, 2048)), now=NOW)
    request = x509.load_pem_x509_csr(csr(tmp_path).read_bytes()).public_bytes(Encoding.DER)
    (tmp_path / "clinic.csr").write_bytes(request[:-1] + bytes([request[-1] ^ 1]))
    with pytest.raises(SignatureBroken):
        enrol(settings, CLINIC, csr=tmp_path / "clinic.csr", now=NOW)


def test_ops_04_certificate_of_another_environment_is_refused(settings: Settings, tmp_path: Path) -> None:
    other = pki.create_authority("Other", "preprod", NOW)
    issued = pki.issue_client(other, "clinic", "Clinic", pki.create_key().public_key(), NOW)
    pki.write_pem(tmp_path / "clinic.pem", issued)
    with pytest.raises(SettingsInvalid, match="of preprod, this is integration"):
        enrol(settings, CLINIC, certificate=tmp_path / "clinic.pem")


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "a\nb", "hospital"])
def test_bad_or_taken_name_is_refused(settings: Settings, tmp_path: Path, name: str) -> None:
    partner = Partner(name=name, organisation="2.999.9", organisation_name="x", transactions=("ITI-18",))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingsInvalid):
        enrol(settings, partner, certificate=settings.folder / "pki/clients/hospital.pem")
    assert sorted(tmp_path.rglob("*")) == before


def test_bad_organisation_leaves_nothing_behind(settings: Settings, tmp_path: Path) -> None:
    partner = Partner(name="clinic", organisation="no oid", organisation_name="x", transactions=("ITI-18",))
    request = csr(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SettingsInvalid, match="organisation"):
        enrol(settings, partner, csr=request, now=NOW)
    assert sorted(tmp_path.rglob("*")) == before


def test_one_way_of_enrolment_is_needed(settings: Settings) -> None:
    with pytest.raises(SettingsInvalid, match="either"):
        enrol(settings, CLINIC)


def test_without_local_authority_a_request_is_refused_with_advice(tmp_path: Path) -> None:
    create(tmp_path / "conf", "prod", now=NOW)
    with pytest.raises(SettingsInvalid, match="enrol a certificate that your authority signed"):
        enrol(load(tmp_path / "conf/passerelle.toml"), CLINIC, csr=csr(tmp_path), now=NOW)


# --- blocking ------------------------------------------------------------------------------------


def test_seed_28_block_and_unblock(settings: Settings) -> None:
    certificate = der(settings.folder / "pki/clients/hospital.pem")
    block(settings, "hospital")
    with pytest.raises(NodeRefused, match="blocked"):
        directory(settings).authenticate(certificate, "192.0.2.1", NOW)
    block(settings, "hospital", blocked=False)
    assert directory(settings).authenticate(certificate, "192.0.2.1", NOW).name == "hospital"


def test_block_keeps_the_rest_of_the_file(settings: Settings) -> None:
    path = settings.nodes.directory / "hospital.toml"
    before = path.read_text()
    block(settings, "hospital")
    assert path.read_text() == before.replace("blocked = false", "blocked = true")


def test_block_adds_a_missing_line(settings: Settings) -> None:
    path = settings.nodes.directory / "hospital.toml"
    path.write_text(path.read_text().replace("blocked = false", "").rstrip())
    assert load_node(block(settings, "hospital")).blocked


@pytest.mark.parametrize("name", ["nobody", "../passerelle", ""])
def test_block_of_an_unknown_node(settings: Settings, name: str) -> None:
    with pytest.raises(GatewayError, match="no node file"):
        block(settings, name)


def test_no_private_key_outside_pki(settings: Settings, tmp_path: Path) -> None:
    enrol(settings, CLINIC, csr=csr(tmp_path), now=NOW)
    holding = [
        path for path in settings.folder.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]
    assert {path.suffix for path in holding} == {".key"}
    loaded = [serialization.load_pem_private_key(path.read_bytes(), None) for path in holding]
    assert len(loaded) == 14
