"""visits: what encounters of patients became with each event."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "visit",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=512), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=3), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
        comment="What visits became with each event; the last step is how a visit stands (append only).",
    )
    op.create_index("visit_step", "visit", ["patient_key", "number", "step"], unique=True)
