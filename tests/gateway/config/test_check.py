"""KEY-03, OPS-02, OPS-04: what refuses the start, each by its name."""

import base64
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gateway.cli.init import create
from gateway.config import Finding, Settings, check, load
from gateway.config.settings import Directories
from gateway.crypto import pki

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "conf"
    create(path, "integration", now=NOW)
    return path


def settings_of(folder: Path) -> Settings:
    return load(folder / "passerelle.toml")


def found(settings: Settings, now: datetime = NOW) -> list[Finding]:
    return check(settings, now=now)


def errors(settings: Settings, now: datetime = NOW) -> list[str]:
    return [str(finding) for finding in found(settings, now) if finding.level == "error"]


def authority(folder: Path, environment: str = "integration") -> pki.Authority:
    return pki.load_authority(folder / "pki/authority.pem", folder / "pki/authority.key", environment)


def test_fresh_folder_has_nothing_to_complain_of(folder: Path) -> None:
    assert found(settings_of(folder)) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
@pytest.mark.parametrize("key", ["server.key", "signing.key", "master.key", "issuer.key"])
def test_key_03_key_file_open_to_others(folder: Path, key: str, mode: int) -> None:
    (folder / "pki" / key).chmod(mode)
    refused = errors(settings_of(folder))
    assert len(refused) == 1
    assert key in refused[0]
    assert "open to group or others" in refused[0]


@pytest.mark.parametrize("section", ["tls", "signing"])
def test_key_03_key_of_another_certificate(folder: Path, section: str) -> None:
    name = {"tls": "server", "signing": "signing"}[section]
    (folder / f"pki/{name}.key").unlink()
    pki.write_key(folder / f"pki/{name}.key", pki.create_key())
    assert any("does not belong to the certificate" in error for error in errors(settings_of(folder)))


@pytest.mark.parametrize(
    ("days_left", "level"), [(15, None), (13, "warning"), (1, "warning"), (0, "error"), (-1, "error")]
)
def test_key_03_certificate_that_ends(folder: Path, days_left: int, level: str | None) -> None:
    ends = NOW + pki.CERTIFICATE_LIFE
    settings = settings_of(folder)
    settings = replace(settings, tls=replace(settings.tls, crl=None))
    findings = found(settings, ends - timedelta(days=days_left))
    assert {finding.level for finding in findings} == ({level} if level else set())
    if level == "warning":
        assert f"expires in {days_left} days" in findings[0].reason


def test_key_03_certificate_of_tomorrow(folder: Path) -> None:
    assert any("not valid before" in error for error in errors(settings_of(folder), NOW - timedelta(days=1)))


def test_weak_key_of_our_own(folder: Path) -> None:
    key = rsa.generate_private_key(65537, 2048)
    pki.write_pem(folder / "pki/server.pem", pki.issue_server(authority(folder), key.public_key(), NOW))
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "pki/server.key").write_bytes(pem)
    settings = settings_of(folder)
    assert any("RSA key of 2048 bits; expected at least 3072" in error for error in errors(settings))
    legacy = replace(settings, tls=replace(settings.tls, legacy_rsa_2048=True))
    assert [str(finding) for finding in found(legacy)] == [
        "warning: tls.legacy_rsa_2048: is below today's recommendation"
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (base64.b64encode(b"x" * 31), "has 31 bytes; expected 32"),
        (base64.b64encode(b"x" * 33), "has 33 bytes; expected 32"),
        (b"", "has 0 bytes"),
        (b"not base64!", "is not base64"),
    ],
)
def test_master_key_of_the_wrong_length(folder: Path, content: bytes, reason: str) -> None:
    (folder / "pki/master.key").write_bytes(content)
    assert [error for error in errors(settings_of(folder)) if reason in error]


BREAK: dict[str, Callable[[Path], object]] = {
    "server.pem": lambda folder: (folder / "pki/server.pem").unlink(),
    "server.key": lambda folder: (folder / "pki/server.key").unlink(),
    "signing.pem": lambda folder: (folder / "pki/signing.pem").write_text("nonsense"),
    "trust.pem": lambda folder: (folder / "pki/trust.pem").write_text("nonsense"),
    "crl.pem": lambda folder: (folder / "pki/crl.pem").unlink(),
    "master.key": lambda folder: (folder / "pki/master.key").unlink(),
    "issuer.pem": lambda folder: (folder / "pki/issuer.pem").unlink(),
    "nodes": lambda folder: (folder / "nodes").rename(folder / "elsewhere"),
    "hospital.toml": lambda folder: (folder / "nodes/hospital.toml").write_text("name ="),
    "hospital.pem": lambda folder: (folder / "nodes/hospital.pem").unlink(),
}


