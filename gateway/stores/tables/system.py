"""Tables of the system store: what systems say of themselves, which is about nobody's record."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from gateway.stores.tables.base import METADATA, blocks

system_block = blocks(
    "system_block", "Messages of systems as they came, packed, sealed under the key of trail and week."
)

system_event = Table(
    "system_event",
    METADATA,
    Column("slot", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("item", SmallInteger, nullable=False),
    Column("facility", SmallInteger, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("host", String(255), nullable=False),
    Column("app", String(64), nullable=False),
    Column("sender", String(128), nullable=False),
    Column("flags", SmallInteger, nullable=False),
    PrimaryKeyConstraint("slot", "at", "id"),
    sqlite_with_rowid=False,
    comment="One message of a system; `place` is its block, `sender` the node or address it came from.",
)
