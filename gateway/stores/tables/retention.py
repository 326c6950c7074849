"""Tables of retention: records of what was erased, and legal holds."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, SmallInteger, String, Table, Text

from gateway.stores.tables.base import METADATA

erasure = Table(
    "erasure",
    METADATA,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("slot", Integer, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("swept", SmallInteger, nullable=False),
    comment="Signed records of erasure: which audit row, and between which positions it erased how much.",
)

retention_hold = Table(
    "retention_hold",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(256), nullable=False),
    Column("since", BigInteger),
    Column("until", BigInteger),
    Column("reason", Text, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("released_at", BigInteger),
    Column("released_by", String(128)),
    comment="What must not be erased although its time is over, and who said so.",
)

retention_proposal = Table(
    "retention_proposal",
    METADATA,
    Column("subject", String(64), primary_key=True),
    Column("actor", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    comment="What one person proposed about retention, and another has yet to confirm.",
)
