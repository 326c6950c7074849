"""The master keys of an installation: one that wraps, and older ones that still open (RFC 3394, RFC 5869).

The file holds one key in base64, or, once a key was replaced, a line for each: its version and the key, the
newest first, and the base of derived keys, wrapped by the newest. So an old key can be destroyed, while what
was derived from it stays the same.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from gateway.errors import SettingsInvalid

KEY_SIZE = 32
_BASE = "base"


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Versions with their keys, newest first; `base` is what other keys are derived from."""

    masters: tuple[tuple[int, bytes], ...] = field(repr=False)
    base: bytes = field(repr=False)

    @classmethod
    def of(cls, master: bytes, version: int = 1) -> KeyRing:
        """Of one key alone."""
        if len(master) != KEY_SIZE:
            raise SettingsInvalid(f"the master key has {len(master)} octets, expected {KEY_SIZE}")
        # The first half of HKDF: what is derived from this is what was derived from the key itself.
        return cls(((version, master),), hmac.digest(bytes(KEY_SIZE), master, hashlib.sha256))

    @property
    def version(self) -> int:
        """That of the key that wraps now."""
        return self.masters[0][0]

    def derived(self, info: bytes) -> bytes:
        """A key for one purpose."""
        return HKDFExpand(hashes.SHA256(), KEY_SIZE, info).derive(self.base)

    def with_new(self) -> KeyRing:
        """A fresh key wraps from now on; the others still open."""
        return KeyRing(((self.version + 1, os.urandom(KEY_SIZE)), *self.masters), self.base)

    def newest_alone(self) -> KeyRing:
        """Without the keys that were replaced."""
        return KeyRing(self.masters[:1], self.base)


def read_ring(path: Path) -> KeyRing:
    """The keys of a file that only its owner may read; SettingsInvalid says what is wrong with it."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            text = "the master key file is readable by others; expected mode 0600"
            raise SettingsInvalid(text, location=path.name)
        lines = path.read_text(encoding="ascii").split("\n")
        return _parsed([line.split() for line in lines if line.strip()])
    except (OSError, ValueError, KeyError, IndexError, InvalidUnwrap) as error:
        raise SettingsInvalid("the master key file cannot be read", location=path.name) from error


def _parsed(lines: list[list[str]]) -> KeyRing:
    if len(lines) == 1 and len(lines[0]) == 1:
        return KeyRing.of(base64.b64decode(lines[0][0], validate=True))
    told = {name: base64.b64decode(value, validate=True) for name, value in lines}
    wrapped = told.pop(_BASE)
    masters = sorted(((int(name), KeyRing.of(key).masters[0][1]) for name, key in told.items()), reverse=True)
    return KeyRing(tuple(masters), aes_key_unwrap(masters[0][1], wrapped))


def write_ring(path: Path, ring: KeyRing) -> None:
    """Replaces the file at once and durably: a reader finds the old keys or the new."""
    base = aes_key_wrap(ring.masters[0][1], ring.base)
    lines = [f"{version} {_text(key)}" for version, key in ring.masters]
    data = "\n".join([*lines, f"{_BASE} {_text(base)}", ""]).encode()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
