"""Reading passerelle.toml: defaults, paths, and errors that name file, line and reason."""

import re
import tomllib
from dataclasses import FrozenInstanceError, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.config import Limits, Settings, load, load_node, shipped
from gateway.errors import SettingsInvalid

MINIMUM = 'environment = "integration"\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "passerelle.toml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, text: str) -> tuple[int, str]:
    """Line and reason."""
    path = written(folder, text)
    with pytest.raises(SettingsInvalid) as error:
        load(path)
    file, _, line = str(error.value.location).rpartition(":")
    assert file == str(path)
    return int(line), error.value.detail


def test_environment_is_enough(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MINIMUM))
    assert settings.server.port == 8443
    assert settings.limits == Limits()
    assert settings.folder == tmp_path


def test_every_path_lies_below_the_folder_of_the_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MINIMUM + '[tls]\ncrl = "pki/crl.pem"\nkey = "/etc/own.key"\n'))
    assert settings.tls.crl == tmp_path / "pki/crl.pem"
    assert settings.tls.certificate == tmp_path / "pki/server.pem"
    assert str(settings.tls.key) == "/etc/own.key"
    assert settings.signing.key == tmp_path / "pki/signing.key"
    assert settings.nodes.directory == tmp_path / "nodes"
    assert settings.database.url == f"sqlite:///{tmp_path}/data/passerelle.db"
    assert settings.policy.directory == shipped("policy")


def test_absolute_database_stays(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MINIMUM + '[database]\nurl = "sqlite:////var/p.db"\n'))
    assert settings.database.url == "sqlite:////var/p.db"


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MINIMUM))
    with pytest.raises(FrozenInstanceError):
        settings.server.port = 1  # type: ignore[misc]


def test_affinity_domain_is_always_an_accepted_authority(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MINIMUM + '[domain.patient_roots]\nHOSPITAL = "2.999.7"\n'))
    assert settings.domain.assigning_authorities == {"PASSERELLE": "2.999.1.1", "HOSPITAL": "2.999.7"}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("", 1, "environment: Field required"),
        ('environment = "test"\n', 1, "environment: Input should be"),
        (MINIMUM + "\n[server]\nport = 70000\n", 4, "server.port: Input should be less than"),
        (
            MINIMUM + "\n[server]\nhost = '::1'\nport = '1'\n",
            5,
            "server.port: Input should be a valid integer",
        ),
        (MINIMUM + "[server]\n\n# why\nprot = 1\n", 5, "server.prot: Unexpected keyword"),
        (MINIMUM + "[tsl]\n", 2, "tsl: Unexpected keyword"),
        (
            MINIMUM + "[tls]\nlegacy_rsa_2048 = 'yes'\n",
            3,
            "tls.legacy_rsa_2048: Input should be a valid bool",
        ),
        (MINIMUM + "[domain]\naffinity_oid = '1.02.3'\n", 3, "domain.affinity_oid: String should match"),
        (MINIMUM + "[domain.patient_roots]\nA = '2.999'\nB = 'x'\n", 4, "domain.patient_roots.B: String"),
        (MINIMUM + "domain.home_community_id = 'x'\n", 2, "domain.home_community_id: String"),
        (MINIMUM + "[limits]\nxml_depth = 0\n", 3, "limits.xml_depth: Input should be greater"),
        (
            MINIMUM + "[limits]\nrequest_seconds = inf\n",
            3,
            "limits.request_seconds: Input should be a finite",
        ),
        (MINIMUM + "[database]\nurl = 'mysql://x'\n", 3, "database.url: String should match"),
        (MINIMUM + "[server]\npublic_url = 'http://x'\n", 3, "server.public_url: String should match"),
        (MINIMUM + "folder = '/'\n", 2, "folder: unknown setting"),
        (
            MINIMUM
            + "[[assertions.issuers]]\nentity_id='a'\ncertificate='a'\n\n"
            + "[[assertions.issuers]]\nentity_id='b'\n",
            6,
            "assertions.issuers[1]: Value error, expected one of certificate, metadata, jwks, discovery",
        ),
        (MINIMUM + "[server\nport = 1\n", 2, "not valid TOML"),
        (MINIMUM + "a = 1\na = 2\n", 3, "not valid TOML"),
        (MINIMUM + "[server]\nport = 8\nport = 9\n", 4, "not valid TOML"),
        (MINIMUM + "x = [1,\n", 3, "not valid TOML"),
    ],
)
def test_error_names_line_and_reason(tmp_path: Path, text: str, line: int, reason: str) -> None:
    found_line, found_reason = refused(tmp_path, text)
    assert found_reason.startswith(reason)
    assert found_line == line


def test_error_never_shows_the_value(tmp_path: Path) -> None:
    _, reason = refused(tmp_path, MINIMUM + "[database]\nurl = 'mysql://me:secret@host/db'\n")
    assert "secret" not in reason


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="No such file") as error:
        load(tmp_path / "none.toml")
    assert error.value.location == str(tmp_path / "none.toml")


def test_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "passerelle.toml"
    path.write_bytes(b'environment = "\xff"')
    with pytest.raises(SettingsInvalid, match="UTF-8"):
        load(path)


# --- the shipped example -------------------------------------------------------------------------


def test_shipped_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    """Without its comment sign, every line "# key = value" is a setting that exists, at its default."""
    text = shipped("passerelle.toml").read_text(encoding="utf-8")
    plain = load(written(tmp_path, MINIMUM))
    spoken = re.sub(r"^# ([a-z_0-9]+ = .*)$", r"\1", text, flags=re.MULTILINE)
    given = tomllib.loads(spoken)
    for section in fields(Settings):
        if section.name in {"environment", "folder"}:
            continue
        values = given.pop(section.name)
        default = getattr(plain, section.name)
        assert set(values) == {field.name for field in fields(default)}, section.name
        for name, value in values.items():
            assert_shown(f"{section.name}.{name}", value, getattr(default, name))
    assert given == {"environment": "integration"}


NOT_AT_DEFAULT = {
    "tls.crl",
    "signing.previous",
    "stamps.url",
    "stamps.trust",
    "stamps.policy",
    "assertions.decryption_key",
    "policy.directory",
    "domain.patient_roots",
    "identity.domains",
    "assertions.test_issuer_key",
    "assertions.test_issuer_certificate",
    "assertions.issuers",
    "operators.trust",
    "repository.udp_port",
    "operators.bind_password_file",
    "tokens.audiences",
    "tokens.identity_providers",
    "directories.test_entries",
    "directories.authorities",
}


def assert_shown(name: str, value: Any, default: Any) -> None:
    if name in NOT_AT_DEFAULT or isinstance(default, Path) or name == "database.url":
        return
    assert (tuple(value) if isinstance(value, list) else value) == default, name


def test_shipped_example_is_read(tmp_path: Path) -> None:
    settings = load(written(tmp_path, shipped("passerelle.toml").read_text(encoding="utf-8")))
    assert settings.environment == "integration"
    assert is_dataclass(settings)
    assert [issuer.entity_id for issuer in settings.assertions.issuers] == [
        "urn:passerelle:issuer:integration"
    ]


def test_shipped_node_is_read_and_strict() -> None:
    node = load_node(shipped("nodes/example.toml"))
    assert node.transactions == {"ITI-18", "ITI-43"}
    assert node.insecure_switches() == ()
    assert {field.name for field in fields(node)} == set(
        re.findall(r"^(?:# )?([a-z_]+) = ", shipped("nodes/example.toml").read_text(), flags=re.MULTILINE)
    )
