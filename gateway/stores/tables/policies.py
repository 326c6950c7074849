"""The table of policies: every state that decided anything, with who proposed and who approved it."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.stores.tables.base import METADATA

policy_version = Table(
    "policy_version",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("version", String(200), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("files", LargeBinary, nullable=False),
    Column("manifest", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Index("policy_version_kind", "kind", "number"),
    Index("policy_version_version", "version"),
    comment="Policies with the files, append only: proposed, activated, or followed in the folder.",
)
