"""A proposal is kept until another person confirms it, once."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import Outdated
from gateway.record.retention import Proposal
from gateway.stores.proposals import ProposalStore
from gateway.stores.work import UnitOfWork


def proposal(subject: str = "run", actor: str = "eve", at: int = 1) -> Proposal:
    return Proposal(subject=subject, actor=actor, reason="moving", at=at)


def test_the_newest_about_a_subject_counts_and_ends_once(record: Any) -> None:
    store, work = ProposalStore(record.database), UnitOfWork()
    for each in (proposal(), proposal("release 7", at=2)):
        store.put(work, each)
    record.commit(work)
    assert record.run(store.listed(0)) == [proposal(), proposal("release 7", at=2)]
    assert record.run(store.listed(2)) == [proposal("release 7", at=2)]
    again, newer = UnitOfWork(), proposal(actor="adam", at=3)
    store.put(again, newer)
    record.commit(again)
    assert record.run(store.one("run")) == newer
    stale, ended = UnitOfWork(), UnitOfWork()
    store.end(stale, proposal())
    with pytest.raises(Outdated):
        record.commit(stale)
    store.end(ended, newer)
    record.commit(ended)
    assert record.run(store.one("run")) is None
