"""Tables of the operators: second factors, sessions, failed logins, and their own trail."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, PrimaryKeyConstraint, String, Table, Text

from gateway.stores.tables.base import METADATA

operator_factor = Table(
    "operator_factor",
    METADATA,
    Column("environment", String(16), nullable=False),
    Column("login", String(64), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("digest", String(8), nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("environment", "login"),
    comment="Secrets of one-time codes, sealed; `last_step` is the newest step of time that was used up.",
)

operator_session = Table(
    "operator_session",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("name", String(16), nullable=False),
    Column("environment", String(16), nullable=False),
    Column("login", String(64), nullable=False, index=True),
    Column("roles", Text, nullable=False),
    Column("source", String(128), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    comment="Sessions of operators by the digest of their token, which is known to its holder only.",
)

operator_failure = Table(
    "operator_failure",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("login", String(64), nullable=False),
    Column("source", String(128), nullable=False),
    Column("at", BigInteger, nullable=False, index=True),
    comment="Attempts to log in that failed or have not ended yet; counted by account and by source.",
)

operator_event = Table(
    "operator_event",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("line", Text, nullable=False),
    Column("sent_at", BigInteger),
    Index("operator_event_unsent", "sent_at", "key"),
    comment="The operators' trail in syslog form (RFC 5424); never mixed with that of patients' data.",
)
