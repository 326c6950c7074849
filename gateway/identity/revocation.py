"""Revoked certificates by the CRL of the installation, for signatures TLS has not judged (RFC 5280)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cryptography import x509

from gateway.errors import SettingsInvalid

RECHECK_SECONDS = 1.0
_BEGIN = b"-----BEGIN X509 CRL-----"


class RevocationList:
    """Serial numbers by issuer, read again when the file changes. Without a file nothing is revoked.

    A file that cannot be read keeps the last good list and is told to `alert`, once for each state of it.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        alert: Callable[[SettingsInvalid], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._alert = alert
        self._clock = clock
        self._stamp = _stamp(path)
        self._revoked = _read(path)
        self._next_check = clock() + RECHECK_SECONDS

    def revoked(self, certificate: x509.Certificate) -> bool:
        """Whether the issuer has revoked the certificate."""
        self._refresh()
        return (certificate.issuer.public_bytes(), certificate.serial_number) in self._revoked

    def _refresh(self) -> None:
        at = self._clock()
        if at < self._next_check:
            return
        self._next_check = at + RECHECK_SECONDS
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._revoked = _read(self._path)
        except SettingsInvalid as problem:
            self._alert(problem)


def _stamp(path: Path | None) -> tuple[int, int] | None:
    if path is None or not path.exists():
        return None
    status = path.stat()
    return status.st_mtime_ns, status.st_ino


def _read(path: Path | None) -> frozenset[tuple[bytes, int]]:
    """(issuer name in DER, serial number) of every entry of all lists in the file."""
    if path is None:
        return frozenset()
    try:
        blocks = path.read_bytes().split(_BEGIN)[1:]
        lists = [x509.load_pem_x509_crl(_BEGIN + block) for block in blocks]
    except (OSError, ValueError) as error:
        raise SettingsInvalid("the certificate revocation list cannot be read", location=str(path)) from error
    return frozenset((each.issuer.public_bytes(), entry.serial_number) for each in lists for entry in each)
