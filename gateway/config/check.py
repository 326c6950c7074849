"""Refuses a configuration that is unsafe or cannot work, before anything listens (KEY-03, OPS-02, OPS-04)."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway.config.affinity import load_affinity
from gateway.config.certificates import environments_of, open_to_others
from gateway.config.nodes import ANY_DOMAIN, NodeFile, NotifyEntry, load_node
from gateway.config.operators import wrong
from gateway.config.settings import Settings
from gateway.errors import SettingsInvalid

RENEWAL = timedelta(days=14)
MASTER_KEY_BYTES = 32
RSA_MINIMUM, RSA_LEGACY_MINIMUM, CURVE_MINIMUM = 3072, 2048, 256


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong. An "error" refuses the start, a "warning" is told to the operator."""

    level: Literal["error", "warning"]
    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.level}: {self.location}: {self.reason}"


Findings = Iterator[Finding]


def check(settings: Settings, *, now: datetime | None = None) -> list[Finding]:
    """Everything that is wrong with these settings and the files they name, errors first."""
    at = now or datetime.now(UTC)
    parts: tuple[Callable[[], Findings], ...] = (
        lambda: _own_pair(settings, "tls", settings.tls.certificate, settings.tls.key, at),
        lambda: _own_pair(settings, "signing", settings.signing.certificate, settings.signing.key, at),
        lambda: _trust(settings, at),
        lambda: _crl(settings, at),
        lambda: _master_key(settings),
        lambda: _issuers(settings, at),
        lambda: _switches(settings),
        lambda: _proofs(settings),
        lambda: _operators(settings),
        lambda: _database(settings),
        lambda: _folders(settings),
        lambda: _affinity(settings),
        lambda: _nodes(settings),
    )
    findings = [finding for part in parts for finding in part()]
    return sorted(findings, key=lambda finding: finding.level)


def _error(location: object, reason: str) -> Finding:
    return Finding("error", str(location), reason)


def _warning(location: object, reason: str) -> Finding:
    return Finding("warning", str(location), reason)


# --- our own certificates and keys ---------------------------------------------------------------


def _own_pair(settings: Settings, section: str, certificate: Path, key: Path, at: datetime) -> Findings:
    """A certificate and its key: there, private, matching, of this environment, strong and not expired."""
    missing = [path for path in (certificate, key) if not path.is_file()]
    if missing:
        yield from (_error(f"{section}: {path}", "file not found") for path in missing)
        return
    if open_to_others(key):
        yield _error(f"{section}.key: {key}", "the key file is open to group or others; expected mode 0600")
    try:
        leaf = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except (ValueError, TypeError):
        yield _error(
            f"{section}: {certificate}", "certificate or key is not usable PEM without a pass phrase"
        )
        return
    if _public_bytes(private.public_key()) != _public_bytes(leaf.public_key()):
        yield _error(f"{section}.key: {key}", "the key does not belong to the certificate")
    yield from _strength(settings, f"{section}.certificate: {certificate}", leaf)
    yield from _validity(f"{section}.certificate: {certificate}", leaf, at)
    yield from _stamp(settings, f"{section}.certificate: {certificate}", leaf)


def _public_bytes(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]  # every public key type has it
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _strength(settings: Settings, location: str, leaf: x509.Certificate) -> Findings:
    key = leaf.public_key()
    least = RSA_LEGACY_MINIMUM if settings.tls.legacy_rsa_2048 else RSA_MINIMUM
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < least:
        yield _error(location, f"RSA key of {key.key_size} bits; expected at least {least}")
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.key_size < CURVE_MINIMUM:
        yield _error(location, f"curve of {key.curve.key_size} bits; expected at least {CURVE_MINIMUM}")


def _validity(location: str, leaf: x509.Certificate, at: datetime) -> Findings:
    if at < leaf.not_valid_before_utc:
        yield _error(location, f"not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M}Z")
    if at >= leaf.not_valid_after_utc:
        yield _error(location, f"expired on {leaf.not_valid_after_utc:%Y-%m-%d}")
    elif at > leaf.not_valid_after_utc - RENEWAL:
        yield _warning(location, f"expires in {(leaf.not_valid_after_utc - at).days} days; renew it now")


def _stamp(settings: Settings, location: str, leaf: x509.Certificate) -> Findings:
    if not environments_of(leaf):
        yield _warning(location, "carries no environment; expected OU or URI name of this environment")
    yield from _foreign_stamp(settings, location, leaf)


