"""Tables of the record: keys, registry objects, contents."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from gateway.stores.fragments import Fragment
from gateway.stores.tables.base import METADATA


def _sought(table: str, wanted: str) -> Index:
    """An index of the multiple values by which a query may look through all records."""
    condition = text(wanted)
    return Index(f"{table}_sought", "kind", "value", sqlite_where=condition, postgresql_where=condition)


record_key = Table(
    "record_key",
    METADATA,
    Column("patient_key", BigInteger, primary_key=True, autoincrement=False),
    Column("master_version", Integer, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

entry = Table(
    "entry",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False),
    Column("uuid", String(45), nullable=False, unique=True),
    Column("logical_id", String(45), nullable=False),
    Column("unique_id", String(128), nullable=False, index=True),
    Column("status", String(10), nullable=False),
    Column("type", String(10), nullable=False),
    Column("mime_type", String(256), nullable=False),
    Column("class_code", Text),
    Column("document_class", Text),
    Column("type_code", Text),
    Column("format_code", Text),
    Column("facility_type", Text),
    Column("practice_setting", Text),
    Column("creation_time", String(14)),
    Column("service_start", String(14)),
    Column("service_stop", String(14)),
    Column("rank", SmallInteger, nullable=False),
    Column("organisation", String(128)),
    Column("repository", String(64)),
    Column("home", String(80)),
    Column("hash", String(40)),
    Column("size", BigInteger),
    Column("version", Integer, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("offline", Boolean, nullable=False),
    Column("fragment", Fragment, nullable=False),
    Column("title", Text),
    Index("entry_patient", "patient_key", "status", "type", "class_code"),
    Index("entry_version", "logical_id", "version", unique=True),
    Index("entry_class", "class_code", "creation_time"),
)

entry_value = Table(
    "entry_value",
    METADATA,
    Column("entry_key", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("entry_key", "kind", "value"),
    _sought("entry_value", "kind = 'event' OR kind = 'reference'"),
)

submission_set = Table(
    "submission_set",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("uuid", String(45), nullable=False, unique=True),
    Column("unique_id", String(64), nullable=False, unique=True),
    Column("source_id", String(64), nullable=False),
    Column("content_type", Text),
    Column("submission_time", String(14), nullable=False),
    Column("status", String(10), nullable=False),
    Column("home", String(80)),
    Column("digest", String(64), nullable=False),
    Column("fragment", Fragment, nullable=False),
)

folder = Table(
    "folder",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("patient_key", BigInteger, nullable=False, index=True),
    Column("uuid", String(45), nullable=False, unique=True),
    Column("logical_id", String(45), nullable=False),
    Column("unique_id", String(64), nullable=False),
    Column("status", String(10), nullable=False),
    Column("last_update", String(14), nullable=False),
    Column("version", Integer, nullable=False),
    Column("latest", Boolean, nullable=False),
    Column("home", String(80)),
    Column("fragment", Fragment, nullable=False),
    Index("folder_unique_id", "unique_id", "version", unique=True),
    Index("folder_version", "logical_id", "version", unique=True),
)

package_value = Table(
    "package_value",
    METADATA,
    Column("package_key", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("package_key", "kind", "value"),
    _sought("package_value", "kind = 'code'"),
)

association = Table(
    "association",
    METADATA,
    Column("key", BigInteger, primary_key=True, autoincrement=False),
    Column("uuid", String(45), nullable=False, unique=True),
    Column("patient_key", BigInteger, nullable=False),
    Column("relation", String(16), nullable=False),
    Column("source", String(45), nullable=False, index=True),
    Column("target", String(45), nullable=False, index=True),
    Column("status", String(10), nullable=False),
    Column("fragment", Fragment, nullable=False),
)

claim = Table(
    "claim",
    METADATA,
    Column("unique_id", String(128), primary_key=True),
    Column("hash", String(40), nullable=False),
    Column("size", BigInteger, nullable=False),
    comment="The octets a document uniqueId stands for, settled once for all entries that use it.",
)

content = Table(
    "content",
    METADATA,
    Column("unique_id", String(128), primary_key=True),
    Column("blob", String(64), nullable=False),
    Column("record_key", BigInteger, nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha1", String(40), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("mime_type", String(256), nullable=False),
    Column("stored_at", BigInteger, nullable=False),
)
