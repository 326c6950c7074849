from typing import Any

import pytest
from sqlalchemy import insert, select, update

from gateway.errors import Busy
from gateway.stores import tables
from gateway.stores.database import scalar
from gateway.stores.work import UnitOfWork

META = tables.meta
INSERT = insert(META)
LOST = Busy("lost")


def names(record: Any) -> list[str]:
    return [row.name for row in record.run(record.database.fetch(select(META).order_by(META.c.name)))]


def noted(*values: str, **options: Any) -> UnitOfWork:
    work = UnitOfWork()
    work.write(INSERT, *({"name": value, "value": value} for value in values), **options)
    return work


def test_nothing_is_written_before_it_is_applied(record: Any) -> None:
    work = noted("a")
    assert names(record) == []
    record.run(record.database.apply([work]))
    assert names(record) == ["a"]


def test_all_units_of_a_call_or_none(record: Any) -> None:
    record.run(record.database.apply([noted("a"), noted("b", "c")]))
    with pytest.raises(Busy):
        record.run(record.database.apply([noted("d"), noted("a", otherwise=LOST)]))
    assert names(record) == ["a", "b", "c"]


def test_the_refusal_of_a_broken_constraint_is_the_one_foreseen(record: Any) -> None:
    record.run(record.database.apply([noted("a")]))
    with pytest.raises(Busy, match="lost"):
        record.run(record.database.apply([noted("b", "a", otherwise=LOST)]))
    with pytest.raises(Busy, match="did not take"):
        record.run(record.database.apply([noted("a")]))
    assert names(record) == ["a"]


@pytest.mark.parametrize(("expect", "kept"), [(1, True), (2, False), (0, False)])
def test_the_number_of_rows_touched_is_demanded(record: Any, expect: int, kept: bool) -> None:  # noqa: FBT001
    record.run(record.database.apply([noted("a", "b")]))
    work = noted("c")
    work.write(update(META).where(META.c.name == "a").values(value="new"), otherwise=LOST, expect=expect)
    if kept:
        record.run(record.database.apply([work]))
    else:
        with pytest.raises(Busy):
            record.run(record.database.apply([work]))
    value = record.run(scalar(record.database, "SELECT value FROM meta WHERE name = 'a'"))
    assert (value, names(record)) == (("new", ["a", "b", "c"]) if kept else ("a", ["a", "b"]))


def test_a_check_sees_what_its_unit_wrote(record: Any) -> None:
    work = noted("a")
    work.check(select(META).where(META.c.name == "a"), LOST)
    record.run(record.database.apply([work]))
    missing = noted("b")
    missing.check(select(META).where(META.c.name == "none"), LOST)
    with pytest.raises(Busy):
        record.run(record.database.apply([missing]))
    assert names(record) == ["a"]


def test_journal_rows_of_several_units_go_together(record: Any) -> None:
    works = []
    for name in "abc":
        work = UnitOfWork()
        work.record(INSERT, {"name": name, "value": ""})
        works.append(work)
    record.run(record.database.apply(works))
    assert names(record) == ["a", "b", "c"]


def test_a_rollback_undoes_each_thing_once() -> None:
    undone: list[str] = []
    work = UnitOfWork()
    work.on_rollback += [lambda: undone.append("first"), lambda: undone.append("second")]
    work.rolled_back()
    work.rolled_back()
    assert undone == ["first", "second"]


def test_scalar_of_nothing_is_none(record: Any) -> None:
    assert record.run(scalar(record.database, "SELECT value FROM meta")) is None
