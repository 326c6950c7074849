"""what systems say of themselves, in a store of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "system_block",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("trail", sa.SmallInteger(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.SmallInteger(), nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        comment="Messages of systems as they came, packed, sealed under the key of trail and week.",
    )
    op.create_index("ix_system_block_slot", "system_block", ["slot"])
    op.create_table(
        "system_event",
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("item", sa.SmallInteger(), nullable=False),
        sa.Column("facility", sa.SmallInteger(), nullable=False),
        sa.Column("severity", sa.SmallInteger(), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("app", sa.String(64), nullable=False),
        sa.Column("sender", sa.String(128), nullable=False),
        sa.Column("flags", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "at", "id"),
        sqlite_with_rowid=False,
        comment="One message of a system; `place` is its block, `sender` the node or address it came from.",
    )
