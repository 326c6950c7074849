"""The tables of the record, its audit and its keys. Times are text in DTM or epoch milliseconds in UTC.

Record keys are 63-bit numbers made by the application, so that a unit of work can be written in one go.
Coded values stand as `code^^scheme`. Fragments are packed (`gateway.stores.fragments`) and carry marks
(`gateway.stores.marks`).
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    text,
)

from gateway.stores.fragments import Fragment

METADATA = MetaData()


def _sought(table: str, wanted: str) -> Index:
    """An index of the multiple values by which a query may look through all records."""
    condition = text(wanted)
    return Index(f"{table}_sought", "kind", "value", sqlite_where=condition, postgresql_where=condition)


meta = Table(
    "meta", METADATA, Column("name", String(64), primary_key=True), Column("value", Text, nullable=False)
)

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

patient_rights = Table(
    "patient_rights",
    METADATA,
    Column("patient_key", BigInteger, primary_key=True, autoincrement=False),
    Column("rights", Text, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)

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
