"""Enrolled nodes: who is let in, who may sign, and how changes of the files are taken up."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.crypto import pki
from gateway.errors import NodeRefused, SettingsInvalid, SignerRefused
from gateway.identity.nodes import NodeDirectory

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
FAR = "192.0.2.7"

TEXT = """name = "{name}"
environment = "{environment}"
organisation = "2.999.2.1"
organisation_name = "Test Hospital"
transactions = ["ITI-18"]
{more}
"""


@dataclass
class Folder:
    """A folder of node files, its directory, the alerts, and a clock to turn."""

    path: Path
    authority: pki.Authority
    alerts: list[SettingsInvalid] = field(default_factory=list)
    seconds: float = 0.0

    def certificate(self, name: str, authority: pki.Authority | None = None) -> bytes:
        """Write NAME.pem; the DER of the certificate."""
        issued = pki.issue_client(
            authority or self.authority, name, "Org", pki.create_key().public_key(), NOW
        )
        pki.write_pem(self.path / f"{name}.pem", issued)
        return issued.public_bytes(Encoding.DER)

    def write(self, name: str, more: str | None = None, environment: str = "integration") -> Path:
        path = self.path / f"{name}.toml"
        more = f'certificate = "{name}.pem"' if more is None else more
        pki.replace_file(path, TEXT.format(name=name, environment=environment, more=more).encode())
        return path

    def enrol(self, name: str, more: str = "") -> bytes:
        der = self.certificate(name)
        self.write(name, f'certificate = "{name}.pem"\n{more}')
        return der

    def directory(self, environment: str = "integration") -> NodeDirectory:
        return NodeDirectory(self.path, environment, alert=self.alerts.append, clock=lambda: self.seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, pki.create_authority("Test", "integration", NOW))


def refusal(directory: NodeDirectory, der: bytes, host: str = FAR, now: datetime = NOW) -> str:
    with pytest.raises(NodeRefused) as refused:
        directory.authenticate(der, host, now)
    return refused.value.detail


def test_enrolled_node_is_known_by_its_certificate(folder: Folder) -> None:
    der = folder.enrol("hospital")
    folder.enrol("laboratory")
    node = folder.directory().authenticate(der, FAR, NOW)
    assert node.name == "hospital"
    assert node.organisation == "2.999.2.1"
    assert node.may_call("ITI-18")
    assert not node.may_call("ITI-41")
    assert node.must_sign
    assert node.must_assert


def test_fingerprint_stands_for_a_certificate(folder: Folder) -> None:
    der = folder.certificate("hospital")
    folder.write("hospital", f'fingerprints = ["{sha256(der).hexdigest()}"]')
    assert folder.directory().authenticate(der, FAR, NOW).name == "hospital"


def test_tls_13_unknown_node_is_refused(folder: Folder) -> None:
    folder.enrol("hospital")
    stranger = folder.certificate("stranger")
    assert refusal(folder.directory(), stranger).endswith("belongs to no enrolled node")


def test_tls_13_blocked_node_is_refused(folder: Folder) -> None:
    der = folder.enrol("hospital", "blocked = true")
    assert refusal(folder.directory(), der) == "node hospital is blocked"


def test_certificate_has_its_time(folder: Folder) -> None:
    der = folder.enrol("hospital")
    directory = folder.directory()
    assert "expired on" in refusal(directory, der, now=NOW + timedelta(days=398))
    assert "not valid before" in refusal(directory, der, now=NOW - timedelta(days=1))


def test_ops_04_certificate_of_another_environment_is_refused(folder: Folder) -> None:
    other = pki.create_authority("Other", "preprod", NOW)
    der = folder.certificate("hospital", other)
    folder.write("hospital")
    assert (
        refusal(folder.directory(), der)
        == "the certificate of node hospital is of preprod, this is integration"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_loopback_only_node_from_this_machine(folder: Folder, host: str) -> None:
    der = folder.enrol("tester", "loopback_only = true")
    assert folder.directory().authenticate(der, host, NOW).loopback_only


@pytest.mark.parametrize("host", [FAR, "2001:db8::1", "::ffff:192.0.2.7", "localhost", ""])
def test_loopback_only_node_from_elsewhere(folder: Folder, host: str) -> None:
    der = folder.enrol("tester", "loopback_only = true")
    assert refusal(folder.directory(), der, host) == "node tester may connect from this machine only"


def test_node_signs_with_its_own_certificates_only(folder: Folder) -> None:
    hospital, laboratory = folder.enrol("hospital"), folder.enrol("laboratory")
    directory = folder.directory()
    node = directory.authenticate(hospital, FAR, NOW)
    directory.trusted_signer(node, hospital, NOW)
    with pytest.raises(SignerRefused, match="not one of node hospital"):
        directory.trusted_signer(node, laboratory, NOW)
    with pytest.raises(SignerRefused, match="expired"):
        directory.trusted_signer(node, hospital, NOW + timedelta(days=398))


def test_node_may_have_a_second_certificate_for_signatures(folder: Folder) -> None:
    der, signing = folder.enrol("hospital"), folder.certificate("signing")
    both = (folder.path / "hospital.pem").read_bytes() + (folder.path / "signing.pem").read_bytes()
    (folder.path / "hospital.pem").write_bytes(both)
    directory = folder.directory()
    directory.trusted_signer(directory.authenticate(der, FAR, NOW), signing, NOW)
    assert len(directory.nodes()[0].fingerprints) == 2


# --- changes -------------------------------------------------------------------------------------


def test_seed_28_block_is_taken_up_within_a_second(folder: Folder) -> None:
    der = folder.enrol("hospital")
    directory = folder.directory()
    folder.write("hospital", 'certificate = "hospital.pem"\nblocked = true')
    assert directory.authenticate(der, FAR, NOW)
    folder.seconds = 1.0
    assert refusal(directory, der) == "node hospital is blocked"
    folder.write("hospital")
    folder.seconds = 2.0
    assert directory.authenticate(der, FAR, NOW)


def test_new_and_removed_files_are_taken_up(folder: Folder) -> None:
    hospital = folder.enrol("hospital")
    directory = folder.directory()
    laboratory = folder.enrol("laboratory")
    (folder.path / "hospital.toml").unlink()
    folder.seconds = 1.0
    assert directory.authenticate(laboratory, FAR, NOW).name == "laboratory"
    assert "no enrolled node" in refusal(directory, hospital)


def test_renewed_certificate_is_taken_up(folder: Folder) -> None:
    old = folder.enrol("hospital")
    directory = folder.directory()
    new = folder.certificate("hospital")
    folder.seconds = 1.0
    assert directory.authenticate(new, FAR, NOW).name == "hospital"
    assert "no enrolled node" in refusal(directory, old)


BREAK: dict[str, Callable[[Folder], object]] = {
    "not TOML": lambda folder: (folder.path / "hospital.toml").write_text("name = "),
    "unknown key": lambda folder: folder.write("hospital", 'certificate = "hospital.pem"\ncolour = "red"'),
    "no certificate": lambda folder: folder.write("hospital", ""),
    "missing certificate": lambda folder: folder.write("hospital", 'certificate = "none.pem"'),
    "broken certificate": lambda folder: (folder.path / "hospital.pem").write_text("nonsense"),
    "other environment": lambda folder: folder.write("hospital", environment="prod"),
}


@pytest.mark.parametrize("kind", BREAK)
def test_broken_file_keeps_the_old_version_and_alerts_once(folder: Folder, kind: str) -> None:
    der = folder.enrol("hospital")
    other = folder.enrol("laboratory")
    directory = folder.directory()
    BREAK[kind](folder)
    for folder.seconds in (1.0, 2.0, 3.0):
        assert directory.authenticate(der, FAR, NOW).name == "hospital"
        assert directory.authenticate(other, FAR, NOW).name == "laboratory"
    assert len(folder.alerts) == 1
    assert "hospital.toml" in str(folder.alerts[0].location)
    folder.enrol("hospital")
    folder.write("laboratory", 'certificate = "laboratory.pem"\nblocked = true')
    folder.seconds = 4.0
    assert "no enrolled node" in refusal(directory, der)
    assert refusal(directory, other) == "node laboratory is blocked"


def test_new_file_cannot_take_over_an_enrolled_certificate(folder: Folder) -> None:
    der = folder.enrol("hospital")
    directory = folder.directory()
    folder.write("a-thief", 'certificate = "hospital.pem"')
    folder.seconds = 1.0
    assert directory.authenticate(der, FAR, NOW).name == "hospital"
    assert len(folder.alerts) == 1


@pytest.mark.parametrize("kind", BREAK)
def test_broken_file_refuses_the_start(folder: Folder, kind: str) -> None:
    folder.enrol("hospital")
    BREAK[kind](folder)
    with pytest.raises(SettingsInvalid) as refused:
        folder.directory()
    assert "hospital.toml" in str(refused.value.location)


@pytest.mark.parametrize("more", ['sign = "optional"', 'assertion = "optional"'])
def test_optional_duties_exist_in_integration_only(tmp_path: Path, more: str) -> None:
    folder = Folder(tmp_path, pki.create_authority("Test", "prod", NOW))
    folder.certificate("hospital")
    folder.write("hospital", f'certificate = "hospital.pem"\n{more}', environment="prod")
    with pytest.raises(SettingsInvalid, match="integration only"):
        folder.directory("prod")


def test_files_are_looked_at_once_a_second_only(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    der = folder.enrol("hospital")
    directory = folder.directory()
    looks: list[object] = []
    real = os.stat
    monkeypatch.setattr(os, "stat", lambda *given, **named: (looks.append(given), real(*given, **named))[1])
    for _ in range(100):
        directory.authenticate(der, FAR, NOW)
    assert looks == []
    folder.seconds = 1.0
    directory.authenticate(der, FAR, NOW)
    assert looks != []


def test_a_node_feeds_the_domains_of_its_file_and_no_others(folder: Folder) -> None:
    folder.enrol("a", 'feeds = ["2.999.1"]')
    node = folder.directory().named("a")
    assert node is not None
    assert node.may_feed("2.999.1")
    assert not node.may_feed("2.999.2")


def test_callback_addresses_are_read_with_the_node(folder: Folder) -> None:
    folder.enrol("a", 'reply_to = ["https://kis.example:9443/callback", "https://[2001:db8::1]"]')
    node = folder.directory().named("a")
    assert node is not None
    assert node.reply_to == ("https://kis.example:9443/callback", "https://[2001:db8::1]")
    assert folder.directory().named("b") is None


@pytest.mark.parametrize(
    "address",
    [
        "http://kis.example/callback",
        "https://user@kis.example/callback",
        "https://kis.example/callback?a=b",
        "https://kis.example/callback#a",
        "https://kis.example/a/../b",
        "https://kis.example/%2e%2e",
        "https://kis.example:0/a",
        "https://kis.example:70000/a",
        "https:///a",
        "https://kis.example/a b",
        "kis.example",
        "",
    ],
)
def test_a_callback_address_with_two_readings_is_refused(folder: Folder, address: str) -> None:
    folder.enrol("a", f'reply_to = ["{address}"]')
    with pytest.raises(SettingsInvalid):
        folder.directory()


NOTIFY = """
[[notify]]
form = "ITI-10"
address = "mllps://pix.example:2576"
domains = ["2.999.3"]
application = "PIX^2.999.4^ISO"
[[notify]]
form = "ITI-93"
address = "https://pix.example/told"
"""


def test_who_is_told_is_read_with_the_node(folder: Folder) -> None:
    folder.enrol("b", NOTIFY)
    folder.enrol("a")
    directory = folder.directory()
    ((first, over_mllp), (second, over_https)) = directory.subscribed()
    assert first.name == second.name == "b"
    assert (over_mllp.form, over_mllp.address) == ("ITI-10", "mllps://pix.example:2576")
    assert (over_mllp.application, over_mllp.facility) == ("PIX^2.999.4^ISO", None)
    assert over_mllp.wants("2.999.3")
    assert not over_mllp.wants("2.999.5")
    assert over_https.wants("2.999.5")
    assert first.takes_notices_at("https://pix.example/told")
    assert not first.takes_notices_at("https://pix.example/told/more")
    assert not first.takes_replies_at("https://pix.example/told")
    assert directory.subscribing() == ()


def test_a_blocked_node_is_told_nothing_within_a_second(folder: Folder) -> None:
    folder.enrol("a", NOTIFY)
    directory = folder.directory()
    assert len(directory.subscribed()) == 2
    folder.write("a", f'certificate = "a.pem"\nblocked = true\n{NOTIFY}')
    folder.seconds = 1.0
    assert directory.subscribed() == ()


def test_who_may_subscribe_is_known(folder: Folder) -> None:
    folder.enrol("a")
    path = folder.path / "a.toml"
    path.write_text(path.read_text().replace('["ITI-18"]', '["ITI-94"]'))
    assert [node.name for node in folder.directory().subscribing()] == ["a"]


@pytest.mark.parametrize(
    ("form", "address"),
    [
        ("ITI-10", "mllp://pix.example:2576"),
        ("ITI-10", "mllps://pix.example"),
        ("ITI-10", "mllps://pix.example:2576/path"),
        ("ITI-10", "mllps://user@pix.example:2576"),
        ("ITI-10", "mllps://pix.example:0"),
        ("ITI-10", "https://pix.example/told"),
        ("ITI-64", "https://pix.example/told"),
        ("ITI-46", "mllps://pix.example:2576"),
        ("ITI-93", "mllps://pix.example:2576"),
        ("ITI-93", "http://pix.example/told"),
        ("ITI-99", "https://pix.example/told"),
    ],
)
def test_an_address_that_does_not_fit_is_refused(folder: Folder, form: str, address: str) -> None:
    folder.enrol("a", f'[[notify]]\nform = "{form}"\naddress = "{address}"\n')
    with pytest.raises(SettingsInvalid):
        folder.directory()
