"""operators: second factors, sessions, failed logins and their trail."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "operator_factor",
        sa.Column("environment", sa.String(16), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(8), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("environment", "login"),
        comment="Secrets of one-time codes, sealed; `last_step` is the newest step of time that was used up.",
    )
    op.create_table(
        "operator_session",
        sa.Column("digest", sa.LargeBinary(), primary_key=True),
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("environment", sa.String(16), nullable=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
        comment="Sessions of operators by the digest of their token, which is known to its holder only.",
    )
    op.create_index("ix_operator_session_login", "operator_session", ["login"])
    op.create_table(
        "operator_failure",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("login", sa.String(64), nullable=False),
        sa.Column("source", sa.String(128), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        comment="Attempts to log in that failed or have not ended yet; counted by account and by source.",
    )
    op.create_index("ix_operator_failure_at", "operator_failure", ["at"])
    op.create_table(
        "operator_event",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        comment="The operators' trail in syslog form (RFC 5424); never mixed with that of patients' data.",
    )
    op.create_index("operator_event_unsent", "operator_event", ["sent_at", "key"])
