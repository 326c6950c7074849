import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha1, sha256
from pathlib import Path
from threading import Thread

import pytest

from gateway.crypto.envelope import CHUNK
from gateway.errors import Busy, Defect, StoreFull
from gateway.stores.blobs import BlobStore
from gateway.stores.content import Measured
from gateway.stores.spool import Room, Spool, Spooled, Spools

DATA = os.urandom(3 * CHUNK + 11)
MEASURED = Measured(sha1(DATA).hexdigest(), sha256(DATA).hexdigest(), len(DATA))  # noqa: S324 - as XDS has it


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path)


def incoming(folder: Path) -> list[Path]:
    return list((folder / "incoming").iterdir())


def spooled(spool: Spool, data: bytes = DATA, step: int = 50_000) -> Spooled:
    for at in range(0, len(data), step):
        spool.write(memoryview(data)[at : at + step])
    return spool.finish()


def test_a_spooled_document_is_measured_sealed_and_readable_again(blobs: BlobStore, tmp_path: Path) -> None:
    document = spooled(Spools(blobs, 1 << 20).open())
    (path,) = incoming(tmp_path)
    assert (document.measured, document.size) == (MEASURED, len(DATA))
    for _ in range(2):
        assert b"".join(document.chunks()) == DATA
    sealed = path.read_bytes()
    assert not any(DATA[at : at + 16] in sealed for at in range(0, len(DATA) - 16, 1000))
    assert document.key not in sealed
    document.discard()
    assert incoming(tmp_path) == []


def test_what_the_repository_took_stays(blobs: BlobStore, tmp_path: Path) -> None:
    document = spooled(Spools(blobs, 1 << 20).open())
    blobs.adopt(document.name)
    document.now_at(blobs.path(document.name))
    document.discard()
    assert incoming(tmp_path) == []
    assert b"".join(document.chunks()) == DATA


def test_an_unfinished_spool_is_removed(blobs: BlobStore, tmp_path: Path) -> None:
    spool = Spools(blobs, 1 << 20).open()
    spool.write(DATA)
    assert len(incoming(tmp_path)) == 1
    spool.discard()
    spool.discard()
    assert incoming(tmp_path) == []


@pytest.mark.parametrize("at", [0, CHUNK + 20, -1])
def test_a_changed_spool_does_not_open(blobs: BlobStore, tmp_path: Path, at: int) -> None:
    document = spooled(Spools(blobs, 1 << 20).open())
    (path,) = incoming(tmp_path)
    octets = bytearray(path.read_bytes())
    octets[at] ^= 1
    path.write_bytes(octets)
    with pytest.raises(Defect):
        b"".join(document.chunks())


def test_room_is_taken_while_a_document_is_there_and_given_back(blobs: BlobStore) -> None:
    spools = Spools(blobs, 2 * len(DATA))
    first, second, third, fourth = spooled(spools.open()), spools.open(), spools.open(), spools.open()
    second.write(DATA)
    with pytest.raises(Busy):
        third.write(b"x")
    first.discard()
    first.discard()
    third.write(DATA)
    with pytest.raises(Busy):
        fourth.write(b"x")
    second.discard()
    fourth.write(DATA)
    third.discard()
    fourth.discard()


def test_room_is_counted_over_threads() -> None:
    room = Room(4004)

    def take() -> None:
        for _ in range(1000):
            room.take(2)
            room.give_back(1)

    threads = [Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(Busy):
        room.take(5)
    room.take(4)


@contextmanager
def largest_file(octets: int) -> Iterator[None]:
    """A disk that is full after some octets, for this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_on_a_full_disk_a_document_is_lost_and_leaves_nothing(blobs: BlobStore, tmp_path: Path) -> None:
    spools = Spools(blobs, 1 << 20)
    spool = spools.open()
    with largest_file(2 * CHUNK):
        document = spooled(spool)
        spool.write(b"more")
    assert incoming(tmp_path) == []
    assert document.size == len(DATA)
    with pytest.raises(StoreFull, match="cannot store"):
        document.chunks()
    document.discard()
    room = spools.open()
    room.write(bytes((1 << 20) - 1))
    room.discard()


def test_a_store_that_is_gone_loses_documents(blobs: BlobStore, tmp_path: Path) -> None:
    (tmp_path / "incoming").rmdir()
    document = spooled(Spools(blobs, 1 << 20).open())
    with pytest.raises(StoreFull):
        document.chunks()
