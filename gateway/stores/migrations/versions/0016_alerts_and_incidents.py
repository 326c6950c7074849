"""alerts of the watch, and incidents with their steps."""

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Filled with its tables."""
