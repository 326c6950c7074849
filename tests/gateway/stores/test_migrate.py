from collections.abc import Callable
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from gateway.stores import tables
from gateway.stores.migrate import configuration, newest, upgrade
from gateway.stores.work import UnitOfWork
from profiles.xds.wire.write import entry_fragment


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


def test_titles_are_filled_in_from_what_is_stored(
    record: Any, make: Any, url: str, opened: Callable[..., Any]
) -> None:
    """A database of the version before had no titles."""
    record.feed()
    entries = [make.entry(title='A & "B" < C'), make.entry(title=None), make.entry(title="D", comments="x")]
    fragments = {entry.id: entry_fragment(entry) for entry in entries}
    submission = make.submission(*entries)
    fragments |= {name: "<x/>" for name in submission.ids if name not in fragments}
    record.commit(record.prepared(submission, make, fragments=fragments))
    before_titles(record)
    upgrade(url)
    again = opened(url, record.content)
    try:
        rows = again.run(again.database.fetch(select(tables.entry.c.title).order_by(tables.entry.c.key)))
        assert [row.title for row in rows] == [entry.title for entry in entries]
    finally:
        again.close()


def before_titles(record: Any) -> None:
    """Undoes the migration that brought titles."""
    before = ScriptDirectory.from_config(configuration("sqlite://")).get_revision("0004").down_revision
    indexes = ("entry_class", "entry_value_sought", "package_value_sought")
    work = UnitOfWork()
    for statement in (
        *(f"DROP INDEX {name}" for name in indexes),
        "ALTER TABLE entry DROP COLUMN title",
        f"UPDATE alembic_version SET version_num = '{before}'",  # noqa: S608 - a revision of ours
    ):
        work.write(text(statement))
    record.commit(work)
