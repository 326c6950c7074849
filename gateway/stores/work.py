"""The unit of work: what a request wants written, kept until the commit stage writes all or nothing.

Handlers read through the stores and only note what is to be written. Nothing of a request that
ends in a refusal can therefore have reached the database, but for what it insists on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Executable, Insert, Select

from gateway.errors import GatewayError
from gateway.record.people import PatientId

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One statement over some rows.

    `expect` rows must be touched in all, else `otherwise` is raised; a broken constraint raises it too.
    """

    statement: Executable
    rows: Sequence[Values]
    otherwise: GatewayError | None = None
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A query that must find a row inside the transaction, else `otherwise` is raised."""

    query: Select[Any]
    otherwise: GatewayError
    values: Values | None = None


@dataclass(slots=True)
class UnitOfWork:
    """Writes in order, journal rows that many requests may share, and what to undo outside."""

    steps: list[Write | Check] = field(default_factory=list)
    journal: list[tuple[Insert, Values]] = field(default_factory=list)
    clashes: dict[Insert, GatewayError] = field(default_factory=dict)
    locks: list[int] = field(default_factory=list)
    on_rollback: list[Callable[[], None]] = field(default_factory=list)
    made: dict[PatientId, tuple[int, bytes]] = field(default_factory=dict)
    """Identities that begin with this unit: key and record key, for whoever writes about them."""
    lasting: list[Write] = field(default_factory=list)
    """Rows that are written if the request is refused, with the refusal's audit entry."""

    def write(
        self,
        statement: Executable,
        *rows: Values,
        otherwise: GatewayError | None = None,
        expect: int | None = None,
    ) -> None:
        """Notes a statement to be executed at the commit."""
        self.steps.append(Write(statement, rows, otherwise, expect))

    def insist(self, statement: Insert, row: Values) -> None:
        """Notes a row that stands although the request is refused: that something was tried in vain."""
        self.lasting.append(Write(statement, (row,)))

    def check(self, query: Select[Any], otherwise: GatewayError, values: Values | None = None) -> None:
        """Notes a condition that must hold inside the transaction."""
        self.steps.append(Check(query, otherwise, values))

    def lock(self, numbers: Iterable[int]) -> None:
        """Notes numbers that no two transactions may hold at a time (signed, 64 bits)."""
        self.locks.extend(numbers)

    def record(self, statement: Insert, *rows: Values, clash: GatewayError | None = None) -> None:
        """Notes rows of a journal (audit, replay memory, events), written with those of other requests.

        All rows of a statement have the same names. `clash` is raised if the key of one is taken.
        """
        self.journal.extend([(statement, row) for row in rows])
        if clash is not None:
            self.clashes[statement] = clash

    def rolled_back(self) -> None:
        """Undoes what was done outside the database, such as blobs written."""
        for undo in self.on_rollback:
            undo()
        self.on_rollback.clear()
