from __future__ import annotations

import sqlite3
from contextlib import closing

from sqlalchemy import Column, Integer, MetaData, String, Table, bindparam, select
from sqlalchemy.dialects.sqlite import dialect

from gateway.stores.prepared import Preparer

THINGS = Table("things", MetaData(), Column("key", Integer), Column("name", String))
QUERY = (
    select(THINGS)
    .where(THINGS.c.name.in_(bindparam("names", expanding=True)), THINGS.c.key.in_([1, 2, 3]))
    .order_by(THINGS.c.key)
    .limit(2)
)


def test_lists_of_any_length_and_constants_find_their_places() -> None:
    preparer = Preparer(dialect(paramstyle="qmark"))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE things (key, name)")
        connection.executemany("INSERT INTO things VALUES (?, ?)", [(n, f"n{n}") for n in range(6)])
        for names, keys in ((["n1"], [1]), (["n4", "n2"], [2]), (["n1", "n2", "n3"], [1, 2]), ([], [])):
            values = {"names": names}
            rows = preparer.prepare(QUERY, values).run(connection, values)
            assert [row.key for row in rows] == keys
            assert [row.name for row in rows] == [f"n{key}" for key in keys]


def test_a_statement_is_compiled_once_for_each_number_of_values() -> None:
    preparer = Preparer(dialect(paramstyle="qmark"))
    first = preparer.prepare(QUERY, {"names": ["a"]})
    assert preparer.prepare(QUERY, {"names": ["b"]}) is first
    assert preparer.prepare(QUERY, {"names": ["a", "b"]}) is not first
