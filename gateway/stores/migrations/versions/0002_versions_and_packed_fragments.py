"""versions of entries and folders: logicalID, which one is the latest; fragments in their packed form."""

import sqlalchemy as sa
from alembic import op

from gateway.stores.fragments import pack

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_VERSIONED = ("entry", "folder")
_WITH_FRAGMENTS = ("entry", "submission_set", "folder", "association")
_STEP = 1_000


def upgrade() -> None:
    for table in _VERSIONED:
        _add_columns(table)
        op.execute(sa.text(f"UPDATE {table} SET logical_id = uuid, latest = true"))  # noqa: S608 - fixed names
    with op.batch_alter_table("entry") as batch:
        batch.alter_column("logical_id", existing_type=sa.String(45), nullable=False)
        batch.alter_column("latest", existing_type=sa.Boolean(), nullable=False)
    _versions_share_a_unique_id()
    for table in _VERSIONED:
        op.create_index(f"{table}_version", table, ["logical_id", "version"], unique=True)
    for table in _WITH_FRAGMENTS:
        _pack(table)


def _pack(table: str) -> None:
    """Text to packed form, some rows at a time."""
    op.add_column(table, sa.Column("packed", sa.LargeBinary()))
    rows = sa.table(table, sa.column("key"), sa.column("fragment"), sa.column("packed", sa.LargeBinary()))
    connection = op.get_bind()
    update = rows.update().where(rows.c.key == sa.bindparam("b_key")).values(packed=sa.bindparam("b_packed"))
    last = -1
    while True:
        step = (
            sa.select(rows.c.key, rows.c.fragment).where(rows.c.key > last).order_by(rows.c.key).limit(_STEP)
        )
        found = connection.execute(step).fetchall()
        if not found:
            break
        connection.execute(update, [{"b_key": row.key, "b_packed": pack(row.fragment)} for row in found])
        last = found[-1].key
    with op.batch_alter_table(table) as batch:
        batch.drop_column("fragment")
        batch.alter_column(
            "packed", new_column_name="fragment", existing_type=sa.LargeBinary(), nullable=False
        )


def _add_columns(table: str) -> None:
    """SQLite reads past a long text to what stands behind it, so the columns go before the fragment."""
    sqlite = op.get_bind().dialect.name == "sqlite"
    columns = {"uuid": sa.Column("logical_id", sa.String(45)), "version": sa.Column("latest", sa.Boolean())}
    with op.batch_alter_table(table, recreate="always" if sqlite else "never") as batch:
        for after, column in columns.items():
            batch.add_column(column, insert_after=after if sqlite else None)


def _versions_share_a_unique_id() -> None:
    """The uniqueId of a folder is unique among first versions only."""
    if op.get_bind().dialect.name == "sqlite":
        with op.batch_alter_table("folder", copy_from=_folder(), recreate="always"):
            pass
        op.create_index("ix_folder_patient_key", "folder", ["patient_key"])
    else:
        op.drop_constraint("folder_unique_id_key", "folder", type_="unique")
        op.alter_column("folder", "logical_id", nullable=False)
        op.alter_column("folder", "latest", nullable=False)
    op.create_index("folder_unique_id", "folder", ["unique_id", "version"], unique=True)


def _folder() -> sa.Table:
    """The table as it is to be; SQLite can drop a constraint only with its table."""
    return sa.Table(
        "folder",
        sa.MetaData(),
        sa.Column("key", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("patient_key", sa.BigInteger(), nullable=False),
        sa.Column("uuid", sa.String(45), nullable=False, unique=True),
        sa.Column("logical_id", sa.String(45), nullable=False),
        sa.Column("unique_id", sa.String(64), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("last_update", sa.String(14), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("latest", sa.Boolean(), nullable=False),
        sa.Column("home", sa.String(80)),
        sa.Column("fragment", sa.Text(), nullable=False),
    )
