"""Document octets on their way: where they are held, and how they are measured (ITI TF-3 4.2.3.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

LARGE = 1024 * 1024
"""Octets from which a document is not held in memory, and from which work on it is done in a thread."""


class Content(Protocol):
    """Document bytes that can be read several times without holding them in one piece."""

    @property
    def size(self) -> int:
        """Number of octets."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start, in pieces."""
        ...


@dataclass(frozen=True, slots=True)
class Octets:
    """Content held in memory."""

    data: bytes

    @property
    def size(self) -> int:
        """Number of octets."""
        return len(self.data)

    def chunks(self) -> Iterator[bytes]:
        """The octets in one piece."""
        yield self.data


@dataclass(frozen=True, slots=True)
class Measured:
    """What the octets of a document are: SHA-1 in hex (XDS), SHA-256 in hex (ours), number."""

    sha1: str
    sha256: str
    size: int


class Meter:
    """Measures octets while they pass."""

    def __init__(self) -> None:
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._sha256 = hashlib.sha256()
        self._size = 0

    def update(self, data: bytes | memoryview) -> None:
        """More octets."""
        self._sha1.update(data)
        self._sha256.update(data)
        self._size += len(data)

    @property
    def measured(self) -> Measured:
        """What passed so far."""
        return Measured(self._sha1.hexdigest(), self._sha256.hexdigest(), self._size)


def measure(chunks: Iterable[bytes]) -> Measured:
    """Hash and size of octets that were not measured yet."""
    meter = Meter()
    for chunk in chunks:
        meter.update(chunk)
    return meter.measured
