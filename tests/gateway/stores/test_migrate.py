from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from gateway.stores import tables
from gateway.stores.migrate import newest, upgrade


def test_the_migrations_make_every_table_with_every_column(record: Any) -> None:
    for table in tables.METADATA.sorted_tables:
        assert record.run(record.database.fetch(select(table))) == []


def test_a_second_upgrade_changes_nothing(record: Any, url: str, opened: Callable[..., Any]) -> None:
    record.feed()
    upgrade(url)
    again = opened(url, record.content)
    try:
        assert len(again.run(again.database.fetch(select(tables.patient)))) == 1
    finally:
        again.close()
    assert newest()
