"""titles of documents, indexes for searches across patients."""

import html
import re

import sqlalchemy as sa
from alembic import op

from gateway.stores.fragments import unpack

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_BATCH = 1_000
_TITLE = re.compile(r'<rim:Name><rim:LocalizedString[^>]* value="([^"]*)"')
_FIRST_CODE = "<rim:Classification"


def upgrade() -> None:
    op.add_column("entry", sa.Column("title", sa.Text()))
    _fill_titles()
    op.create_index("entry_class", "entry", ["class_code", "creation_time"])
    _index_values("entry_value", "kind = 'event' OR kind = 'reference'")
    _index_values("package_value", "kind = 'code'")


def _index_values(table: str, wanted: str) -> None:
    condition = sa.text(wanted)
    op.create_index(
        f"{table}_sought", table, ["kind", "value"], sqlite_where=condition, postgresql_where=condition
    )


def _fill_titles() -> None:
    """The name of an entry stands in its fragment before the first code, which has a name too."""
    connection, last = op.get_bind(), -1
    read = sa.text("SELECT key, fragment FROM entry WHERE key > :last ORDER BY key LIMIT :most")
    write = sa.text("UPDATE entry SET title = :title WHERE key = :key")
    while rows := connection.execute(read, {"last": last, "most": _BATCH}).fetchall():
        last = rows[-1].key
        found = ((row.key, _TITLE.search(unpack(row.fragment).partition(_FIRST_CODE)[0])) for row in rows)
        titles = [{"key": key, "title": html.unescape(title[1])} for key, title in found if title]
        if titles:
            connection.execute(write, titles)
