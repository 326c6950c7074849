from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import SignatureBroken
from gateway.stores.journal import AuditRow
from gateway.stores.work import UnitOfWork

AT = datetime(2026, 3, 4, 5, 6, 7, 250_000, tzinfo=UTC)
REPLAYED = SignatureBroken("the message was taken already")


def row(number: int, **changes: Any) -> AuditRow:
    given: dict[str, Any] = {
        "trace_id": f"{number:032x}",
        "at": AT,
        "transaction": "ITI-18",
        "outcome": 0,
        "message": "<AuditMessage/>",
        "evidence": "{}",
        "evidence_signature": b"\0\xff",
        "decision": None,
    }
    return AuditRow(**(given | changes))


def append(record: Any, *rows: AuditRow) -> list[int]:
    work = UnitOfWork()
    keys = [record.journal.append(work, item) for item in rows]
    record.commit(work)
    return keys


def test_rows_are_read_as_they_were_written(record: Any) -> None:
    (key,) = append(record, row(1, decision="P4"))
    (found,) = record.run(record.journal.trace(f"{1:032x}"))
    assert (found.id, found.at, found.decision) == (key, int(AT.timestamp() * 1000), "P4")
    assert bytes(found.evidence_signature) == b"\0\xff"
    assert record.run(record.journal.trace("none")) == []


def seal(record: Any, *leaves: tuple[int, int, bytes]) -> None:
    work = UnitOfWork()
    record.journal.seal(work, leaves)
    record.journal.keep_frontier(work, f"frontier of {len(leaves)}")
    record.journal.checkpoint(work, len(leaves), b"root", "note", AT)
    record.commit(work)


def test_rows_wait_for_their_seal_in_order(record: Any) -> None:
    keys = append(record, *(row(number) for number in range(4)))
    unsealed = record.journal.unsealed
    assert [item.id for item in record.run(unsealed(0, 10))] == sorted(keys)
    assert [item.id for item in record.run(unsealed(0, 2))] == sorted(keys)[:2]
    first, second, *rest = sorted(keys)
    seal(record, (0, second, b"b"), (1, first, b"a"))
    assert [item.id for item in record.run(unsealed(0, 10))] == rest
    assert [item.id for item in record.run(unsealed(rest[0] + 1, 10))] == rest[1:]
    sealed = record.run(record.journal.sealed_rows(0, 10))
    assert [(item.position, item.audit_id, bytes(item.leaf)) for item in sealed] == [
        (0, second, b"b"),
        (1, first, b"a"),
    ]
    assert [item.position for item in record.run(record.journal.sealed_rows(1, 10))] == [1]
    assert [(item.size, bytes(item.root)) for item in record.run(record.journal.checkpoints())] == [
        (2, b"root")
    ]


def test_a_leaf_without_its_row_is_still_told(record: Any) -> None:
    """Who deletes audit rows is found out: the leaf stays."""
    seal(record, (0, 4711, b"leaf"))
    (found,) = record.run(record.journal.sealed_rows(0, 10))
    assert (found.audit_id, found.message) == (4711, None)


def test_the_frontier_is_the_last_one_kept(record: Any) -> None:
    assert record.run(record.journal.frontier()) is None
    for text in ("one", "two"):
        work = UnitOfWork()
        record.journal.keep_frontier(work, text)
        record.commit(work)
    assert record.run(record.journal.frontier()) == "two"


def remembered(record: Any, sender: str = "a", expires: datetime = AT) -> UnitOfWork:
    work = UnitOfWork()
    record.journal.remember(
        work,
        sender=sender,
        message_id="m",
        digest=b"d",
        expires=expires,
        answer=b"answer",
        otherwise=REPLAYED,
    )
    return work


def test_a_message_is_taken_once_for_each_sender(record: Any) -> None:
    outcomes = record.all(*(record.database.apply([remembered(record)]) for _ in range(3)))
    assert outcomes.count(None) == 1
    assert sum(isinstance(outcome, SignatureBroken) for outcome in outcomes) == 2
    record.commit(remembered(record, sender="b"))
    digest, answer = record.run(record.journal.seen("a", "m"))
    assert (bytes(digest), bytes(answer)) == (b"d", b"answer")
    assert record.run(record.journal.seen("a", "other")) is None
    with pytest.raises(SignatureBroken):
        record.commit(remembered(record))


def test_messages_are_forgotten_when_their_window_is_over(record: Any) -> None:
    record.commit(remembered(record))
    for later, known in ((timedelta(0), True), (timedelta(milliseconds=1), False)):
        work = UnitOfWork()
        record.journal.forget(work, AT + later)
        record.commit(work)
        assert (record.run(record.journal.seen("a", "m")) is not None) == known
