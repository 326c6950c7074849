"""Tables of the trail as it is read: what events are found by, and what other systems sent us.

`slot` is the week of the event: rows of one week lie together, whatever they are found by, so that what is
written and read at one time stays in memory, and a week that is over is erased as a whole.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
)

from gateway.stores.tables.base import METADATA, blocks

event = Table(
    "event",
    METADATA,
    Column("slot", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("id", BigInteger, nullable=False),
    Column("trail", SmallInteger, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("item", SmallInteger, nullable=False),
    Column("type", String(32), nullable=False),
    Column("subtype", String(64), nullable=False),
    Column("action", String(1), nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("flags", SmallInteger, nullable=False),
    PrimaryKeyConstraint("slot", "at", "id"),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (slot)",
    comment="One event; `place` is the audit row or the block it is in, `item` its number there.",
)

event_term = Table(
    "event_term",
    METADATA,
    Column("slot", Integer, nullable=False),
    Column("term", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("id", BigInteger, nullable=False),
    PrimaryKeyConstraint("slot", "term", "at", "id"),
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (slot)",
    comment="What events are found by: patients, agents and objects, as keyed digests.",
)

event_seen = Table(
    "event_seen",
    METADATA,
    Column("slot", Integer, nullable=False),
    Column("digest", LargeBinary(16), nullable=False),
    PrimaryKeyConstraint("slot", "digest"),
    sqlite_with_rowid=False,
    comment="Messages of others that were taken, so that one sent again is kept once.",
)

event_block = blocks(
    "event_block", "Messages of other systems as they came, packed, sealed under the key of trail and week."
)

slot_key = Table(
    "slot_key",
    METADATA,
    Column("trail", SmallInteger, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    PrimaryKeyConstraint("trail", "slot"),
    comment="Keys of blocks; destroying one erases what was received in a week.",
)
