"""identities of all domains, believed to be persons; what matching, reviews and subscriptions need."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _widen_patient()
    _add_identity_tables()
    _add_query_tables()


def _widen_patient() -> None:
    """Who was merged belongs to the person of the head; nobody was linked before."""
    op.add_column("patient", sa.Column("person", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("patient", sa.Column("state", sa.String(8), nullable=False, server_default="active"))
    op.add_column("patient", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("patient", sa.Column("traits", sa.LargeBinary(), nullable=True))
    op.add_column("patient", sa.Column("changed_at", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE patient SET person = head, changed_at = created_at")
    op.create_index("ix_patient_person", "patient", ["person"])


def _add_identity_tables() -> None:
    op.create_table(
        "patient_assertion",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first", sa.BigInteger(), nullable=False),
        sa.Column("second", sa.BigInteger(), nullable=False),
        sa.Column("same", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        comment="Somebody said of two identities that they are one person, or not; this beats every rule.",
    )
    op.create_index("ix_patient_assertion_operation", "patient_assertion", ["operation"], unique=False)
    op.create_index("ix_patient_assertion_second", "patient_assertion", ["second"], unique=False)
    op.create_index("patient_assertion_pair", "patient_assertion", ["first", "second"], unique=True)
    op.create_table(
        "patient_event",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operation", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("head_before", sa.BigInteger(), nullable=True),
        sa.Column("head_after", sa.BigInteger(), nullable=False),
        sa.Column("person_before", sa.BigInteger(), nullable=True),
        sa.Column("person_after", sa.BigInteger(), nullable=False),
        sa.Column("state_before", sa.String(length=8), nullable=True),
        sa.Column("state_after", sa.String(length=8), nullable=False),
        sa.Column("undoes", sa.BigInteger(), nullable=True),
        sa.Column("decision", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
        comment="Every change of who is whom, in order; replayed, it gives the state at any instant.",
    )
    op.create_index("ix_patient_event_operation", "patient_event", ["operation"], unique=False)
    op.create_index("ix_patient_event_patient_key", "patient_event", ["patient_key"], unique=False)
    op.create_index("ix_patient_event_person_before", "patient_event", ["person_before"], unique=False)
    op.create_table(
        "patient_review",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("proposed", sa.String(length=16), nullable=True),
        sa.Column("proposed_by", sa.Text(), nullable=True),
        sa.Column("proposed_at", sa.BigInteger(), nullable=True),
        sa.Column("proposed_reason", sa.Text(), nullable=True),
        sa.Column("decided", sa.String(length=16), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("decided_reason", sa.Text(), nullable=True),
        sa.Column("operation", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("key"),
        comment="What the matching left to people: who proposed what, and who confirmed it.",
    )
    op.create_index("ix_patient_review_patient_key", "patient_review", ["patient_key"], unique=False)
    op.create_index("ix_patient_review_person", "patient_review", ["person"], unique=False)
    op.create_index(
        "patient_review_open",
        "patient_review",
        ["patient_key", "person", "kind"],
        unique=True,
        sqlite_where=sa.text("decided IS NULL"),
        postgresql_where=sa.text("decided IS NULL"),
    )
    op.create_index("patient_review_state", "patient_review", ["state", "priority", "key"], unique=False)
    op.create_table(
        "patient_token",
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("families", sa.BigInteger(), nullable=False),
        sa.Column("givens", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("token", "patient_key"),
        comment="Keyed hashes of traits, by which identities are found without the traits being readable.",
        sqlite_with_rowid=False,
    )
    op.create_table(
        "patient_version",
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("demographics", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("patient_key", "version"),
        comment="What an identity said before it was changed.",
    )


def _add_query_tables() -> None:
    op.create_table(
        "continuation",
        sa.Column("pointer", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=256), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("persons", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pointer"),
        comment="The persons found by a query whose answer is fetched in parts.",
    )
    op.create_index("ix_continuation_expires_at", "continuation", ["expires_at"], unique=False)
    op.create_index("continuation_tag", "continuation", ["node", "tag"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("resource", sa.LargeBinary(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        comment="Subscriptions to changes of identities (PMIR), sealed under keys of their own.",
    )
