"""Tables of what was issued: authorization codes that wait to be used, tokens and assertions in force."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, LargeBinary, String, Table

from gateway.stores.tables.base import METADATA

authorization_code = Table(
    "authorization_code",
    METADATA,
    Column("digest", String(64), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    comment="Authorization codes that wait to be used once, by digest; whom they stand for is sealed.",
)

issued_token = Table(
    "issued_token",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("client", String(64), nullable=False),
    Column("subject", String(512), nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Index("issued_token_subject", "subject"),
    comment="Access tokens and assertions issued here, not expired yet: jti or assertion ID, for whom.",
)
