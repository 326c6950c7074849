"""Sealed blobs as files under random names: written aside, made durable, then named."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path


class BlobStore:
    """A folder of blobs. `incoming` below it holds what is not durable yet, all of it sealed."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._incoming = directory / "incoming"
        self._incoming.mkdir(parents=True, exist_ok=True, mode=0o700)

    def new_name(self) -> str:
        """A name that no blob has."""
        return secrets.token_hex(16)

    def write(self, name: str, chunks: Iterable[bytes]) -> None:
        """A new blob from its sealed chunks, on the disk when this returns; OSError when it cannot be."""
        aside = self.aside(name)
        try:
            with aside.open("xb") as file:
                for chunk in chunks:
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            self._name(name)
        except OSError:
            aside.unlink(missing_ok=True)
            raise

    def adopt(self, name: str) -> None:
        """Makes a blob that stands aside durable and names it, without writing it again; or OSError."""
        _sync(self.aside(name), os.O_RDWR)
        self._name(name)

    def _name(self, name: str) -> None:
        final = self.path(name)
        final.parent.mkdir(mode=0o700, exist_ok=True)
        self.aside(name).rename(final)
        _sync(final.parent, os.O_RDONLY)

    def aside(self, name: str) -> Path:
        """Where a blob is written."""
        return self._incoming / name

    def path(self, name: str) -> Path:
        """Where a blob stands."""
        return self._directory / name[:2] / name

    def discard(self, name: str) -> None:
        """Removes a blob that no entry came to refer to."""
        self.path(name).unlink(missing_ok=True)

    def sweep(self, known: set[str], older_than: float) -> int:
        """Removes blobs that nothing refers to and that are older than a time (epoch seconds)."""
        old = [path for path in self._directory.glob("*/*") if path.name not in known]
        removed = [path for path in old if _written(path) < older_than]
        for path in removed:
            path.unlink(missing_ok=True)
        return len(removed)


def _written(path: Path) -> float:
    """When a file was last written; one that is gone by now is as good as new."""
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
