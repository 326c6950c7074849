"""notifications beside the replies that leave later."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("about", sa.LargeBinary(), nullable=True))
    replies = sa.text("about IS NULL")
    op.create_index("outbox_replies", "outbox", ["node"], sqlite_where=replies, postgresql_where=replies)
