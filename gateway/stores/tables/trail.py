"""Tables of the trail: messages seen, audit with its seals, what leaves later."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from gateway.stores.tables.base import METADATA

meta = Table(
    "meta", METADATA, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

seen_message = Table(
    "seen_message",
    METADATA,
    Column("sender", String(128), nullable=False),
    Column("message_id", String(256), nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("digest", LargeBinary, nullable=False),
    Column("answer", LargeBinary),
    PrimaryKeyConstraint("sender", "message_id"),
)

audit = Table(
    "audit",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("trace_id", String(32), nullable=False, index=True),
    Column("transaction", String(16), nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("message", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Column("evidence_signature", LargeBinary, nullable=False),
    Column("decision", Text),
)

audit_leaf = Table(
    "audit_leaf",
    METADATA,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("audit_id", BigInteger, nullable=False, unique=True),
    Column("leaf", LargeBinary, nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

audit_node = Table(
    "audit_node",
    METADATA,
    Column("level", SmallInteger, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    PrimaryKeyConstraint("level", "number"),
    sqlite_with_rowid=False,
    comment="Roots of full subtrees of 2^level leaves, so that a proof in a large tree reads few rows.",
)

audit_stamp = Table(
    "audit_stamp",
    METADATA,
    Column("size", BigInteger, nullable=False),
    Column("tsa", String(512), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("token", LargeBinary, nullable=False),
    PrimaryKeyConstraint("size", "tsa"),
    comment="Time stamps (RFC 3161) over the checkpoint of a size; `at` is the time it tells.",
)

audit_cosignature = Table(
    "audit_cosignature",
    METADATA,
    Column("size", BigInteger, nullable=False),
    Column("witness", String(256), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    PrimaryKeyConstraint("size", "witness"),
    comment="Cosignatures of witnesses (C2SP tlog-cosignature) over the checkpoint of a size.",
)

audit_signer = Table(
    "audit_signer",
    METADATA,
    Column("fingerprint", String(64), primary_key=True),
    Column("since", BigInteger, nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    comment="Every certificate that ever signed this trail, kept for whoever verifies it later.",
)

_A_REPLY = text("about IS NULL")
outbox = Table(
    "outbox",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(64), nullable=False),
    Column("address", String(1024), nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("transaction", String(16), nullable=False),
    Column("content_type", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("next_attempt", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("claimed_by", String(32)),
    Column("wrapped", LargeBinary, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("about", LargeBinary),
    Index("outbox_order", "node", "address", "key"),
    Index("outbox_replies", "node", sqlite_where=_A_REPLY, postgresql_where=_A_REPLY),
    comment="Replies that leave later, and notifications (`about` is set); sealed under keys of their own.",
)
