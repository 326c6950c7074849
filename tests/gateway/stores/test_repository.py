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
from gateway.stores.repository import BlobStore, Measured, Stored, measure
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, tzinfo=UTC)


class Octets:
    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

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
    assert read(known, unique_id) == {unique_id: Stored(unique_id, "text/plain", data)}
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
    assert found[kept] == Stored(kept, "text/plain", b"two")


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


def test_blob_names_do_not_repeat(tmp_path: Any) -> None:
    store = BlobStore(tmp_path)
    names = {store.write([b"x"]) for _ in range(20)}
    assert len(names) == 20
    assert all(store.path(name).read_bytes() == b"x" for name in names)
    store.discard(names.pop())
    store.discard("none")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 19
