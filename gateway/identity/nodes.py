"""The enrolled partner systems and who may speak for them (ITI-19 Authenticate Node, ITI TF-2: 3.19)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from gateway.config import NodeFile, load_node
from gateway.config.certificates import environments_of
from gateway.errors import NodeRefused, SettingsInvalid, SignerRefused
from gateway.record.people import Node, Subscriber
from gateway.record.subscriptions import TRANSACTION

RECHECK_SECONDS = 1.0

Stamp = tuple[int, int, int]
Alert = Callable[[SettingsInvalid], None]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One node file as last read well, and the state of the files it came from."""

    node: Node
    stamps: tuple[tuple[Path, Stamp | None], ...]


@dataclass(frozen=True, slots=True)
class _Certificate:
    """What must hold at each use of an enrolled certificate."""

    starts: datetime
    ends: datetime
    environments: frozenset[str]


@dataclass(slots=True)
class _View:
    """One consistent reading of the folder; replaced as a whole."""

    entries: dict[Path, _Entry]
    by_fingerprint: dict[str, Node]
    subscribed: tuple[tuple[Node, Subscriber], ...] = ()
    subscribing: tuple[Node, ...] = ()
    certificates: dict[str, _Certificate] = field(default_factory=dict)


class NodeDirectory:
    """The nodes of one environment, read from a folder and re-read when its files change.

    A file that breaks after the start keeps its last good version and is told to `alert`, once.
    """

    def __init__(
        self,
        folder: Path,
        environment: str,
        *,
        alert: Alert,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._alert = alert
        self._clock = clock
        self._broken: dict[Path, tuple[tuple[Path, Stamp | None], ...]] = {}
        self._view = _view({path: self._read(path) for path in self._files()}, _refuse)
        self._next_check = clock() + RECHECK_SECONDS

    def authenticate(self, der: bytes, peer_host: str, now: datetime) -> Node:
        """The node that owns a TLS client certificate; the chain is already checked by TLS."""
        self._refresh()
        fingerprint = sha256(der).hexdigest()
        node = self._view.by_fingerprint.get(fingerprint)
        if node is None:
            raise NodeRefused(f"certificate {fingerprint[:16]} belongs to no enrolled node")
        if node.blocked:
            raise NodeRefused(f"node {node.name} is blocked")
        if node.loopback_only and not _is_loopback(peer_host):
            raise NodeRefused(f"node {node.name} may connect from this machine only")
        self._check_certificate(node, fingerprint, der, now)
        return node

    def trusted_signer(self, node: Node, der: bytes, now: datetime) -> None:
        """Raise SignerRefused unless the certificate is one of this node's own, valid now."""
        fingerprint = sha256(der).hexdigest()
        if fingerprint not in node.fingerprints:
            raise SignerRefused(f"the signing certificate is not one of node {node.name}")
        try:
            self._check_certificate(node, fingerprint, der, now)
        except NodeRefused as error:
            raise SignerRefused(error.detail) from error

    def named(self, name: str) -> Node | None:
        """The enrolled node of this name, blocked or not."""
        return next((node for node in self.nodes() if node.name == name), None)

    def nodes(self) -> tuple[Node, ...]:
        """Every enrolled node, by name."""
        self._refresh()
        return tuple(
            sorted((entry.node for entry in self._view.entries.values()), key=lambda node: node.name)
        )

    def subscribed(self) -> tuple[tuple[Node, Subscriber], ...]:
        """Who is told of changed persons, by name of the node; no blocked nodes."""
        self._refresh()
        return self._view.subscribed

    def subscribing(self) -> tuple[Node, ...]:
        """Nodes that may ask to be told themselves (ITI-94); no blocked ones."""
        self._refresh()
        return self._view.subscribing

    def _check_certificate(self, node: Node, fingerprint: str, der: bytes, now: datetime) -> None:
        known = self._view.certificates.get(fingerprint)
        if known is None:
            known = self._view.certificates[fingerprint] = _certificate(der)
        if now < known.starts:
            raise NodeRefused(
                f"the certificate of node {node.name} is not valid before {known.starts:%Y-%m-%d}"
            )
        if now >= known.ends:
            raise NodeRefused(f"the certificate of node {node.name} expired on {known.ends:%Y-%m-%d}")
        if known.environments and known.environments != {self._environment}:
            stamped = ", ".join(sorted(known.environments))
            raise NodeRefused(
                f"the certificate of node {node.name} is of {stamped}, this is {self._environment}"
            )

    # --- the folder ---

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.toml"))

    def _refresh(self) -> None:
        at = self._clock()
        if at < self._next_check:
            return
        self._next_check = at + RECHECK_SECONDS
        known = self._view.entries
        fresh = {path: entry for path in self._files() if (entry := self._current(path)) is not None}
        if fresh == known:
            return
        # What did not change goes first, so that no new file takes the place of an enrolled node.
        order = sorted(fresh, key=lambda path: (fresh[path] is not known.get(path), path))
        self._view = _view({path: fresh[path] for path in order}, self._tell)

    def _current(self, path: Path) -> _Entry | None:
        """The entry of a file: the known one while nothing changed or the change is broken."""
        known = self._view.entries.get(path)
        if known is not None and _stamps(paths for paths, _ in known.stamps) == known.stamps:
            return known
        try:
            return self._read(path)
        except SettingsInvalid as error:
            self._tell(path, error)
            return known

    def _tell(self, path: Path, error: SettingsInvalid) -> None:
        state = _stamps([path])
        if self._broken.get(path) != state:
            self._broken[path] = state
            self._alert(error)

    def _read(self, path: Path) -> _Entry:
        before = _stamps([path])
        file = load_node(path)
        _permitted(file, path, self._environment)
        sources = [path] if file.certificate is None else [path, file.certificate]
        fingerprints = file.fingerprints | _fingerprints(file, path)
        stamps = before + _stamps(sources[1:])
        return _Entry(_node(file, fingerprints), stamps)


def _refuse(_path: Path, error: SettingsInvalid) -> None:
    raise error


def _view(entries: dict[Path, _Entry], conflict: Callable[[Path, SettingsInvalid], None]) -> _View:
    """The entries in their order; one that claims the name or certificate of an earlier one is left out."""
    view = _View({}, {})
    names: set[str] = set()
    for path, entry in entries.items():
        node = entry.node
        if node.name in names or not view.by_fingerprint.keys().isdisjoint(node.fingerprints):
            reason = f"node {node.name}: another file has this name or certificate"
            conflict(path, SettingsInvalid(reason, location=str(path)))
            continue
        names.add(node.name)
        view.entries[path] = entry
        view.by_fingerprint.update(dict.fromkeys(node.fingerprints, node))
    nodes = sorted((entry.node for entry in view.entries.values()), key=lambda node: node.name)
    view.subscribed = tuple((node, each) for node in nodes if not node.blocked for each in node.notify)
    view.subscribing = tuple(node for node in nodes if not node.blocked and node.may_call(TRANSACTION))
    return view


def _permitted(file: NodeFile, path: Path, environment: str) -> None:
    if file.environment != environment:
        raise SettingsInvalid(f"node of {file.environment}, but this is {environment}", location=str(path))
    switches = file.insecure_switches()
    if switches and environment != "integration":
        raise SettingsInvalid(f"{', '.join(switches)}: allowed in integration only", location=str(path))


def _fingerprints(file: NodeFile, path: Path) -> frozenset[str]:
    if file.certificate is None:
        if not file.fingerprints:
            raise SettingsInvalid("neither certificate nor fingerprints", location=str(path))
        return frozenset()
    try:
        certificates = x509.load_pem_x509_certificates(file.certificate.read_bytes())
    except (OSError, ValueError) as error:
        raise SettingsInvalid("certificate: no usable PEM certificate", location=str(path)) from error
    return frozenset(certificate.fingerprint(SHA256()).hex() for certificate in certificates)


def _node(file: NodeFile, fingerprints: frozenset[str]) -> Node:
    return Node(
        name=file.name,
        fingerprints=fingerprints,
        environment=file.environment,
        organisation=file.organisation,
        organisation_name=file.organisation_name,
        transactions=file.transactions,
        must_sign=file.sign == "required",
        must_assert=file.assertion == "required",
        bearer_allowed=file.bearer_allowed,
        loopback_only=file.loopback_only,
        blocked=file.blocked,
        reply_to=file.reply_to,
        feeds=file.feeds,
        redirect_uris=file.redirect_uris,
        notify=tuple(
            Subscriber(
                form=each.form,
                address=each.address,
                domains=frozenset(each.domains),
                application=each.application,
                facility=each.facility,
            )
            for each in file.notify
        ),
    )


def _certificate(der: bytes) -> _Certificate:
    certificate = x509.load_der_x509_certificate(der)
    return _Certificate(
        certificate.not_valid_before_utc, certificate.not_valid_after_utc, environments_of(certificate)
    )


def _stamps(paths: Iterable[Path]) -> tuple[tuple[Path, Stamp | None], ...]:
    return tuple((path, _stamp(path)) for path in paths)


def _stamp(path: Path) -> Stamp | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