@pytest.mark.parametrize("name", BREAK)
def test_missing_or_broken_file_is_named(folder: Path, name: str) -> None:
    BREAK[name](folder)
    refused = errors(settings_of(folder))
    assert len(refused) == 1
    assert name.removesuffix(".pem") in refused[0]


def test_old_revocation_list_refuses(folder: Path) -> None:
    pki.write_pem(folder / "pki/crl.pem", pki.empty_crl(authority(folder), NOW - timedelta(days=400)))
    assert ["was due for renewal" in error for error in errors(settings_of(folder))] == [True]


# --- environments and switches -------------------------------------------------------------------


def as_prod(folder: Path) -> Settings:
    """The files of a production gateway: our certificates of prod, no partners."""
    ours = pki.create_authority("Prod Authority", "prod", NOW)
    for name, issue in (("server", pki.issue_server), ("signing", None)):
        key = pki.create_key()
        (folder / f"pki/{name}.key").unlink()
        pki.write_key(folder / f"pki/{name}.key", key)
        issued = (
            issue(ours, key.public_key(), NOW)
            if issue
            else pki.issue_signer(ours, name, key.public_key(), NOW)
        )
        pki.write_pem(folder / f"pki/{name}.pem", issued)
    pki.write_pem(folder / "pki/trust.pem", ours.certificate)
    pki.write_pem(folder / "pki/crl.pem", pki.empty_crl(ours, NOW))
    for path in (folder / "nodes").iterdir():
        path.unlink()
    text = (folder / "passerelle.toml").read_text()
    text = text.replace('environment = "integration"', 'environment = "prod"')
    text = re.sub(r"^(.* # integration only)$", r"# \1", text, flags=re.MULTILINE)
    text = text.replace("# servers = []", 'servers = ["ntp.example", "[::1]:1123"]')
    (folder / "passerelle.toml").write_text(text)
    return settings_of(folder)


def test_a_clock_that_nobody_checks_is_told_in_prod(folder: Path) -> None:
    settings = as_prod(folder)
    unchecked = replace(settings, clock=replace(settings.clock, servers=()))
    assert [str(each).partition(": nobody")[0] for each in found(unchecked)] == [
        "warning: clock.servers: none given"
    ]


def test_stamps_need_authorities_that_can_be_read(folder: Path) -> None:
    settings = settings_of(folder)
    asking = replace(settings.stamps, url="http://tsa.example/")
    assert any("stamps.trust" in each for each in errors(replace(settings, stamps=asking)))
    (folder / "tsa.pem").write_text("none")
    unread = replace(asking, trust=folder / "tsa.pem")
    assert any("no certificates" in each for each in errors(replace(settings, stamps=unread)))
    trusting = replace(asking, trust=folder / "pki/trust.pem")
    assert errors(replace(settings, stamps=trusting)) == errors(settings)


def test_the_two_limits_of_the_clock_stand_in_their_order(folder: Path) -> None:
    settings = settings_of(folder)
    crossed = replace(settings.clock, alert_offset_seconds=2.0, most_offset_seconds=1.0)
    assert any("alert_offset_seconds" in each for each in errors(replace(settings, clock=crossed)))


def test_prod_with_its_own_files_is_fine(folder: Path) -> None:
    assert found(as_prod(folder)) == []


def test_ops_04_integration_files_in_prod(folder: Path) -> None:
    settings = replace(settings_of(folder), environment="prod")
    refused = "\n".join(errors(settings))
    for name in ("tls.certificate", "signing.certificate", "tls.trust", "assertions.issuers"):
        assert re.search(rf"{name}.* is of integration, but this is prod", refused), name
    assert "node hospital is of integration, but this is prod" in refused


