"""time stamps and cosignatures of checkpoints, subtrees for proofs, certificates of signers."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_node",
        sa.Column("level", sa.SmallInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("level", "number"),
        sqlite_with_rowid=False,
        comment="Roots of full subtrees of 2^level leaves, so that a proof in a large tree reads few rows.",
    )
    op.create_table(
        "audit_stamp",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("tsa", sa.String(512), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", "tsa"),
        comment="Time stamps (RFC 3161) over the checkpoint of a size; `at` is the time it tells.",
    )
    op.create_table(
        "audit_cosignature",
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("witness", sa.String(256), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", "witness"),
        comment="Cosignatures of witnesses (C2SP tlog-cosignature) over the checkpoint of a size.",
    )
    op.create_table(
        "audit_signer",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        comment="Every certificate that ever signed this trail, kept for whoever verifies it later.",
    )
