"""time stamps and cosignatures of checkpoints."""

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled with its tables."""