@pytest.mark.parametrize(
    ("switch", "change"),
    [
        ("tls.crl", lambda settings: replace(settings, tls=replace(settings.tls, crl=None))),
        (
            "assertions.test_issuer_key",
            lambda settings: replace(
                settings, assertions=replace(settings.assertions, test_issuer_key=Path("issuer.key"))
            ),
        ),
        (
            "assertions.test_issuer_certificate",
            lambda settings: replace(
                settings, assertions=replace(settings.assertions, test_issuer_certificate=Path("issuer.pem"))
            ),
        ),
        (
            'directories.professionals = "assumed"',
            lambda settings: replace(settings, directories=Directories(professionals="assumed")),
        ),
        (
            'directories.patients = "assumed"',
            lambda settings: replace(settings, directories=Directories(patients="assumed")),
        ),
        (
            "directories.test_entries",
            lambda settings: replace(settings, directories=Directories(test_entries=Path("test.ldif"))),
        ),
    ],
)
def test_ops_02_insecure_switch_in_prod_is_named(
    folder: Path, switch: str, change: Callable[[Settings], Settings]
) -> None:
    refused = errors(change(as_prod(folder)))
    assert len(refused) == 1
    assert switch in refused[0]
    assert "allowed in integration only" in refused[0]


@pytest.mark.parametrize("switch", ['sign = "optional"', 'assertion = "optional"', 'transactions = ["*"]'])
def test_ops_02_insecure_node_in_prod_is_named(folder: Path, switch: str) -> None:
    settings = as_prod(folder)
    key, value = switch.split(" = ")
    fields = {
        "name": '"partner"',
        "environment": '"prod"',
        "organisation": '"2.999.2"',
        "organisation_name": '"Partner"',
        "transactions": '["ITI-18"]',
        "fingerprints": f'["{"0" * 64}"]',
        key: value,
    }
    text = "\n".join(f"{name} = {field}" for name, field in fields.items())
    (folder / "nodes/partner.toml").write_text(text)
    refused = errors(settings)
    assert len(refused) == 1
    assert switch in refused[0]
    assert "partner.toml" in refused[0]


def test_administration_stays_on_this_machine(folder: Path) -> None:
    settings = settings_of(folder)
    settings = replace(settings, server=replace(settings.server, admin_host="0.0.0.0"))  # noqa: S104
    assert ["server.admin_host" in error for error in errors(settings)] == [True]


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("postgresql://u@localhost/p", True),
        ("postgresql://u@127.0.0.1:5432/p", True),
        ("postgresql:///p?host=/run/postgresql", True),
        ("postgresql://u@db.example/p", False),
        ("postgresql://u@db.example/p?ssl=require", False),
        ("postgresql://u@db.example/p?ssl=verify-full", True),
        ("postgresql+asyncpg://u@db.example/p?sslmode=verify-full", True),
    ],
)
def test_seed_6_database_elsewhere_needs_checked_tls(folder: Path, url: str, accepted: bool) -> None:  # noqa: FBT001
    settings = settings_of(folder)
    settings = replace(settings, database=replace(settings.database, url=url))
    assert (errors(settings) == []) is accepted


def test_certificate_without_a_stamp_is_a_warning(folder: Path) -> None:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gateway")])
    key = pki.create_key()
    ours = authority(folder)
    issued = x509.CertificateBuilder(
        issuer_name=ours.certificate.subject,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=100),
    ).sign(ours.key, pki.hashes.SHA256())
    (folder / "pki/server.key").unlink()
    pki.write_key(folder / "pki/server.key", key)
    pki.write_pem(folder / "pki/server.pem", issued)
    findings = found(settings_of(folder))
    assert [(finding.level, "carries no environment" in finding.reason) for finding in findings] == [
        ("warning", True)
    ]


@pytest.mark.parametrize(
    ("form", "domains", "reason"),
    [
        ("ITI-10", '["*"]', None),
        ("ITI-10", '["2.999.1.1", "2.999.2.1.1", "2.999.3"]', None),
        ("ITI-10", '["2.999.7"]', "2.999.7 is no domain of identifiers"),
        ("ITI-10", '["2.999.4"]', "not among the readers of 2.999.4"),
        ("ITI-64", '["2.999.3"]', "must hold that of the affinity domain"),
        ("ITI-64", '["2.999.1.1", "2.999.3"]', None),
    ],
)
def test_who_is_told_is_told_of_domains_that_it_may_see(
    folder: Path, form: str, domains: str, reason: str | None
) -> None:
    with (folder / "passerelle.toml").open("a") as file:
        file.write('[identity.domains.WARD]\noid = "2.999.3"\n')
        file.write('[identity.domains.LAB]\noid = "2.999.4"\nreaders = ["laboratory"]\n')
    with (folder / "nodes/hospital.toml").open("a") as file:
        file.write(f'[[notify]]\nform = "{form}"\naddress = "mllps://a.example:1"\ndomains = {domains}\n')
    refused = errors(settings_of(folder))
    assert (reason is None) is (refused == [])
    assert all(reason in each for each in refused if reason)
