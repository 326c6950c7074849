"""tokens, codes and assertions that were issued here."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "authorization_code",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        comment="Authorization codes that wait to be used once, by digest; whom they stand for is sealed.",
    )
    op.create_index("ix_authorization_code_expires_at", "authorization_code", ["expires_at"])
    op.create_table(
        "issued_token",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(512), nullable=False),
        sa.Column("issued_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        comment="Access tokens and assertions issued here, not expired yet: jti or assertion ID, for whom.",
    )
    op.create_index("ix_issued_token_expires_at", "issued_token", ["expires_at"])
    op.create_index("issued_token_subject", "issued_token", ["subject"])
