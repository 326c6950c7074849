import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from gateway.errors import Busy
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
    command.upgrade(configuration(url), "0004")
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


# --- 0001 to 0002: versions ----------------------------------------------------------------------

NEW = {"logical_id", "latest"}


def entry_of_0001(number: int) -> dict[str, Any]:
    return {
        "key": number, "patient_key": 1, "uuid": f"urn:uuid:e{number}", "unique_id": f"2.999.{number}",
        "status": "Deprecated" if number == 1 else "Approved", "type": "stable", "mime_type": "text/xml",
        "rank": 1, "version": 1, "offline": False, "fragment": "F" * 20_000, "hash": "a" * 40, "size": 12,
    }  # fmt: skip


def folder_of_0001(number: int) -> dict[str, Any]:
    return {
        "key": number, "patient_key": 1, "uuid": f"urn:uuid:f{number}", "unique_id": f"2.999.{number}",
        "status": "Approved", "last_update": "20260101000000", "version": 1, "fragment": f"<{number}/>",
    }  # fmt: skip


ROWS = {
    "entry": [entry_of_0001(1), entry_of_0001(2)],
    "entry_value": [{"entry_key": 1, "kind": "confidentiality", "value": "N^^2.999"}],
    "submission_set": [
        {
            "key": 5, "patient_key": 1, "uuid": "urn:uuid:s5", "unique_id": "2.999.5", "source_id": "2.999",
            "submission_time": "20260101000000", "status": "Approved", "digest": "d", "fragment": "<s/>",
        }
    ],
    "folder": [folder_of_0001(3), folder_of_0001(4)],
    "package_value": [{"package_key": 3, "kind": "code", "value": "c^^2.999"}],
    "association": [
        {
            "key": 6, "uuid": "urn:uuid:a6", "patient_key": 1, "relation": "HasMember",
            "source": "urn:uuid:f3", "target": "urn:uuid:e1", "status": "Approved", "fragment": "<a/>",
        }
    ],
    "claim": [{"unique_id": "2.999.1", "hash": "a" * 40, "size": 12}],
}  # fmt: skip


@pytest.fixture(params=["sqlite", "postgresql"])
def first(request: pytest.FixtureRequest, tmp_path: Path, opened: Callable[..., Any]) -> str:
    """A database at revision 0001 with rows of every kind."""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        name = f"first{next(server.numbers)}"
        server.execute(f"CREATE DATABASE {name}")
        url = server.url(name)
    else:
        url = f"sqlite:///{tmp_path}/first.db"
    command.upgrade(configuration(url), "0001")
    record = opened(url, tmp_path / "content")
    for name, rows in ROWS.items():
        columns = [sa.column(column) for column in rows[0]]
        work = UnitOfWork()
        work.write(sa.insert(sa.table(name, *columns)), *rows)
        record.commit(work)
    record.close()
    return url


def test_versions_are_given_to_what_is_registered(
    first: str, tmp_path: Path, opened: Callable[..., Any]
) -> None:
    upgrade(first)
    record = opened(first, tmp_path / "content")
    try:
        for name, rows in ROWS.items():
            table = tables.METADATA.tables[name]
            found = record.run(record.database.fetch(select(table).order_by(*table.primary_key)))
            kept = [{column: getattr(row, column) for column in rows[0]} for row in found]
            assert kept == rows
            if set(table.c.keys()) >= NEW:
                assert [(row.logical_id, bool(row.latest)) for row in found] == [
                    (row["uuid"], True) for row in rows
                ]
    finally:
        record.close()


def test_versions_share_a_unique_id_and_each_is_there_once(
    first: str, tmp_path: Path, opened: Callable[..., Any]
) -> None:
    upgrade(first)
    record = opened(first, tmp_path / "content")

    def add(name: str, row: dict[str, Any], **changes: Any) -> None:
        work = UnitOfWork()
        work.write(tables.METADATA.tables[name].insert(), row | {"latest": True} | changes)
        record.commit(work)

    try:
        for name, row in (("entry", entry_of_0001(1)), ("folder", folder_of_0001(3))):
            second = {"logical_id": row["uuid"], "version": 2}
            add(name, row, key=11, uuid="urn:uuid:x11", **second)
            with pytest.raises(Busy):
                add(name, row, key=12, uuid="urn:uuid:x12", **second)
            with pytest.raises(Busy):
                add(name, row, key=13, logical_id="urn:uuid:x13", version=3)  # the uuid is taken
        with pytest.raises(Busy):
            add("folder", folder_of_0001(3), key=14, uuid="urn:uuid:x14", logical_id="urn:uuid:x14")
        with pytest.raises(Busy):
            add("entry", entry_of_0001(9), logical_id=None)
    finally:
        record.close()


def test_workers_that_start_together_find_a_file_in_its_mode(tmp_path: Path) -> None:
    """A worker that turns the file into write-ahead mode locks out another that does the same."""
    url = f"sqlite:///{tmp_path / 'new.db'}"
    upgrade(url)
    with contextlib.closing(sqlite3.connect(tmp_path / "new.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
