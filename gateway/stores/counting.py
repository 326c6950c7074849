"""Counts over the registry, for simulations: numbers only, no row of any patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select

from gateway.stores import tables
from gateway.stores.database import Database

Cell = tuple[str | None, int]
"""Class of documents, and their rank."""
_C = tables.entry.c


class RegistryCounts:
    """Documents by class and rank, and the patients they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def documents(self) -> list[tuple[str | None, int, int]]:
        """(class, rank, number of registered documents) for each class and rank there is."""
        columns = (_C.document_class, _C.rank)
        query = select(*columns, func.count().label("number")).group_by(*columns)
        rows = await self._database.fetch(query)
        return [(row.document_class, row.rank, row.number) for row in rows]

    async def patients(self, cells: Sequence[Cell]) -> int:
        """How many patients have a document of one of these classes and ranks."""
        query = select(func.count(_C.patient_key.distinct())).where(or_(*_conditions(cells)))
        return int((await self._database.fetch(query))[0][0])


def _conditions(cells: Sequence[Cell]) -> Iterator[ColumnElement[bool]]:
    """One condition for each rank, so that the statement stays short."""
    for rank in sorted({rank for _, rank in cells}):
        names = {name for name, of in cells if of == rank}
        known = [each for each in names if each is not None]
        alternatives: list[ColumnElement[bool]] = [_C.document_class.in_(known)] if known else []
        if None in names:
            alternatives.append(_C.document_class.is_(None))
        yield and_(_C.rank == rank, or_(*alternatives))
