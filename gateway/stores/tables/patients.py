"""Tables of identities: who is known, what was said of them, who is whom, visits and subscriptions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    text,
)

from gateway.stores.tables.base import METADATA

patient = Table(
    "patient",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("head", BigInteger, nullable=False, index=True),
    Column("person", BigInteger, nullable=False, index=True, server_default="0"),
    Column("root", String(128), nullable=False),
    Column("extension", String(256), nullable=False),
    Column("state", String(8), nullable=False, server_default="active"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("demographics", LargeBinary),
    Column("traits", LargeBinary),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False, server_default="0"),
    Index("patient_identifier", "root", "extension", unique=True),
    comment="Identities as their sources sent them, merged into a head, linked to a person.",
)

patient_version = Table(
    "patient_version",
    METADATA,
    Column("patient_key", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("demographics", LargeBinary),
    PrimaryKeyConstraint("patient_key", "version"),
    comment="What an identity said before it was changed.",
)

patient_token = Table(
    "patient_token",
    METADATA,
    Column("token", BigInteger, nullable=False),
    Column("patient_key", BigInteger, nullable=False),
    Column("families", BigInteger, nullable=False),
    Column("givens", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),
    Column("year", Integer, nullable=False),
    Column("day", Integer, nullable=False),
    PrimaryKeyConstraint("token", "patient_key"),
    sqlite_with_rowid=False,
    comment="Keyed hashes of traits, by which identities are found without the traits being readable.",
)

visit = Table(
    "visit",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False),
    Column("number", String(512), nullable=False),
    Column("step", Integer, nullable=False),
    Column("event", String(3), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("facts", LargeBinary, nullable=False),
    Index("visit_step", "patient_key", "number", "step", unique=True),
    comment="What visits became with each event; the last step is how a visit stands (append only).",
)

patient_event = Table(
    "patient_event",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("operation", BigInteger, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("actor", Text, nullable=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("head_before", BigInteger),
    Column("head_after", BigInteger, nullable=False),
    Column("person_before", BigInteger, index=True),
    Column("person_after", BigInteger, nullable=False),
    Column("state_before", String(8)),
    Column("state_after", String(8), nullable=False),
    Column("undoes", BigInteger),
    Column("decision", Text),
    comment="Every change of who is whom, in order; replayed, it gives the state at any instant.",
)

patient_assertion = Table(
    "patient_assertion",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("first", BigInteger, nullable=False),
    Column("second", BigInteger, nullable=False, index=True),
    Column("same", Boolean, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("operation", BigInteger, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Index("patient_assertion_pair", "first", "second", unique=True),
    comment="Somebody said of two identities that they are one person, or not; this beats every rule.",
)

patient_review = Table(
    "patient_review",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(24), nullable=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("person", BigInteger, nullable=False, index=True),
    Column("state", String(10), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("proposed", String(16)),
    Column("proposed_by", Text),
    Column("proposed_at", BigInteger),
    Column("proposed_reason", Text),
    Column("decided", String(16)),
    Column("decided_by", Text),
    Column("decided_at", BigInteger),
    Column("decided_reason", Text),
    Column("operation", BigInteger),
    Index(
        "patient_review_open",
        "patient_key",
        "person",
        "kind",
        unique=True,
        sqlite_where=text("decided IS NULL"),
        postgresql_where=text("decided IS NULL"),
    ),
    Index("patient_review_state", "state", "priority", "key"),
    comment="What the matching left to people: who proposed what, and who confirmed it.",
)

continuation = Table(
    "continuation",
    METADATA,
    Column("pointer", String(64), primary_key=True),
    Column("node", String(64), nullable=False),
    Column("tag", String(256), nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("persons", LargeBinary, nullable=False),
    Index("continuation_tag", "node", "tag"),
    comment="The persons found by a query whose answer is fetched in parts.",
)

subscription = Table(
    "subscription",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("resource", LargeBinary, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    comment="Subscriptions to changes of identities (PMIR), sealed under keys of their own.",
)
