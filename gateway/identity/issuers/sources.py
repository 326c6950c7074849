"""Where the keys of an issuer come from: files that are read again when they change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from gateway.errors import AlgorithmRefused, GatewayError, Malformed, SettingsInvalid
from gateway.identity.issuers.keys import IssuerKeys, KeyRing

Stamp = tuple[int, int, int]
Alert = Callable[[SettingsInvalid], None]
LARGEST_FILE = 8 * 1024 * 1024


class Source(Protocol):
    """Tells the keys of one issuer."""

    @property
    def ring(self) -> KeyRing:
        """The keys in use."""
        ...

    def look(self, now: datetime) -> bool:
        """Looks for new keys without waiting for anything; whether there were any."""
        ...

    def wanted(self) -> None:
        """A token named a key that is not known."""
        ...


class FileSource:
    """Keys from files. One that breaks after the start keeps its last good keys, and is told once."""

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[Sequence[bytes]], IssuerKeys],
        *,
        now: datetime,
        grace: timedelta = timedelta(0),
        alert: Alert,
    ) -> None:
        self._paths = paths
        self._read = read
        self._alert = alert
        self.ring = KeyRing(grace)
        self._stamps = [_stamp(path) for path in paths]
        self.ring.replace(self._keys(), now)

    def look(self, now: datetime) -> bool:
        """Reads the files again if one has changed."""
        stamps = [_stamp(path) for path in self._paths]
        if stamps == self._stamps:
            return False
        self._stamps = stamps
        try:
            self.ring.replace(self._keys(), now)
        except SettingsInvalid as problem:
            self._alert(problem)
            return False
        return True

    def wanted(self) -> None:
        """Files are looked at anyway."""

    def _keys(self) -> IssuerKeys:
        place = str(self._paths[0])
        try:
            return self._read([_content(path) for path in self._paths])
        except OSError as error:
            raise SettingsInvalid("the keys of an issuer cannot be read", location=place) from error
        except (Malformed, AlgorithmRefused, SettingsInvalid) as error:
            raise SettingsInvalid(f"keys of an issuer: {error.detail}", location=place) from error
        except GatewayError as error:
            raise SettingsInvalid("the keys of an issuer cannot be used", location=place) from error


def _content(path: Path) -> bytes:
    if path.stat().st_size > LARGEST_FILE:
        raise SettingsInvalid(f"a file of more than {LARGEST_FILE} bytes")
    return path.read_bytes()


def _stamp(path: Path) -> Stamp | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino
