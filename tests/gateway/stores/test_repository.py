import os
from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha1, sha256
from typing import Any

import pytest
from sqlalchemy import select

from gateway.crypto.envelope import CHUNK
from gateway.errors import Busy, Meaning, Problem, Refused
from gateway.record.access import Scope
from gateway.record.people import Code
from gateway.stores import tables
from gateway.stores.blobs import BlobStore
from gateway.stores.content import LARGE, Measured, measure
from gateway.stores.content import Octets as Held
from gateway.stores.repository import Stored
from gateway.stores.spool import Spooled, Spools
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, tzinfo=UTC)


class Octets:
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    @property
    def size(self) -> int:
        return sum(map(len, self.pieces))

    def chunks(self) -> Iterator[bytes]:
        return iter(self.pieces)


def measured(data: bytes) -> Measured:
    return Measured(sha1(data).hexdigest(), sha256(data).hexdigest(), len(data))  # noqa: S324 - as XDS has it


def put(record: Any, unique_id: str, *pieces: bytes, work: UnitOfWork | None = None) -> UnitOfWork:
    work = work or UnitOfWork()
    scope = record.scope()
    record.run(
        record.repository.put(work, scope, scope.patients[0], unique_id, "text/plain", Octets(*pieces), AT)
    )
    return work


def store(record: Any, make: Any, *pieces: bytes, **changes: Any) -> str:
    """A stored and registered document; its uniqueId."""
    unique_id: str = changes.pop("unique_id", None) or make.oid()
    record.commit(put(record, unique_id, *pieces))
    record.register(make.submission(make.entry(unique_id=unique_id, **changes)), make)
    return unique_id


def read(record: Any, *unique_ids: str, scope: Scope | None = None) -> Any:
    return record.run(record.repository.read(scope or record.scope(), unique_ids))


def blobs(record: Any) -> list[Any]:
    return [path for path in record.content.rglob("*") if path.is_file()]


@pytest.fixture
def known(record: Any) -> Any:
    record.feed()
    return record


@pytest.mark.parametrize(
    "pieces",
    [(), (b"",), (b"text",), (b"ab", b"", b"c"), (bytes(CHUNK),), (bytes(CHUNK - 1), bytes(CHUNK + 5))],
)
def test_octets_come_back_as_they_were_put(known: Any, make: Any, pieces: tuple[bytes, ...]) -> None:
    unique_id, data = store(known, make, *pieces), b"".join(pieces)
    assert read(known, unique_id) == {unique_id: Stored(unique_id, "text/plain", Held(data))}
    assert known.run(known.repository.measured([unique_id, "other"])) == {unique_id: measured(data)}
    assert measure(pieces) == measured(data)


def test_octets_are_sealed_on_the_disk(known: Any, make: Any) -> None:
    unique_id = store(known, make, b"confidential words" * 10)
    (blob,) = blobs(known)
    assert b"confidential" not in blob.read_bytes()
    assert unique_id not in str(blob)


def test_a_document_is_read_through_an_entry_in_scope_only(known: Any, make: Any) -> None:
    secret = (Code("V", "2.16.840.1.113883.5.25", "x"),)
    unique_id = store(known, make, b"x", confidentiality=secret)
    unregistered = make.oid()
    known.commit(put(known, unregistered, b"y"))
    assert read(known, unregistered) == {}
    assert read(known, unique_id, scope=known.scope(rank=2)) == {}
    assert read(known, unique_id, scope=Scope()) == {}
    assert unique_id in read(known, unique_id, scope=known.scope(rank=1, lifted=frozenset({unique_id})))


def damage(record: Any, change: Any) -> None:
    (blob,) = blobs(record)
    blob.write_bytes(change(blob.read_bytes()))


@pytest.mark.parametrize(
    "change",
    [
        lambda octets: octets[:-1],
        lambda octets: octets + b"x",
        lambda octets: octets[: CHUNK + 16],
        lambda octets: b"",  # noqa: ARG005 - whatever there was
        lambda octets: bytes([octets[0] ^ 1]) + octets[1:],
        lambda octets: octets[CHUNK + 16 :] + octets[: CHUNK + 16],
    ],
)
def test_changed_octets_do_not_leave(known: Any, make: Any, change: Any) -> None:
    unique_id = store(known, make, bytes(2 * CHUNK))
    damage(known, change)
    problem = read(known, unique_id)[unique_id]
    assert isinstance(problem, Problem)
    assert problem.meaning is Meaning.UNREADABLE_DOCUMENT


