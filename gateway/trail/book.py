"""The door to the trail for whoever reads it: finds events and opens what they stand in."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.errors import Defect
from gateway.record.events import AuditRecord, Received, patient_of
from gateway.record.people import PatientId
from gateway.stores.events import OWN, EventStore, Found, Question
from gateway.stores.journal import Journal
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message

_NAME = re.compile(r"(?P<at>-?[0-9a-f]{1,15})-(?P<id>[0-9a-f]{1,16})", re.ASCII)

_LARGEST_KEY = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An event with what it stands in: a row of our own trail, or a message as it was received.

    `message` is the text of our own.
    """

    found: Found
    record: AuditRecord
    trace_id: str | None = None
    decision: str | None = None
    message: str | None = None
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
    """Reads the trail, and takes what other systems tell of the use of the record."""

    events: EventStore
    journal: Journal

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

    async def event(self, name: str) -> Kept | None:
        """The event of a logical id."""
        match = _NAME.fullmatch(name)
        if match is None or int(match["id"], 16) > _LARGEST_KEY:
            return None
        found = await self.events.one(int(match["at"], 16), int(match["id"], 16))
        return next(iter(await self.open([found])), None) if found is not None else None

    async def patients_of(self, names: Sequence[str]) -> list[PatientId]:
        """The patients that some events are about."""
        kept = [await self.event(each) for each in names]
        named = (patient_of(name) for each in kept if each is not None for name in each.record.patients)
        return [each for each in named if each is not None]

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
            told = {"trace_id": row.trace_id, "decision": row.decision, "message": row.message}
            kept[each.id] = Kept(found=each, record=record, **told)
        return kept
