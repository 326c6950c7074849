from datetime import timedelta
from typing import Any

import pytest

from gateway.errors import Defect, Refused
from gateway.stores.tokens import Issued, TokenStore
from gateway.stores.work import UnitOfWork
from gateway.tokens.service import refused_code
from tests.recording import AT

MINUTE = timedelta(minutes=1)


@pytest.fixture
def store(record: Any) -> TokenStore:
    return TokenStore(record.database, record.keys)


def kept(record: Any, store: TokenStore, content: bytes = b"a person") -> str:
    work = UnitOfWork()
    code = store.keep_code(work, content, AT + MINUTE)
    record.commit(work)
    return code


def test_a_code_stands_for_what_was_kept_until_it_is_over(record: Any, store: TokenStore) -> None:
    code, other = kept(record, store), kept(record, store, b"another")
    assert len(code) == 43
    assert record.run(store.code(code, AT)) == b"a person"
    assert record.run(store.code(other, AT)) == b"another"
    assert record.run(store.code(code, AT + MINUTE)) is None
    assert record.run(store.code("x" * 43, AT)) is None


def test_a_code_is_used_by_one_of_many(record: Any, store: TokenStore) -> None:
    code = kept(record, store)
    works = [UnitOfWork() for _ in range(5)]
    for work in works:
        store.use_code(work, code, refused_code())
    done = record.all(*(record.committer.commit(work) for work in works))
    assert sorted(type(each).__name__ for each in done) == ["NoneType", *["Refused"] * 4]
    assert isinstance(next(each for each in done if each is not None), Refused)
    assert record.run(store.code(code, AT)) is None


def test_what_a_code_stands_for_opens_under_its_own_key_only(record: Any, store: TokenStore) -> None:
    code = kept(record, store)
    other = TokenStore(record.database, type(record.keys)(bytes(32)))
    with pytest.raises(Defect):
        record.run(other.code(code, AT))


def test_what_was_issued_is_in_force_until_it_expires(record: Any, store: TokenStore) -> None:
    work = UnitOfWork()
    issued = Issued(
        id="t-1", kind="access-token", client="portal", subject="dr.hart", at=AT, expires=AT + MINUTE
    )
    store.note(work, issued)
    record.commit(work)
    assert record.run(store.in_force("t-1", AT))
    assert not record.run(store.in_force("t-1", AT + MINUTE))
    assert not record.run(store.in_force("t-2", AT))
    assert record.run(store.listed(AT)) == [issued]


def test_what_is_over_is_forgotten_and_nothing_else(record: Any, store: TokenStore) -> None:
    code = kept(record, store)
    for at, left in ((AT, b"a person"), (AT + MINUTE, None)):
        work = UnitOfWork()
        store.forget(work, at)
        record.commit(work)
        assert record.run(store.code(code, AT)) == left
