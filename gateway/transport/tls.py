"""TLS of the listeners and of our own calls: ITI-19 with BCP 195 (TLS 1.2 floor), BSI TR-02102-2 suites."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from gateway.config import Tls
from gateway.crypto.pki import acceptable_key
from gateway.errors import AlgorithmRefused, SettingsInvalid
from gateway.transport.alerts import AlertingContext

RECHECK_SECONDS = 1.0
SUITES = (
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
SUITES_AES_128 = ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256")

Stamp = tuple[tuple[int, int, int] | None, ...]
Alert = Callable[[SettingsInvalid], None]


def server_context(tls: Tls) -> ssl.SSLContext:
    """A context that demands a client certificate of our authorities that is not revoked."""
    context = AlertingContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context, aes_128=tls.interoperability_aes_128)
    context.verify_mode = ssl.CERT_REQUIRED
    # A resumed session would skip the check of revocation and validity.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    _load(context, tls)
    return context


def client_context(tls: Tls) -> ssl.SSLContext:
    """A context for calls to others: their name and chain are always checked, and we show our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context, aes_128=tls.interoperability_aes_128)
    _load(context, tls)
    return context


def _harden(context: ssl.SSLContext, *, aes_128: bool) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(":".join((*SUITES, *SUITES_AES_128) if aes_128 else SUITES))
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _load(context: ssl.SSLContext, tls: Tls) -> None:
    """Our pair, whom we trust, and what is revoked; SettingsInvalid names the file that does not serve."""
    try:
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid(
            "certificate and key cannot be used together", location=str(tls.certificate)
        ) from error
    _trust(context, tls.trust)
    if tls.crl is not None:
        _trust(context, tls.crl)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF


def _trust(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise SettingsInvalid("holds no usable certificate or revocation list", location=str(path)) from error


class ServerTls:
    """The context of the files as they are now: a changed file counts from the next connection on.

    Of a server, unless `make` says otherwise.

    Always a whole new context, so what was removed (an authority, a session) is gone. When the new
    files do not serve, the last good context stays and `alert` is told once.
    """

    def __init__(
        self,
        tls: Tls,
        *,
        alert: Alert,
        clock: Callable[[], float] = time.monotonic,
        make: Callable[[Tls], ssl.SSLContext] = server_context,
    ) -> None:
        self._tls = tls
        self._make = make
        self._alert = alert
        self._clock = clock
        self._stamp = self._now()
        self._context = make(tls)
        self._next_check = clock() + RECHECK_SECONDS

    def context(self) -> ssl.SSLContext:
        """The context for the next connection; looks at the files at most once a second."""
        at = self._clock()
        if at >= self._next_check:
            self._next_check = at + RECHECK_SECONDS
            self._reload()
        return self._context

    def refusal(self, certificate: bytes, suite: str) -> str | None:
        """Why a connection must not be served although its handshake succeeded; None when it may."""
        if "AES_128" in suite and not self._tls.interoperability_aes_128:
            return "the cipher suite is below the policy"
        if not leaf_acceptable(certificate, legacy_rsa_2048=self._tls.legacy_rsa_2048):
            return "the key of the certificate is below the policy"
        return None

    def _reload(self) -> None:
        stamp = self._now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context = self._make(self._tls)
        except SettingsInvalid as error:
            self._alert(error)

    def _now(self) -> Stamp:
        files = (self._tls.certificate, self._tls.key, self._tls.trust, self._tls.crl)
        return tuple(_stamp(path) for path in files if path is not None)


def leaf_acceptable(der: bytes, *, legacy_rsa_2048: bool = False) -> bool:
    """Whether the key of a peer certificate is long enough (OpenSSL itself lets RSA-2048 through)."""
    try:
        acceptable_key(x509.load_der_x509_certificate(der).public_key(), legacy_rsa_2048=legacy_rsa_2048)
    except (AlgorithmRefused, ValueError):
        return False
    return True


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
