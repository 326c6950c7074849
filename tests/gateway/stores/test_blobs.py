import os
from pathlib import Path

import pytest

from gateway.stores.blobs import BlobStore


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_blob_names_do_not_repeat(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    names = {store.new_name() for _ in range(20)}
    assert len(names) == 20
    for name in names:
        store.write(name, [b"x", b"y"])
    assert all(store.path(name).read_bytes() == b"xy" for name in names)
    store.discard(names.pop())
    store.discard("none")
    assert len(files(tmp_path)) == 19


def test_a_blob_that_stands_aside_is_named_as_it_is(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    name = store.new_name()
    store.aside(name).write_bytes(b"sealed")
    before = store.aside(name).stat()
    store.adopt(name)
    assert files(tmp_path) == [store.path(name)]
    assert (store.path(name).stat().st_ino, store.path(name).read_bytes()) == (before.st_ino, b"sealed")
    with pytest.raises(FileNotFoundError):
        store.adopt(name)


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    def chunks():  # noqa: ANN202
        yield b"x"
        raise OSError(28, "No space left on device")

    store = BlobStore(tmp_path)
    with pytest.raises(OSError, match="space"):
        store.write(store.new_name(), chunks())
    assert files(tmp_path) == []


def test_the_sweep_takes_old_blobs_that_nobody_knows_named_or_not(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)
    known, lost, fresh = (store.new_name() for _ in range(3))
    store.write(known, [b"k"])
    store.write(lost, [b"l"])
    store.aside("left-by-a-crash").write_bytes(b"c")
    for path in files(tmp_path):
        os.utime(path, (1000, 1000))
    store.write(fresh, [b"f"])
    assert store.sweep({known}, 2000) == 2
    assert set(files(tmp_path)) == {store.path(known), store.path(fresh)}
