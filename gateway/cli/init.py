"""Makes a ready configuration folder and keeps its partner nodes: init, enrol, block (ITI-19 enrolment)."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli.persons import CERTIFIED, entries
from gateway.config import Environment, Settings, parse_node, shipped
from gateway.config.certificates import environments_of
from gateway.crypto import pki
from gateway.directory import ldif
from gateway.errors import Malformed, SettingsInvalid
from gateway.policy.matrix import load_policy
from gateway.record.people import SubjectKind

AUTHORITY_FILE, AUTHORITY_KEY = "pki/authority.pem", "pki/authority.key"
_BLOCKED_LINE = re.compile(r"^\s*blocked\s*=.*$", re.MULTILINE)
_TEST_LINE = re.compile(r"^.*# integration only$", re.MULTILINE)
_NODE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """What is written about a node: its organisation, what it may call, and how strictly it is held."""

    name: str
    organisation: str
    organisation_name: str
    transactions: tuple[str, ...]
    feeds: tuple[str, ...] = ("*",)
    sign: str = "required"
    assertion: str = "required"
    bearer_allowed: bool = False
    loopback_only: bool = False


_WRITE = ("ITI-41", "ITI-42", "ITI-57", "ITI-61", "ITI-62", "ITI-86", "ITI-92")
_READ = ("ITI-18", "ITI-43", "ITI-67", "ITI-68")
_ASK = ("ITI-9", "ITI-21", "ITI-22")
_IDENTITIES_IN_FHIR = ("ITI-78", "ITI-83", "ITI-93", "ITI-104", "ITI-119")
TEST_PARTNERS = (
    Partner(
        name="hospital",
        organisation="2.999.2.1",
        organisation_name="Test Hospital",
        transactions=(
            "ITI-8",
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
            "ITI-86",
            "ITI-92",
            "PRS-2",
            *_READ,
            *_ASK,
            *_IDENTITIES_IN_FHIR,
        ),
    ),
    Partner(
        name="laboratory",
        organisation="2.999.2.2",
        organisation_name="Test Laboratory",
        transactions=("ITI-8", "ITI-41"),
    ),
    Partner(
        name="pharmacy",
        organisation="2.999.2.3",
        organisation_name="Test Pharmacy",
        transactions=(*_READ, "ITI-58", "ITI-78", "PRS-2"),
    ),
    Partner(
        name="patient-portal",
        organisation="2.999.2.4",
        organisation_name="Test Patient Portal",
        transactions=(*_READ, "ITI-41", "ITI-108", "PRS-1", "EMG-1", "ITI-81", "JRN-1"),
        bearer_allowed=True,
    ),
    Partner(
        name="identity-desk",
        organisation="2.999.2.6",
        organisation_name="Test Identity Desk",
        transactions=("IDV-1", "IDV-2", "IDV-3", "IDV-4", "ITI-58", "ITI-59", "ITI-78"),
    ),
    Partner(
        name="privacy-desk",
        organisation="2.999.2.7",
        organisation_name="Test Privacy Desk",
        transactions=("EMG-2", "EMG-3", "ITI-81", "ITI-82", "JRN-1"),
    ),
    Partner(
        name="audit-source",
        organisation="2.999.2.5",
        organisation_name="Test Audit Source",
        transactions=("ITI-20",),
    ),
    Partner(
        name="tester",
        organisation="2.999.2.9",
        organisation_name="Test Tools",
        transactions=("*",),
        sign="optional",
        assertion="optional",
        bearer_allowed=True,
        loopback_only=True,
    ),
)

_ELSEWHERE = {"2.999.9.1": "Conformance Organisation"}
"""Organisations that act through the node of another one."""


def create(directory: Path, environment: Environment, *, now: datetime | None = None) -> None:
    """A new configuration folder: in integration with a test authority and partners, else our keys only.

    Outside integration two certificate requests (server.csr, signing.csr) wait for the authority of that
    environment, which also gives trust.pem and crl.pem.
    """
    at = now or datetime.now(UTC)
    if (directory / "passerelle.toml").exists():
        raise SettingsInvalid(
            "is already there; nothing was changed", location=str(directory / "passerelle.toml")
        )
    for folder in (
        directory,
        directory / "pki",
        directory / "nodes",
        directory / "data",
        directory / "data/content",
    ):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    pki.write_secret(directory / "pki/master.key", base64.b64encode(secrets.token_bytes(32)) + b"\n")
    if environment == "integration":
        _integration(directory, at)
    else:
        _requests(directory, environment)
    shutil.copytree(shipped("affinity"), directory / "affinity", dirs_exist_ok=True)
    (directory / "passerelle.toml").write_text(_configuration(environment), encoding="utf-8")


def _integration(directory: Path, at: datetime) -> None:
    """A test authority, everything it signs, and the test partners."""
    folder = directory / "pki"
    authority = pki.create_authority("Passerelle Test Authority", "integration", at)
    pki.write_key(directory / AUTHORITY_KEY, authority.key)
    pki.write_pem(directory / AUTHORITY_FILE, authority.certificate)
    pki.write_pem(folder / "trust.pem", authority.certificate)
    pki.write_pem(folder / "crl.pem", pki.empty_crl(authority, at))
    _write_pair(folder / "server", key := pki.create_key(), pki.issue_server(authority, key.public_key(), at))
    for name in ("signing", "issuer"):
        key = pki.create_key()
        _write_pair(
            folder / name, key, pki.issue_signer(authority, f"Passerelle {name}", key.public_key(), at)
        )
    (folder / "clients").mkdir(mode=0o700)
    for partner in TEST_PARTNERS:
        key = pki.create_key()
        certificate = pki.issue_client(
            authority, partner.name, partner.organisation_name, key.public_key(), at
        )
        _write_pair(folder / "clients" / partner.name, key, certificate)
        _write_node(directory / "nodes", partner, "integration", certificate)
    _test_directory(directory / "directory", _test_people(folder / "people", authority, at))


def _test_people(folder: Path, authority: pki.Authority, at: datetime) -> dict[str, bytes]:
    """A key and certificate of their own for the professionals, by which they log in; DER by uid."""
    folder.mkdir(mode=0o700)
    issued = {}
    for uid, name in CERTIFIED:
        key = pki.create_key()
        certificate = pki.issue_client(authority, uid, name, key.public_key(), at)
        _write_pair(folder / uid, key, certificate)
        issued[uid] = certificate.public_bytes(Encoding.DER)
    return issued


def _test_directory(folder: Path, certificates: Mapping[str, bytes]) -> None:
    """Somebody for each role of professionals, and the organisations of the test partners."""
    policy = load_policy(shipped("policy"), environment="integration")
    roles = {
        rule.name: str(rule.code) for rule in policy.roles.values() if SubjectKind.PROFESSIONAL in rule.kinds
    }
    known = {each.organisation: each.organisation_name for each in TEST_PARTNERS}
    folder.mkdir(mode=0o700)
    (folder / "test.ldif").write_text(
        ldif.write(entries(roles, (known | _ELSEWHERE).items(), certificates)), encoding="utf-8"
    )


def _write_pair(stem: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
    pki.write_key(stem.with_name(f"{stem.name}.key"), key)
    pki.write_pem(stem.with_name(f"{stem.name}.pem"), certificate)


def _requests(directory: Path, environment: str) -> None:
    """Our own two keys, and a certificate request for each."""
    for name, hosts in (("server", ("localhost",)), ("signing", ())):
        key = pki.create_key()
        pki.write_key(directory / f"pki/{name}.key", key)
        request = pki.create_csr(key, f"passerelle-{name}", environment, hosts)
        (directory / f"pki/{name}.csr").write_bytes(request)


def _configuration(environment: str) -> str:
    """The shipped example; elsewhere than in integration its lines "integration only" become comments."""
    text = _with_values(shipped("passerelle.toml"), {"environment": _string(environment)})
    if environment == "integration":
        return text
    return _TEST_LINE.sub(r"# \g<0>", text)


def _with_values(example: Path, values: Mapping[str, str]) -> str:
    """An example file in which the given keys have these values, written as TOML."""
    text = example.read_text(encoding="utf-8")
    for key, value in values.items():
        line = f"{key} = {value}"
        text = re.sub(rf"^{key} = .*$", lambda _: line, text, count=1, flags=re.MULTILINE)  # noqa: B023
    return text


# --- partner nodes -------------------------------------------------------------------------------


def enrol(
    settings: Settings,
    partner: Partner,
    *,
    csr: Path | None = None,
    certificate: Path | None = None,
    now: datetime | None = None,
) -> Path:
    """Enrol a node by certificate request (signed by the local authority) or by its own certificate.

    Returns the node file; the certificate lies beside it. The server takes it up within a second.
    """
    if (csr is None) == (certificate is None):
        raise SettingsInvalid("expected either a certificate request or a certificate")
    if not _NODE_NAME.fullmatch(partner.name):
        raise SettingsInvalid("a node name has letters, digits, dot, underscore and hyphen only")
    if (settings.nodes.directory / f"{partner.name}.toml").exists():
        raise SettingsInvalid(f"node {partner.name} is already enrolled")
    if csr is not None:
        issued = _sign(settings, partner, csr.read_bytes(), now or datetime.now(UTC))
    else:
        issued = _foreign(settings, (certificate or Path()).read_bytes())
    return _write_node(settings.nodes.directory, partner, settings.environment, issued)


def _sign(settings: Settings, partner: Partner, request: bytes, at: datetime) -> x509.Certificate:
    pki.refuse_private_key(request)
    key = settings.folder / AUTHORITY_KEY
    if not key.is_file():
        raise SettingsInvalid(
            "there is no local authority here; enrol a certificate that your authority signed"
        )
    authority = pki.load_authority(settings.folder / AUTHORITY_FILE, key, settings.environment)
    return pki.sign_csr(
        authority,
        request,
        name=partner.name,
        organisation=partner.organisation_name,
        now=at,
        legacy_rsa_2048=settings.tls.legacy_rsa_2048,
    )


def _foreign(settings: Settings, data: bytes) -> x509.Certificate:
    pki.refuse_private_key(data)
    try:
        issued = x509.load_pem_x509_certificate(data)
    except ValueError as error:
        raise Malformed("not a certificate in PEM") from error
    pki.acceptable_key(issued.public_key(), legacy_rsa_2048=settings.tls.legacy_rsa_2048)
    stamped = environments_of(issued)
    if stamped and stamped != {settings.environment}:
        raise SettingsInvalid(
            f"the certificate is of {', '.join(sorted(stamped))}, this is {settings.environment}"
        )
    return issued


def _write_node(folder: Path, partner: Partner, environment: str, certificate: x509.Certificate) -> Path:
    path = folder / f"{partner.name}.toml"
    text = _node_text(partner, environment)
    parse_node(text, path)
    pki.write_pem(folder / f"{partner.name}.pem", certificate)
    pki.replace_file(path, text.encode())
    return path


def _node_text(partner: Partner, environment: str) -> str:
    values = {
        "name": _string(partner.name),
        "environment": _string(environment),
        "organisation": _string(partner.organisation),
        "organisation_name": _string(partner.organisation_name),
        "transactions": _list(partner.transactions),
        "feeds": _list(partner.feeds),
        "certificate": _string(f"{partner.name}.pem"),
        "sign": _string(partner.sign),
        "assertion": _string(partner.assertion),
        "bearer_allowed": _flag(on=partner.bearer_allowed),
        "loopback_only": _flag(on=partner.loopback_only),
    }
    return _with_values(shipped("nodes/example.toml"), values)


def _string(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _list(values: Iterable[str]) -> str:
    return "[" + ", ".join(_string(value) for value in values) + "]"


def _flag(*, on: bool) -> str:
    return "true" if on else "false"


def block(settings: Settings, name: str, *, blocked: bool = True) -> Path:
    """Block a node, or let it in again; a running server obeys within a second, on all workers."""
    path = settings.nodes.directory / f"{name}.toml"
    if not _NODE_NAME.fullmatch(name) or not path.is_file():
        raise SettingsInvalid(f"no node file of this name in {os.fspath(settings.nodes.directory)}")
    text = path.read_text(encoding="utf-8")
    line = f"blocked = {_flag(on=blocked)}"
    text = _BLOCKED_LINE.sub(line, text) if _BLOCKED_LINE.search(text) else f"{text.rstrip()}\n{line}\n"
    parse_node(text, path)
    pki.replace_file(path, text.encode())
    return path
