"""Tables of presence and emergency: codes of presence, visits that give a relation, emergency accesses."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.stores.tables.base import METADATA

presence_code = Table(
    "presence_code",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Index("presence_code_number", "patient_key", "number", unique=True),
    comment="Codes that patients may give away, as keyed hashes; a code that is used is gone.",
)

presence_miss = Table(
    "presence_miss",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(64), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Index("presence_miss_name", "name", "at"),
    comment="Wrong codes by person and by patient, each a keyed hash; forgotten when they count no more.",
)

visit_notice = Table(
    "visit_notice",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("root", String(128), nullable=False),
    Column("extension", String(256), nullable=False),
    Column("number", String(512), nullable=False),
    Column("node", String(64), nullable=False),
    Column("organisation", String(64), nullable=False),
    Column("organisation_name", Text, nullable=False),
    Column("event", String(8), nullable=False),
    Column("by", String(16), nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("at", BigInteger, nullable=False),
    comment="Visits that were told and have not become care relations yet; emptied by the keeper.",
)

emergency = Table(
    "emergency",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("subject", String(256), nullable=False),
    Column("number", Integer, nullable=False),
    Column("role", String(128), nullable=False),
    Column("organisation", String(128)),
    Column("facts", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    Column("until", BigInteger, nullable=False),
    Column("deadline", BigInteger, nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("stopped_at", BigInteger),
    Column("stop", String(24)),
    Column("judgement", String(8), nullable=False, server_default="open"),
    Column("judged_at", BigInteger),
    Column("judged_by", String(256)),
    Column("judged_why", LargeBinary),
    Index("emergency_number", "subject", "number", unique=True),
    Index("emergency_judgement", "judgement", "key"),
    Index("emergency_running", "stopped_at", "until"),
    comment="Emergency accesses: who, whose record, when; why is sealed. What the review said of each.",
)

emergency_use = Table(
    "emergency_use",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("emergency", BigInteger, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("trace_id", String(32), nullable=False),
    Column("transaction", String(16), nullable=False),
    comment="The requests that belong to an emergency (append only).",
)

patient_notice = Table(
    "patient_notice",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("emergency", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    comment="What patients are told of emergency accesses to their records, sealed (append only).",
)
