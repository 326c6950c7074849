import os
from pathlib import Path

from gateway.client.files import STEP, FileContent, FileSink

DATA = os.urandom(2 * STEP + 9)


def test_a_file_is_read_in_pieces_as_often_as_wanted(tmp_path: Path) -> None:
    path = tmp_path / "scan.bin"
    path.write_bytes(DATA)
    content = FileContent(path)
    for _ in range(2):
        pieces = list(content.chunks())
        assert (b"".join(pieces), max(map(len, pieces))) == (DATA, STEP)
    assert content.size == len(DATA)


def test_what_comes_in_is_a_file_for_its_owner_until_it_is_discarded(tmp_path: Path) -> None:
    sink = FileSink(tmp_path)
    for at in range(0, len(DATA), 10_000):
        sink.write(memoryview(DATA)[at : at + 10_000])
    content = sink.finish()
    assert list(tmp_path.iterdir()) == [content.path]
    assert content.path.stat().st_mode & 0o077 == 0
    assert b"".join(content.chunks()) == DATA
    content.discard()
    content.discard()
    assert list(tmp_path.iterdir()) == []


def test_what_is_not_finished_is_removed(tmp_path: Path) -> None:
    sink = FileSink(tmp_path)
    sink.write(DATA)
    sink.discard()
    assert list(tmp_path.iterdir()) == []
