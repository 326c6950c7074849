"""events as they are found, and what other systems sent."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event",
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("trail", sa.SmallInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.SmallInteger(), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("subtype", sa.String(64), nullable=False),
        sa.Column("action", sa.String(1), nullable=False),
        sa.Column("outcome", sa.SmallInteger(), nullable=False),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "at", "id"),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (slot)",
        comment="One event; `place` is the audit row or the block it is in, `item` its number there.",
    )
    op.create_table(
        "event_term",
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "term", "at", "id"),
        sqlite_with_rowid=False,
        postgresql_partition_by="RANGE (slot)",
        comment="What events are found by: patients, agents and objects, as keyed digests.",
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("event", "event_term"):
            op.execute(f"CREATE TABLE {table}_rest PARTITION OF {table} DEFAULT")
    op.create_table(
        "event_seen",
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("slot", "digest"),
        sqlite_with_rowid=False,
        comment="Messages of others that were taken, so that one sent again is kept once.",
    )
    op.create_table(
        "event_block",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("trail", sa.SmallInteger(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.SmallInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        comment="Messages of other systems as they came, packed, sealed under the key of trail and week.",
    )
    op.create_table(
        "slot_key",
        sa.Column("trail", sa.SmallInteger(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("trail", "slot"),
        comment="Keys of blocks; destroying one erases what was received in a week.",
    )
    op.create_index("ix_event_block_slot", "event_block", ["slot"])
