"""The door to the trail for whoever reads it: finds events and opens what they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.crypto.keys import Signer
from gateway.errors import Defect
from gateway.record.events import AuditRecord, Received
from gateway.stores.events import OWN, EventStore, Found, Question
from gateway.stores.journal import Journal
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An event with what it stands in: a row of our own trail, or a message as it was received."""

    found: Found
    record: AuditRecord
    trace_id: str | None = None
    decision: str | None = None
    received: Received | None = None

    @property
    def name(self) -> str:
        """Its logical id: time and key in hexadecimal."""
        return f"{self.found.at:x}-{self.found.id:x}"


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a message. `name` is its logical id, None for one that was here before."""

    name: str | None


@dataclass(frozen=True, slots=True)
class TrailBook:
    """Reads the trail, and takes what other systems tell of the use of the record.

    `signer` signs what is given out of it on paper.
    """

    events: EventStore
    journal: Journal
    signer: Signer | None = None

    async def take(
        self,
        work: UnitOfWork,  # noqa: ARG002
        messages: Sequence[Received],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
    ) -> list[Taken]:
        """Notes messages of other systems, each once; invalid ones too, marked. In their order."""
        raise Defect("not built yet")

    async def search(self, question: Question) -> list[Kept]:
        """Events that fit, the newest first, at most `limit`, without those taken for others."""
        kept = await self.open(await self.events.find(question))
        if question.terms is None:
            return kept
        return [each for each in kept if not question.terms.isdisjoint(each.record.terms())]

    async def open(self, found: Sequence[Found]) -> list[Kept]:
        """What the events say, in their order."""
        own = await self._own([each for each in found if each.trail == OWN])
        return [own[each.id] for each in found if each.id in own]

    async def _own(self, found: Sequence[Found]) -> dict[int, Kept]:
        rows = {row.id: row for row in await self.journal.rows([each.place for each in found])}
        kept = {}
        for each in found:
            row = rows.get(each.place)
            if row is None:
                raise Defect("an event of our trail is found, and its row is gone")
            record = read_message(row.message.encode())
            kept[each.id] = Kept(found=each, record=record, trace_id=row.trace_id, decision=row.decision)
        return kept
