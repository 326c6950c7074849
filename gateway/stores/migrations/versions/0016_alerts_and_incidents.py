"""alerts of the watch, and incidents with their steps."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "watch_state",
        sa.Column("subject", sa.String(320), primary_key=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        comment="What the rules of the watch remember of a person, node, organisation or address.",
    )
    op.create_index("ix_watch_state_at", "watch_state", ["at"])
    op.create_table(
        "alert",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(256), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("last_at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("state_by", sa.String(128)),
        sa.Column("state_why", sa.Text()),
        sa.Column("incident", sa.BigInteger()),
        comment="What a rule of the watch found; the same again counts in the row that is open.",
    )
    op.create_index("alert_subject", "alert", ["rule", "subject", "number"])
    op.create_table(
        "incident",
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("title", sa.String(256), nullable=False),
        sa.Column("severity", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("opened_by", sa.String(128), nullable=False),
        sa.Column("after", sa.BigInteger()),
        sa.Column("steps", sa.Integer(), nullable=False),
        comment="Incidents as they stand; what made them so are their steps.",
    )
    op.create_table(
        "incident_step",
        sa.Column("incident", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("audit_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "number"),
        comment="Steps of incidents (append only), each chained to the one before and told to the trail.",
    )
    op.add_column("revocation", sa.Column("incident", sa.BigInteger()))