def test_a_missing_blob_is_a_problem_of_its_document_only(known: Any, make: Any) -> None:
    lost = store(known, make, b"one")
    blobs(known)[0].unlink()
    kept = store(known, make, b"two")
    found = read(known, lost, kept)
    assert isinstance(found[lost], Problem)
    assert found[kept] == Stored(kept, "text/plain", Held(b"two"))


def test_a_blob_does_not_open_as_another_document(known: Any, make: Any) -> None:
    one, two = store(known, make, b"same"), store(known, make, b"same")
    rows = {row.unique_id: row for row in known.run(known.database.fetch(select(tables.content)))}
    work, table = UnitOfWork(), tables.content
    other = {"blob": rows[two].blob, "wrapped": rows[two].wrapped}
    work.write(table.update().where(table.c.unique_id == one).values(**other))
    known.commit(work)
    assert isinstance(read(known, one)[one], Problem)


def test_a_destroyed_record_key_ends_the_documents(known: Any, make: Any) -> None:
    unique_id = store(known, make, b"x")
    work = UnitOfWork()
    work.write(tables.record_key.delete())
    known.commit(work)
    assert read(known, unique_id) == {}


def test_a_failed_unit_takes_its_blob_away(known: Any, make: Any) -> None:
    unique_id = make.oid()
    first, second = put(known, unique_id, b"x"), put(known, unique_id, b"x")
    known.commit(first)
    with pytest.raises(Busy):
        known.commit(second)
    assert len(blobs(known)) == 2
    second.rolled_back()
    second.rolled_back()
    assert len(blobs(known)) == 1


def test_storing_needs_the_patient_in_scope(known: Any) -> None:
    work = UnitOfWork()
    with pytest.raises(PermissionError):
        known.run(
            known.repository.put(work, Scope(unrestricted=True), 1, "2.999", "text/plain", Octets(), AT)
        )
    assert blobs(known) == work.steps == []


def test_an_unwritable_store_says_so(known: Any) -> None:
    class Breaking(Octets):
        def chunks(self) -> Iterator[bytes]:
            yield b"x" * (CHUNK + 1)
            raise OSError(28, "No space left on device")

    scope = known.scope()
    with pytest.raises(Refused) as caught:
        known.run(
            known.repository.put(
                UnitOfWork(), scope, scope.patients[0], "2.999.1", "text/plain", Breaking(), AT
            )
        )
    assert caught.value.problems[0].meaning is Meaning.OUT_OF_RESOURCES
    assert blobs(known) == []


def test_the_sweep_removes_old_blobs_that_nothing_refers_to(known: Any, make: Any) -> None:
    unique_id = store(known, make, b"kept")
    put(known, make.oid(), b"never committed")
    for blob in blobs(known):
        os.utime(blob, (1000, 1000))
    put(known, make.oid(), b"just begun")
    assert known.run(known.repository.sweep(2000)) == 1
    assert len(blobs(known)) == 2
    assert unique_id in read(known, unique_id)


LARGER = 2 * LARGE + 17


def spool(record: Any, data: bytes) -> Spooled:
    spool = Spools(BlobStore(record.content), 1 << 30).open()
    spool.write(data)
    return spool.finish()


def put_content(record: Any, unique_id: str, content: Any) -> Measured:
    work, scope = UnitOfWork(), record.scope()
    found = record.run(
        record.repository.put(work, scope, scope.patients[0], unique_id, "text/plain", content, AT)
    )
    record.commit(work)
    return found


def test_a_spooled_document_becomes_the_stored_one(known: Any, make: Any) -> None:
    unique_id, data = make.oid(), os.urandom(LARGER)
    document = spool(known, data)
    (incoming,) = blobs(known)
    node, octets = incoming.stat().st_ino, incoming.read_bytes()
    assert put_content(known, unique_id, document) == measured(data) == document.measured
    (stored,) = blobs(known)
    assert (stored.stat().st_ino, stored.read_bytes(), stored.name) == (node, octets, document.name)
    document.discard()
    known.register(make.submission(make.entry(unique_id=unique_id)), make)
    found = read(known, unique_id)[unique_id]
    assert b"".join(found.content.chunks()) == data


