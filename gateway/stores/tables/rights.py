"""Tables of rights: what patients decided, what it came to at any time, and what was revoked."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from gateway.stores.tables.base import METADATA

patient_rights = Table(
    "patient_rights",
    METADATA,
    Column("patient_key", BigInteger, primary_key=True, autoincrement=False),
    Column("rights", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    comment="What all decisions of a patient come to now; the rights engine reads nothing else.",
)

rights_version = Table(
    "rights_version",
    METADATA,
    Column("patient_key", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("rights", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("patient_key", "version"),
    comment="What the decisions of a patient came to with every change (append only); for replays.",
)

consent = Table(
    "consent",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("status", String(16), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("trace_id", String(32), nullable=False),
    Index("consent_version", "id", "version", unique=True),
    comment="Decisions of patients with who, when and why, sealed; each change adds a version.",
)

revocation = Table(
    "revocation",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(512), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_at", BigInteger),
    Column("lifted_by", Text),
    Column("incident", BigInteger),
    Index("revocation_name", "kind", "name"),
    comment="Persons, nodes, organisations, issuers and tokens that are shut out, whatever else says.",
)
