"""Encryption at rest: master key → record key per patient → key per document (AES-256, RFC 3394, GCM).

Destroying a record key makes everything of that record unreadable. Document octets are sealed in
chunks; each chunk's associated data holds its index, whether it is the last, and the name of its blob,
so that chunks cannot be reordered, dropped, or moved to another blob. What the blob is, is bound when its
key is wrapped: octets can be sealed before it is known whose they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from gateway.crypto.keyring import KeyRing, read_ring
from gateway.errors import Defect, KeyUnreadable, SettingsInvalid

CHUNK = 64 * 1024
"""Octets of plain text in a chunk; a sealed chunk is 16 octets longer."""

_KEY_SIZE = 32
_TAG = 16
_NONCE = 12


class KeyTree:
    """The top of the tree. A file of keys is read again when it changes: keys are replaced while we serve."""

    def __init__(self, master: bytes, version: int = 1) -> None:
        self._ring = KeyRing.of(master, version)
        self._path: Path | None = None
        self._seen = 0

    @classmethod
    def at(cls, path: Path) -> KeyTree:
        """Of a file; SettingsInvalid says what is wrong with it."""
        seen = path.stat().st_mtime_ns if path.exists() else 0
        ring = read_ring(path)
        tree = cls(ring.masters[0][1], ring.version)
        tree._ring, tree._path, tree._seen = ring, path, seen
        return tree

    @property
    def version(self) -> int:
        """Of the key that wraps now."""
        return self._ring.version

    def derived(self, purpose: bytes) -> bytes:
        """A key for one purpose, the same whenever it is asked for (RFC 5869)."""
        return self._ring.derived(b"passerelle|" + purpose)

    def new_record_key(self) -> tuple[bytes, bytes]:
        """A fresh record key: plain, and wrapped by the master key."""
        return _fresh(self._ring.masters[0][1])

    def record_key(self, wrapped: bytes) -> bytes:
        """A record key from its wrapped form; KeyUnreadable when no master key that we have fits."""
        found = self._opened(wrapped)
        if found is None and self.refresh():
            found = self._opened(wrapped)
        if found is None:
            raise KeyUnreadable("a wrapped key does not open: it was wrapped by another key")
        return found

    def opens(self, wrapped: bytes) -> bool:
        """Whether one of the master keys fits."""
        return self._opened(wrapped) is not None

    def rewrapped(self, wrapped: bytes) -> bytes | None:
        """The same key wrapped by the newest master key; None where it is already."""
        newest = self._ring.masters[0][1]
        if _unwrapped(newest, wrapped) is not None:
            return None
        return aes_key_wrap(newest, self.record_key(wrapped))

    def refresh(self) -> bool:
        """Reads the file again where it changed; tells whether. One of other keys altogether counts not."""
        if self._path is None:
            return False
        try:
            seen = self._path.stat().st_mtime_ns
            if seen == self._seen:
                return False
            ring, self._seen = read_ring(self._path), seen
        except (OSError, SettingsInvalid):
            return False
        if not set(ring.masters) & set(self._ring.masters):
            return False
        self._ring = ring
        return True

    def _opened(self, wrapped: bytes) -> bytes | None:
        for _, master in self._ring.masters:
            if (found := _unwrapped(master, wrapped)) is not None:
                return found
        return None


def new_document_key() -> bytes:
    """A fresh key, for one blob only."""
    return os.urandom(_KEY_SIZE)


def seal_text(key: bytes, context: bytes, data: bytes) -> bytes:
    """A short value: random nonce, cipher text, tag."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, context)


def open_text(key: bytes, context: bytes, sealed: bytes) -> bytes:
    """The value again; Defect when a bit was changed or the context is another."""
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
    except InvalidTag as error:
        raise Defect("a sealed value does not open: wrong key, or it was changed") from error


class Sealer:
    """Seals octets of any cut in chunks. The key must be fresh: the nonce is the chunk's index."""

    def __init__(self, key: bytes, context: bytes) -> None:
        self._cipher = AESGCM(key)
        self._context = context
        self._index = 0
        self._held = b""

    def seal(self, data: bytes | memoryview) -> Iterator[bytes]:
        """The chunks that are complete. One that may be the last is held back."""
        view = memoryview(self._held + data if self._held else data)
        at = 0
        while len(view) - at > CHUNK:
            yield self._chunk(view[at : at + CHUNK], last=False)
            at += CHUNK
        self._held = bytes(view[at:])

    def last(self) -> bytes:
        """The chunk that ends the blob; nothing follows it."""
        return self._chunk(self._held, last=True)

    def _chunk(self, data: bytes | memoryview, *, last: bool) -> bytes:
        sealed = self._cipher.encrypt(
            _nonce(self._index), data, _bound(self._context, self._index, last=last)
        )
        self._index += 1
        return sealed


def seal_chunks(key: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Octets of any cut as the sealed chunks of one blob."""
    sealer = Sealer(key, context)
    for piece in chunks:
        yield from sealer.seal(piece)
    yield sealer.last()


def sealed_size(size: int) -> int:
    """Octets of a sealed blob that holds `size` octets."""
    return size + _TAG * max(1, -(-size // CHUNK))


def open_chunks(key: bytes, context: bytes, sealed: Iterable[bytes]) -> Iterator[bytes]:
    """The octets again, from sealed chunks in their order; InvalidTag on any change or truncation."""
    cipher = AESGCM(key)
    previous: bytes | None = None
    index = 0
    for chunk in sealed:
        if previous is not None:
            yield cipher.decrypt(_nonce(index), previous, _bound(context, index, last=False))
            index += 1
        previous = chunk
    yield cipher.decrypt(_nonce(index), previous or b"", _bound(context, index, last=True))


def sealed_pieces(path: Path) -> Iterator[bytes]:
    """The sealed chunks of a file."""
    with path.open("rb") as file:
        while piece := file.read(CHUNK + _TAG):
            yield piece


def _nonce(index: int) -> bytes:
    return index.to_bytes(_NONCE, "big")


def _bound(context: bytes, index: int, *, last: bool) -> bytes:
    return b"%b|%d|%d" % (context, index, last)


def _fresh(parent: bytes) -> tuple[bytes, bytes]:
    key = os.urandom(_KEY_SIZE)
    return key, aes_key_wrap(parent, key)


def _unwrapped(parent: bytes, wrapped: bytes) -> bytes | None:
    try:
        return aes_key_unwrap(parent, wrapped)
    except InvalidUnwrap:
        return None
