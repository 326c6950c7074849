"""presence codes, emergency accesses and their reviews."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _presence()
    _emergencies()


def _presence() -> None:
    op.create_table(
        "presence_code",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        comment="Codes that patients may give away, as keyed hashes; a code that is used is gone.",
    )
    op.create_index("ix_presence_code_expires_at", "presence_code", ["expires_at"])
    op.create_index("presence_code_number", "presence_code", ["patient_key", "number"], unique=True)
    op.create_table(
        "presence_miss",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        comment="Wrong codes by person and by patient, each a keyed hash; forgotten when they count no more.",
    )
    op.create_index("ix_presence_miss_at", "presence_miss", ["at"])
    op.create_index("presence_miss_name", "presence_miss", ["name", "at"])
    op.create_table(
        "visit_notice",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("root", sa.String(128), nullable=False),
        sa.Column("extension", sa.String(256), nullable=False),
        sa.Column("number", sa.String(512), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("organisation", sa.String(64), nullable=False),
        sa.Column("organisation_name", sa.Text(), nullable=False),
        sa.Column("event", sa.String(8), nullable=False),
        sa.Column("by", sa.String(16), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        comment="Visits that were told and have not become care relations yet; emptied by the keeper.",
    )


def _emergencies() -> None:
    op.create_table(
        "emergency",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(128), nullable=False),
        sa.Column("organisation", sa.String(128)),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.Column("stopped_at", sa.BigInteger()),
        sa.Column("stop", sa.String(24)),
        sa.Column("judgement", sa.String(8), nullable=False, server_default="open"),
        sa.Column("judged_at", sa.BigInteger()),
        sa.Column("judged_by", sa.String(256)),
        sa.Column("judged_why", sa.LargeBinary()),
        comment="Emergency accesses: who, whose record, when; why is sealed. What the review said of each.",
    )
    op.create_index("ix_emergency_patient_key", "emergency", ["patient_key"])
    op.create_index("ix_emergency_at", "emergency", ["at"])
    op.create_index("emergency_number", "emergency", ["subject", "number"], unique=True)
    op.create_index("emergency_judgement", "emergency", ["judgement", "key"])
    op.create_index("emergency_running", "emergency", ["stopped_at", "until"])
    op.create_table(
        "emergency_use",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("emergency", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        sa.Column("transaction", sa.String(16), nullable=False),
        comment="The requests that belong to an emergency (append only).",
    )
    op.create_index("ix_emergency_use_emergency", "emergency_use", ["emergency"])
    op.create_table(
        "patient_notice",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("emergency", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        comment="What patients are told of emergency accesses to their records, sealed (append only).",
    )
    op.create_index("ix_patient_notice_patient_key", "patient_notice", ["patient_key"])