def _foreign_stamp(settings: Settings, location: str, certificate: x509.Certificate) -> Findings:
    stamped = environments_of(certificate)
    if stamped and stamped != {settings.environment}:
        yield _error(location, f"is of {', '.join(sorted(stamped))}, but this is {settings.environment}")


def _trust(settings: Settings, at: datetime) -> Findings:
    path = settings.tls.trust
    try:
        authorities = x509.load_pem_x509_certificates(path.read_bytes())
    except OSError:
        yield _error(f"tls.trust: {path}", "file not found")
        return
    except ValueError:
        yield _error(f"tls.trust: {path}", "holds no usable PEM certificate")
        return
    for authority in authorities:
        name = authority.subject.rfc4514_string()
        if at >= authority.not_valid_after_utc:
            yield _warning(
                f"tls.trust: {path}", f"{name} expired on {authority.not_valid_after_utc:%Y-%m-%d}"
            )
        yield from _foreign_stamp(settings, f"tls.trust: {path}", authority)


def _crl(settings: Settings, at: datetime) -> Findings:
    path = settings.tls.crl
    if path is None:
        return
    try:
        crl = x509.load_pem_x509_crl(path.read_bytes())
    except OSError:
        yield _error(f"tls.crl: {path}", "file not found")
        return
    except ValueError:
        yield _error(f"tls.crl: {path}", "is no usable PEM revocation list")
        return
    if crl.next_update_utc is not None and crl.next_update_utc <= at:
        yield _error(f"tls.crl: {path}", f"was due for renewal on {crl.next_update_utc:%Y-%m-%d}")


def _master_key(settings: Settings) -> Findings:
    path = settings.content.master_key
    location = f"content.master_key: {path}"
    if not path.is_file():
        yield _error(location, "file not found")
        return
    if open_to_others(path):
        yield _error(location, "the key file is open to group or others; expected mode 0600")
    try:
        # One key, or after a rotation a line for each with its version before it, and the base of others.
        lines = [line.split() for line in path.read_bytes().splitlines() if line.strip()]
        keys = [line[-1] for line in lines if line[0] != b"base"]
        sizes = [len(base64.b64decode(key, validate=True)) for key in keys]
    except binascii.Error:
        yield _error(location, "is not base64")
        return
    if not sizes or any(size != MASTER_KEY_BYTES for size in sizes):
        told = sizes[0] if sizes else 0
        yield _error(location, f"has {told} bytes; expected {MASTER_KEY_BYTES}")


def _issuers(settings: Settings, at: datetime) -> Findings:
    for issuer in settings.assertions.issuers:
        for path in (issuer.certificate, issuer.previous, issuer.metadata_signer, issuer.trust):
            if path is not None:
                yield from _issuer_certificates(settings, path, at)
        for path in (issuer.metadata, issuer.jwks):
            if path is not None and not path.is_file():
                yield _error(f"assertions.issuers: {path}", "file not found")
        if "RS256" in issuer.algorithms:
            yield _warning(f"assertions.issuers: {issuer.entity_id}", "RS256 is below today's recommendation")
    for name in ("test_issuer_key", "decryption_key"):
        key: Path | None = getattr(settings.assertions, name)
        if key is not None and key.is_file() and open_to_others(key):
            yield _error(f"assertions.{name}: {key}", "the key file is open to group or others")


def _issuer_certificates(settings: Settings, path: Path, at: datetime) -> Findings:
    location = f"assertions.issuers: {path}"
    try:
        certificates = x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError):
        yield _error(location, "no usable PEM certificate")
        return
    for certificate in certificates:
        yield from _validity(location, certificate, at)
        yield from _foreign_stamp(settings, location, certificate)


# --- switches, database, folders, nodes ----------------------------------------------------------


def _switches(settings: Settings) -> Findings:
    """Insecure switches, each by its name; they belong to the integration environment."""
    integration_only = {
        "assertions.test_issuer_key": settings.assertions.test_issuer_key is not None,
        "assertions.test_issuer_certificate": settings.assertions.test_issuer_certificate is not None,
        "tls.crl (none given)": settings.tls.crl is None,
        'directories.professionals = "assumed"': settings.directories.professionals == "assumed",
        'directories.patients = "assumed"': settings.directories.patients == "assumed",
        "directories.test_entries": settings.directories.test_entries is not None,
    }
    doubtful = {
        "tls.legacy_rsa_2048": settings.tls.legacy_rsa_2048,
        "tls.interoperability_aes_128": settings.tls.interoperability_aes_128,
    }
    if settings.environment != "integration":
        named = [name for name, on in integration_only.items() if on]
        yield from (
            _error(name, f"is allowed in integration only, and this is {settings.environment}")
            for name in named
        )
    yield from (_warning(name, "is below today's recommendation") for name, on in doubtful.items() if on)


