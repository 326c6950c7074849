"""What all tables share, and the shape of tables of blocks."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, SmallInteger, Table

METADATA = MetaData()


def blocks(name: str, comment: str) -> Table:
    """A table of sealed blocks: `root` is that of the messages in `body`, `count` how many there are."""
    return Table(
        name,
        METADATA,
        Column("id", BigInteger, primary_key=True, autoincrement=False),
        Column("trail", SmallInteger, nullable=False),
        Column("slot", Integer, nullable=False, index=True),
        Column("at", BigInteger, nullable=False),
        Column("count", SmallInteger, nullable=False),
        Column("root", LargeBinary(32), nullable=False),
        Column("body", LargeBinary, nullable=False),
        comment=comment,
    )
