"""Tables of the directory of professionals (ITI HPD): entries, what finds them, who belongs where."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from gateway.stores.tables.base import METADATA

_FOUND_BY = String(600).with_variant(String(600, collation="C"), "postgresql")
"""Compared octet by octet, so that an index serves the beginnings of values on both databases."""

directory_entry = Table(
    "directory_entry",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(900), nullable=False, unique=True),
    Column("suffix", String(400), nullable=False),
    Column("unit", String(32), nullable=False),
    Column("dn", Text, nullable=False),
    Column("attributes", Text, nullable=False),
    Column("standing", Text, nullable=False),
    Column("active", Boolean, nullable=False),
    Column("blocked", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Index("directory_entry_unit", "suffix", "unit"),
    comment="Entries by distinguished name; `standing` is what a rights decision needs of one.",
)

directory_value = Table(
    "directory_value",
    METADATA,
    Column("name", String(128), nullable=False),
    Column("value", _FOUND_BY, nullable=False),
    Column("entry_key", BigInteger, nullable=False, index=True),
    PrimaryKeyConstraint("name", "value", "entry_key"),
    comment="Values as they are compared, by attribute; '#' is what an assertion may call somebody.",
)

directory_link = Table(
    "directory_link",
    METADATA,
    Column("group_key", BigInteger, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("entry_key", BigInteger, nullable=False),
    PrimaryKeyConstraint("group_key", "kind", "entry_key"),
    Index("directory_link_entry", "entry_key", "kind", "group_key"),
    comment="Owners and members of groups; memberOf is read from here and nowhere else.",
)

directory_change = Table(
    "directory_change",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("entry_key", BigInteger, nullable=False, index=True),
    Column("operation", String(16), nullable=False),
    Column("dn", Text, nullable=False),
    Column("told", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("trace_id", String(32), nullable=False),
    comment="Every change of the directory: who, when and what (append only).",
)
