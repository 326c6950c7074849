"""What one person proposed about retention, until another confirms it (dual control)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, select, text

from gateway.errors import Outdated
from gateway.record.retention import Proposal
from gateway.stores import tables
from gateway.stores.database import Database
from gateway.stores.work import UnitOfWork

_P = tables.retention_proposal.c
_PUT = text(
    "INSERT INTO retention_proposal (subject, actor, reason, at) VALUES (:subject, :actor, :reason, :at)"
    " ON CONFLICT (subject) DO UPDATE SET actor = excluded.actor, reason = excluded.reason, at = excluded.at"
)
_FASTER = "somebody else proposed or confirmed this meanwhile"


class ProposalStore:
    """Reads at once; changes are noted in a unit of work."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def one(self, subject: str) -> Proposal | None:
        """The proposal about a subject."""
        rows = await self._database.fetch(select(tables.retention_proposal).where(_P.subject == subject))
        return _proposal(rows[0]) if rows else None

    async def listed(self, since: int) -> list[Proposal]:
        """Those made since a time, oldest first."""
        query = select(tables.retention_proposal).where(_P.at >= since).order_by(_P.at)
        rows = await self._database.fetch(query)
        return [_proposal(row) for row in rows]

    def put(self, work: UnitOfWork, proposal: Proposal) -> None:
        """Notes a proposal, in the place of an older one about the same."""
        work.write(_PUT, {name: getattr(proposal, name) for name in Proposal.__dataclass_fields__})

    def end(self, work: UnitOfWork, proposal: Proposal) -> None:
        """Notes that a proposal was confirmed; Outdated where it is gone."""
        here = (_P.subject == proposal.subject) & (_P.at == proposal.at)
        work.write(delete(tables.retention_proposal).where(here), expect=1, otherwise=Outdated(_FASTER))


def _proposal(row: Any) -> Proposal:
    return Proposal(**{name: getattr(row, name) for name in Proposal.__dataclass_fields__})
