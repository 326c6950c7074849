"""Keys of the record under a new master key."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path

from gateway.crypto.envelope import KeyTree
from gateway.crypto.keyring import read_ring, write_ring
from gateway.stores import tables
from gateway.stores.database import open_database
from gateway.stores.rewrapping import TABLES, Rewrapper
from gateway.stores.tables.base import METADATA
from gateway.stores.work import UnitOfWork
from tests.postgresql import Server


def test_no_table_of_wrapped_keys_is_left_out() -> None:
    """The key of a document is wrapped by that of its record, not by the master key."""
    wrapped = {name for name, table in METADATA.tables.items() if "wrapped" in table.c}
    assert wrapped - {"content"} == {table.name for table in TABLES}


def play(url: str, path: Path) -> None:
    path.write_bytes(base64.b64encode(os.urandom(32)))
    path.chmod(0o600)
    serving = KeyTree.at(path)
    made = {number: serving.new_record_key() for number in range(1, 24)}

    async def within() -> None:
        database = open_database(url)
        try:
            work = UnitOfWork()
            rows = [
                {"patient_key": number, "master_version": 1, "wrapped": wrapped}
                for number, (_, wrapped) in made.items()
            ]
            work.write(tables.record_key.insert(), *rows)
            await database.apply([work])
            assert (await Rewrapper(database, serving).run()).rewrapped == 0
            write_ring(path, read_ring(path).with_new())
            keys = KeyTree.at(path)
            rewrapper = Rewrapper(database, keys, 5)
            assert await rewrapper.fits()
            assert await rewrapper.old() == len(made)
            passed = await rewrapper.run()
            assert (passed.seen, passed.rewrapped) == (len(made), len(made))
            assert await rewrapper.old() == 0
            for row in await database.fetch(tables.record_key.select()):
                assert row.master_version == 2
                assert (
                    keys.record_key(row.wrapped)
                    == serving.record_key(row.wrapped)
                    == made[row.patient_key][0]
                )
            assert not await Rewrapper(database, KeyTree(os.urandom(32))).fits()
        finally:
            await database.close()

    asyncio.run(within())


def test_keys_are_put_under_the_new_one_in_sqlite(migrated: Path, tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    path.write_bytes(migrated.read_bytes())
    play(f"sqlite:///{path}", tmp_path / "master.key")


def test_keys_are_put_under_the_new_one_in_postgresql(postgres: Server, tmp_path: Path) -> None:
    play(postgres.fresh(), tmp_path / "master.key")