def test_a_spooled_document_of_two_entries_is_stored_twice(known: Any, make: Any) -> None:
    one, two, document = make.oid(), make.oid(), spool(known, b"shared" * LARGE)
    put_content(known, one, document)
    put_content(known, two, document)
    rows = known.run(known.database.fetch(select(tables.content)))
    assert len({row.blob for row in rows}) == len({row.wrapped for row in rows}) == len(blobs(known)) == 2
    known.register(make.submission(make.entry(unique_id=one), make.entry(unique_id=two)), make)
    found = read(known, one, two)
    assert all(b"".join(each.content.chunks()) == b"shared" * LARGE for each in found.values())


def test_a_spool_that_cannot_be_taken_says_so(known: Any, make: Any) -> None:
    document = spool(known, b"x" * LARGER)
    blobs(known)[0].unlink()
    with pytest.raises(Refused) as caught:
        put_content(known, make.oid(), document)
    assert caught.value.problems[0].meaning is Meaning.OUT_OF_RESOURCES


def large(known: Any, make: Any, data: bytes) -> tuple[str, Any, Any]:
    """A stored document that is read as a stream: its id, its content, its blob."""
    unique_id = store(known, make, data)
    (blob,) = blobs(known)
    content = read(known, unique_id)[unique_id].content
    assert not isinstance(content, Held)
    return unique_id, content, blob


def test_a_large_document_is_read_in_pieces_again_and_again(known: Any, make: Any) -> None:
    data = os.urandom(LARGER)
    _, content, _ = large(known, make, data)
    for _ in range(2):
        pieces = list(content.chunks())
        assert b"".join(pieces) == data
        assert max(map(len, pieces)) <= CHUNK
    assert content.size == len(data)


@pytest.mark.parametrize("place", [0, CHUNK + 100, -20])
@pytest.mark.parametrize("read_before", [False, True])
def test_a_large_document_that_was_changed_is_never_given_whole(
    known: Any, make: Any, place: int, *, read_before: bool
) -> None:
    data = os.urandom(LARGER)
    unique_id, content, blob = large(known, make, data)
    if read_before:
        assert b"".join(content.chunks()) == data
    octets = bytearray(blob.read_bytes())
    octets[place] ^= 1
    blob.write_bytes(octets)
    pieces: list[bytes] = []
    with pytest.raises(Refused) as caught:
        pieces.extend(content.chunks())
    given = b"".join(pieces)
    assert caught.value.problems[0].meaning is Meaning.UNREADABLE_DOCUMENT
    assert caught.value.problems[0].location == unique_id
    assert data.startswith(given)
    assert len(given) < len(data)


def test_a_large_document_of_another_hash_keeps_its_last_piece(known: Any, make: Any) -> None:
    unique_id = store(known, make, b"x" * LARGER)
    work = UnitOfWork()
    work.write(tables.content.update().values(sha256="0" * 64))
    known.commit(work)
    given: list[bytes] = []
    with pytest.raises(Refused):
        given.extend(read(known, unique_id)[unique_id].content.chunks())
    assert sum(map(len, given)) < LARGER


@pytest.mark.parametrize("change", [lambda octets: octets[:-1], lambda octets: octets + b"x"])
def test_a_large_blob_of_another_length_is_seen_at_once(known: Any, make: Any, change: Any) -> None:
    unique_id = store(known, make, b"x" * LARGER)
    damage(known, change)
    assert isinstance(read(known, unique_id)[unique_id], Problem)


def test_many_documents_are_not_all_held_in_memory(known: Any, make: Any) -> None:
    names = [store(known, make, bytes([number]) * LARGE) for number in range(6)]
    found = read(known, *names)
    assert sum(isinstance(each.content, Held) for each in found.values()) == 4
    assert [b"".join(found[name].content.chunks()) for name in names] == [
        bytes([number]) * LARGE for number in range(6)
    ]
