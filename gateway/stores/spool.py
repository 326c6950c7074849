"""Documents too large for memory, while they come in: sealed and measured once, in what may become theirs.

No octet of a document reaches the disk unsealed. The repository takes a spooled document by its name and key;
what nobody takes is removed at the end of its exchange, and after a crash by the sweep of the blob store.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag

from gateway.crypto import envelope
from gateway.crypto.giveaway import HEAD
from gateway.errors import Busy, Defect, StoreFull
from gateway.stores.blobs import BlobStore
from gateway.stores.content import Measured, Meter

_FLUSH = 16 * 1024 * 1024
"""Octets after which the disk is asked to keep up, so that no other write waits behind a whole document."""


class Room:
    """Octets that may be spooled at the same time, counted over threads."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._lock = threading.Lock()

    def take(self, octets: int) -> None:
        """Busy when they do not fit."""
        with self._lock:
            if octets > self._left:
                raise Busy("too many large documents are being received; try again later")
            self._left -= octets

    def give_back(self, octets: int) -> None:
        """They are free again."""
        with self._lock:
            self._left += octets


class Spooled:
    """A document that came in whole: content, measured already, sealed under a key of its own."""

    def __init__(
        self, name: str, key: bytes, path: Path, measured: Measured, room: Room, head: bytes
    ) -> None:
        self.name = name
        self.key = key
        self.head = head
        self.measured = measured
        self.taken = False
        self._path = path
        self._room = room
        self._held = measured.size

    @property
    def size(self) -> int:
        """Number of octets."""
        return self.measured.size

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start; each piece is verified before it is given."""
        try:
            yield from envelope.open_chunks(self.key, self.name.encode(), envelope.sealed_pieces(self._path))
        except (InvalidTag, OSError) as error:
            raise Defect("a spooled document does not open") from error

    def now_at(self, path: Path) -> None:
        """The repository has taken the file."""
        self.taken = True
        self._path = path

    def discard(self) -> None:
        """Ends the spooling: the file is removed, unless the repository has taken it."""
        self._room.give_back(self._held)
        self._held = 0
        if not self.taken:
            self._path.unlink(missing_ok=True)


class Lost:
    """A document that did not fit on the disk: whoever wants its octets is told so."""

    def __init__(self, size: int) -> None:
        self.size = size

    def chunks(self) -> Iterator[bytes]:
        """StoreFull, in place of octets."""
        raise StoreFull

    def discard(self) -> None:
        """Nothing is there."""


class Spool:
    """A document that is coming in. Every method may be called from any thread, one at a time.

    Where the disk is full the rest is counted and dropped, so that the message can be answered.
    """

    def __init__(self, blobs: BlobStore, room: Room) -> None:
        self._name = blobs.new_name()
        self._path = blobs.aside(self._name)
        self._room = room
        self._key = envelope.new_document_key()
        self._sealer = envelope.Sealer(self._key, self._name.encode())
        self._meter = Meter()
        self._held = self._unflushed = self._dropped = 0
        self._head = b""
        self._file: BinaryIO | None = None
        try:
            self._file = self._path.open("xb")
        except OSError:
            self._lose()

    def write(self, data: bytes | memoryview) -> None:
        """More octets; Busy when too many documents are coming in."""
        if self._file is None:
            self._dropped += len(data)
            return
        self._room.take(len(data))
        self._held += len(data)
        self._meter.update(data)
        if len(self._head) < HEAD:
            self._head += bytes(data[: HEAD - len(self._head)])
        try:
            for chunk in self._sealer.seal(data):
                self._file.write(chunk)
            self._keep_up(self._file, len(data))
        except OSError:
            self._lose()

    def _keep_up(self, file: BinaryIO, octets: int) -> None:
        self._unflushed += octets
        if self._unflushed >= _FLUSH:
            self._unflushed = 0
            file.flush()
            os.fdatasync(file.fileno())

    def _lose(self) -> None:
        """What came so far takes no room any more, neither here nor on the disk."""
        self._dropped = self._meter.measured.size
        self.discard()
        self._file = None

    def finish(self) -> Spooled | Lost:
        """The whole document, or that it is lost."""
        try:
            if self._file is not None:
                self._file.write(self._sealer.last())
                self._file.close()
        except OSError:
            self._lose()
        if self._file is None:
            return Lost(self._dropped)
        spooled = Spooled(self._name, self._key, self._path, self._meter.measured, self._room, self._head)
        self._held = 0
        return spooled

    def discard(self) -> None:
        """Removes what came so far."""
        self._room.give_back(self._held)
        self._held = 0
        # On a full disk the rest cannot be written; nobody wants it any more.
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()


class Spools:
    """Opens spools in a blob store, within the octets that may be spooled at the same time."""

    def __init__(self, blobs: BlobStore, most: int) -> None:
        self._blobs = blobs
        self._room = Room(most)

    def open(self) -> Spool:
        """An empty spool."""
        return Spool(self._blobs, self._room)
