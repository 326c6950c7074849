"""SQLAlchemy statements compiled once to SQL text, for reads that come very often.

What SQLAlchemy does for each execution (cache key, parameter processing, result metadata) costs more than
such a read itself. Statements are still its own; only strings, numbers and lists of them are passed in.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement, Dialect

from gateway.stores.fragments import Fragment, unpack

_KEPT = 1_024

Place = tuple[str, int | None]
"""Where a positional parameter comes from: a value, or one of a list."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """SQL text, the places of its parameters, constants of the statement, and the maker of its rows."""

    text: str
    places: tuple[Place, ...]
    constants: Mapping[str, Any]
    row: Callable[[Sequence[Any]], Any]

    def run(self, connection: sqlite3.Connection, values: Mapping[str, Any]) -> list[Any]:
        """All rows in SQLite, with the columns as attributes."""
        return list(map(self.row, connection.execute(self.text, self.given(values))))

    def given(self, values: Mapping[str, Any]) -> list[Any]:
        """The positional parameters."""
        return [self._value(values, name, at) for name, at in self.places]

    def _value(self, values: Mapping[str, Any], name: str, at: int | None) -> Any:
        value = values[name] if name in values else self.constants[name]
        return value if at is None else value[at]


class Preparer:
    """Prepares a statement once for each number of values in its lists."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: dict[tuple[Any, ...], Prepared] = {}

    def prepare(self, statement: ClauseElement, values: Mapping[str, Any]) -> Prepared:
        """The statement for these values; the statement is kept, so that its identity stays its own."""
        lengths = tuple(len(value) for value in values.values() if isinstance(value, list))
        key = (statement, lengths)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _KEPT:
                self._kept.clear()
            found = self._kept[key] = _prepare(statement, values, self._dialect)
        return found


def _prepare(statement: ClauseElement, values: Mapping[str, Any], dialect: Dialect) -> Prepared:
    compiled: Any = statement.compile(dialect=dialect)
    state = compiled.construct_expanded_state(dict(values))
    parts = {
        part: (name, at)
        for name, expanded in state.parameter_expansion.items()
        for at, part in enumerate(expanded)
    }
    names = state.positiontup or ()
    selected = list(statement.selected_columns)  # type: ignore[attr-defined]
    columns = [column.key or f"column_{at}" for at, column in enumerate(selected)]
    packed = [at for at, column in enumerate(selected) if isinstance(column.type, Fragment)]
    return Prepared(
        text=state.statement,
        places=tuple(parts.get(name, (name, None)) for name in names),
        constants=dict(compiled.params),
        row=_row_maker(columns, packed),
    )


def _row_maker(columns: Sequence[str], packed: Sequence[int]) -> Callable[[Sequence[Any]], Any]:
    """A maker of rows; of columns with types of our own only fragments are read here."""
    kind: Any = namedtuple("Row", columns, rename=True)  # type: ignore[misc]  # noqa: PYI024 - known at run time only
    make: Callable[[Sequence[Any]], Any] = kind._make
    if not packed:
        return make

    def unpacked(values: Sequence[Any]) -> Any:
        read = list(values)
        for at in packed:
            read[at] = unpack(read[at])
        return make(read)

    return unpacked
