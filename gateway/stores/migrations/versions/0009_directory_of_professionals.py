"""the directory of health professionals and organisations (HPD)."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "directory_entry",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(900), nullable=False, unique=True),
        sa.Column("suffix", sa.String(400), nullable=False),
        sa.Column("unit", sa.String(32), nullable=False),
        sa.Column("dn", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        comment="Entries by distinguished name; `standing` is what a rights decision needs of one.",
    )
    op.create_index("directory_entry_unit", "directory_entry", ["suffix", "unit"])
    found_by = sa.String(600).with_variant(sa.String(600, collation="C"), "postgresql")
    op.create_table(
        "directory_value",
        sa.Column("name", sa.String(128), nullable=False),
        sa.Column("value", found_by, nullable=False),
        sa.Column("entry_key", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", "value", "entry_key"),
        comment="Values as they are compared, by attribute; '#' is what an assertion may call somebody.",
    )
    op.create_index("ix_directory_value_entry_key", "directory_value", ["entry_key"])
    op.create_table(
        "directory_link",
        sa.Column("group_key", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("entry_key", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("group_key", "kind", "entry_key"),
        comment="Owners and members of groups; memberOf is read from here and nowhere else.",
    )
    op.create_index("directory_link_entry", "directory_link", ["entry_key", "kind", "group_key"])
    op.create_table(
        "directory_change",
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("entry_key", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.String(16), nullable=False),
        sa.Column("dn", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("trace_id", sa.String(32), nullable=False),
        comment="Every change of the directory: who, when and what (append only).",
    )
    op.create_index("ix_directory_change_entry_key", "directory_change", ["entry_key"])
