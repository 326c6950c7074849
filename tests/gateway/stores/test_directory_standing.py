"""What is kept of the directory of professionals never outlives a change, whoever makes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gateway.stores.directory import DirectoryStore, Trail
from gateway.stores.keys import key_maker
from gateway.stores.work import UnitOfWork

TRAIL = Trail(actor="tester", at=datetime(2026, 3, 4, tzinfo=UTC), trace_id="0" * 32)


def test_an_answer_is_kept_until_something_changes(record: Any) -> None:
    store, other = (DirectoryStore(record.database, key_maker()) for _ in range(2))
    first = record.run(store.who(["2.999.9.1"], "2.999.7"))
    assert record.run(store.who(["2.999.9.1"], "2.999.7")) is first
    work = UnitOfWork()
    other.record(work, 1, "modify", "uid=1", {}, TRAIL)
    record.commit(work)
    again = record.run(store.who(["2.999.9.1"], "2.999.7"))
    assert again is not first
    assert record.run(store.who(["2.999.9.1"], "2.999.7")) is again
    assert record.run(store.who(["2.999.9.1"], "2.999.8")) is not again
