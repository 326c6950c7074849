"""Tables of rights: what patients decided, what it came to at any time, and what was revoked."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text

from gateway.stores.tables.base import METADATA

patient_rights = Table(
    "patient_rights",
    METADATA,
    Column("patient_key", BigInteger, primary_key=True, autoincrement=False),
    Column("rights", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
