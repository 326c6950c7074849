"""Tables of the watch: what its rules remember, alerts, incidents with their steps."""

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

watch_state = Table(
    "watch_state",
    METADATA,
    Column("subject", String(320), primary_key=True),
    Column("state", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    comment="What the rules of the watch remember of a person, node, organisation or address.",
)

alert = Table(
    "alert",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rule", String(32), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("subject", String(256), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("explanation", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_by", String(128)),
    Column("state_why", Text),
    Column("incident", BigInteger),
    Index("alert_subject", "rule", "subject", "number"),
    comment="What a rule of the watch found; the same again counts in the row that is open.",
)

incident = Table(
    "incident",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("title", String(256), nullable=False),
    Column("severity", String(8), nullable=False),
    Column("state", String(16), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("opened_by", String(128), nullable=False),
    Column("after", BigInteger),
    Column("steps", Integer, nullable=False),
    comment="Incidents as they stand; what made them so are their steps.",
)

incident_step = Table(
    "incident_step",
    METADATA,
    Column("incident", BigInteger, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("kind", String(24), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("audit_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("incident", "number"),
    comment="Steps of incidents (append only), each chained to the one before and told to the trail.",
)