def _proofs(settings: Settings) -> Findings:
    """Stamps need somebody whom they are believed; outside integration the clock is compared with others."""
    stamps, clock = settings.stamps, settings.clock
    if stamps.url is not None and stamps.trust is None:
        yield _error("stamps.trust", "is missing; expected the authorities of the time stamps")
    elif stamps.trust is not None:
        try:
            x509.load_pem_x509_certificates(stamps.trust.read_bytes())
        except (OSError, ValueError):
            yield _error(f"stamps.trust: {stamps.trust}", "holds no certificates in PEM")
    if clock.alert_offset_seconds > clock.most_offset_seconds:
        yield _error("clock.alert_offset_seconds", "is above most_offset_seconds")
    if settings.environment != "integration" and not clock.servers:
        yield _warning("clock.servers", "none given: nobody notices when the clock of this machine is wrong")


def _operators(settings: Settings) -> Findings:
    """Whoever administers over a network is known by certificate, directory and second factor."""
    told = settings.operators
    if not _loopback(settings.server.admin_host) and not told.configured:
        yield _error("server.admin_host", "must be a loopback address where no [operators] are configured")
    secret = told.bind_password_file
    if secret is not None and secret.is_file() and open_to_others(secret):
        yield _error(f"operators.bind_password_file: {secret}", "is open to group or others")
    yield from (_error(f"operators.{key}", reason) for key, reason in wrong(told, settings.environment))


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _database(settings: Settings) -> Findings:
    """A database on another machine needs TLS with a checked name (data in motion)."""
    parts = urlsplit(settings.database.url)
    if not parts.scheme.startswith("postgresql") or not parts.hostname or _loopback(parts.hostname):
        return
    options = parse_qs(parts.query)
    mode = (options.get("sslmode") or options.get("ssl") or [""])[0]
    if mode != "verify-full":
        yield _error("database.url", "a database on another host needs ssl=verify-full")


def _folders(settings: Settings) -> Findings:
    for name, path in (
        ("policy.directory", settings.policy.directory),
        ("domain.affinity", settings.domain.affinity),
        ("nodes.directory", settings.nodes.directory),
    ):
        if not path.is_dir():
            yield _error(f"{name}: {path}", "folder not found")


def _affinity(settings: Settings) -> Findings:
    try:
        load_affinity(settings.domain.affinity)
    except SettingsInvalid as error:
        yield _error(error.location, error.detail)


def _nodes(settings: Settings) -> Findings:
    for path in sorted(settings.nodes.directory.glob("*.toml")):
        try:
            node = load_node(path)
        except SettingsInvalid as error:
            yield _error(error.location, error.detail)
            continue
        yield from _node(settings, path, node)


def _node(settings: Settings, path: Path, node: NodeFile) -> Findings:
    if node.environment != settings.environment:
        yield _error(path, f"node {node.name} is of {node.environment}, but this is {settings.environment}")
    if settings.environment != "integration":
        yield from (
            _error(path, f"{switch} is allowed in integration only") for switch in node.insecure_switches()
        )
    if node.certificate is None and not node.fingerprints:
        yield _error(path, f"node {node.name} has neither certificate nor fingerprints")
    if node.certificate is not None and not node.certificate.is_file():
        yield _error(path, f"node {node.name}: certificate file not found")
    for entry in node.notify:
        yield from _notified(settings, path, node, entry)


def _notified(settings: Settings, path: Path, node: NodeFile, entry: NotifyEntry) -> Findings:
    """Domains of interest are known, and the node may see them; else it would never be told of them."""
    place = f"node {node.name}: notify {entry.form} {entry.address}"
    known = set(settings.domain.assigning_authorities.values())
    readers = {each.oid: each.readers for each in settings.identity.domains.values()}
    for root in sorted(entry.domains - {ANY_DOMAIN}):
        if root not in known and root not in readers:
            yield _error(path, f"{place}: {root} is no domain of identifiers of this installation")
        elif root in readers and not readers[root] & {node.name, ANY_DOMAIN}:
            yield _error(path, f"{place}: the node is not among the readers of {root}")
    affinity = {settings.domain.affinity_oid, ANY_DOMAIN}
    if entry.form == "ITI-64" and not entry.domains & affinity:
        yield _error(path, f"{place}: the domains must hold that of the affinity domain")
