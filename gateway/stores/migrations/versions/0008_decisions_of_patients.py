"""decisions of patients with their versions, and revocations."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("patient_rights", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.create_table(
        "rights_version",
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("rights", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", "version"),
        comment="What the decisions of a patient came to with every change (append only); for replays.",
    )
    op.create_table(
        "consent",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        comment="Decisions of patients with who, when and why, sealed; each change adds a version.",
    )
    op.create_index("ix_consent_patient_key", "consent", ["patient_key"])
    op.create_index("consent_version", "consent", ["id", "version"], unique=True)
    op.create_table(
        "revocation",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(512), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger()),
        sa.Column("lifted_by", sa.Text()),
        comment="Persons, nodes, organisations, issuers and tokens that are shut out, whatever else says.",
    )
    op.create_index("revocation_name", "revocation", ["kind", "name"])
