"""Documents of a partner in files: read while they are sent, written while they come in."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

STEP = 256 * 1024


class FileContent:
    """The octets of a file, which must not change meanwhile."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._size = path.stat().st_size

    @property
    def size(self) -> int:
        """Number of octets."""
        return self._size

    def chunks(self) -> Iterator[bytes]:
        """The octets from the start."""
        with self.path.open("rb") as file:
            while chunk := file.read(STEP):
                yield chunk

    def discard(self) -> None:
        """Removes the file."""
        self.path.unlink(missing_ok=True)


class FileSink:
    """Writes a document to a new file in a folder, of a name of its own and for its owner only."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.NamedTemporaryFile(dir=folder, prefix=".passerelle-", delete=False)  # noqa: SIM115

    def write(self, data: bytes | memoryview) -> None:
        """More octets."""
        self._file.write(data)

    def finish(self) -> FileContent:
        """The whole document."""
        self._file.close()
        return FileContent(Path(self._file.name))

    def discard(self) -> None:
        """Removes what came so far."""
        self._file.close()
        Path(self._file.name).unlink(missing_ok=True)
