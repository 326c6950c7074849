"""How far the trail was sent: one owner at a time, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import Outdated
from gateway.stores.forwarding import ForwardingStore, Sent
from gateway.stores.work import UnitOfWork


def write(record: Any, store: ForwardingStore, known: str | None, state: Sent) -> str:
    work = UnitOfWork()
    text = store.write(work, "national", known, state)
    record.commit(work)
    return text


def test_a_state_comes_back_and_receivers_are_apart(record: Any) -> None:
    store = ForwardingStore(record.database)
    assert record.run(store.read("national")) == (Sent(), None)
    first = write(record, store, None, Sent(sent=3, owner="a"))
    second = write(record, store, first, Sent(settled=3, sent=5, owner="a", until=7.5))
    assert record.run(store.read("national")) == (Sent(settled=3, sent=5, owner="a", until=7.5), second)
    assert record.run(store.read("regional")) == (Sent(), None)


@pytest.mark.parametrize("known", ["nothing", "before"])
def test_the_slower_of_two_processes_learns_it(record: Any, known: str) -> None:
    store = ForwardingStore(record.database)
    first = write(record, store, None, Sent(owner="a"))
    write(record, store, first, Sent(owner="b"))
    with pytest.raises(Outdated):
        write(record, store, None if known == "nothing" else first, Sent(owner="c"))
