"""The door to the trail for whoever reads it: finds events and opens what they stand in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from gateway.errors import Defect, GatewayError
from gateway.paper.hand import Hand
from gateway.record.events import AuditRecord, Received, patient_of
from gateway.record.people import PatientId
from gateway.stores.blocks import BlockStore, SeenStore, digest_of, key_of
from gateway.stores.events import OWN, USE, EventStore, Found, Question, slot_of
from gateway.stores.journal import Journal
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message
from gateway.trail.fhir_reading import read_json
from gateway.trail.receiving import DICOM, FHIR, PLAIN, Judged, judged, judged_again, unreadable

Readers = Mapping[str, Callable[[bytes], AuditRecord]]
"""Who reads a message as it was received, by its form."""

_JUDGED = frozenset({DICOM, PLAIN})
"""Forms that are read when they are judged."""

READERS: Readers = MappingProxyType({DICOM: read_message, FHIR: read_json})

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
    """Reads the trail, and takes what other systems tell of the use of the record.

    `hand` signs what is given out of it on paper.
    """

    events: EventStore
    journal: Journal
    blocks: BlockStore
    seen: SeenStore
    readers: Readers = field(default_factory=lambda: READERS)
    hand: Hand | None = None

    async def take(self, work: UnitOfWork, messages: Sequence[Received], now: datetime) -> list[Taken]:
        """Notes messages of other systems, each once; invalid ones too, marked. In their order.

        The commit raises Outdated when another worker took one of them meanwhile: take them again.
        """
        return await self.keep(work, [self._judged(each) for each in messages], now)

    async def keep(self, work: UnitOfWork, messages: Sequence[Judged], now: datetime) -> list[Taken]:
        """As `take`, for messages that were judged."""
        taken = [Taken(None)] * len(messages)
        weeks: dict[int, list[int]] = {}
        for number, each in enumerate(messages):
            weeks.setdefault(slot_of(millis(each.at)), []).append(number)
        for slot, numbers in weeks.items():
            fresh = await self._fresh(work, slot, messages, numbers)
            told = [messages[number] for number in fresh]
            places = await self.blocks.put(work, USE, slot, [each.message for each in told], now)
            for number, each, place in zip(fresh, told, places, strict=True):
                taken[number] = self._note(work, each, place)
        return taken

    async def _fresh(
        self, work: UnitOfWork, slot: int, messages: Sequence[Judged], numbers: Sequence[int]
    ) -> list[int]:
        """Those of a week that were not taken before, each once."""
        digests = {number: digest_of(messages[number].message) for number in numbers}
        first = {digest: number for number, digest in reversed(digests.items())}
        here = await self.seen.find(slot, list(first))
        self.seen.note(work, slot, [digest for digest in first if digest not in here])
        return sorted(number for digest, number in first.items() if digest not in here)

    async def index(self, work: UnitOfWork, blocks: Sequence[int]) -> int:
        """Notes again what the messages of some blocks are found by; gives how many there are.

        What is noted already stays. The commit raises Outdated when a week was erased meanwhile.
        """
        count = 0
        for block, messages in (await self.blocks.held(work, blocks)).items():
            for item, each in enumerate(messages):
                record = None if each.form in _JUDGED else self._record(each)
                self._note(work, judged_again(each, record), (block, item), again=True)
            count += len(messages)
        return count

    def _note(self, work: UnitOfWork, each: Judged, place: tuple[int, int], *, again: bool = False) -> Taken:
        key, (block, item) = key_of(place), place
        self.events.note(
            work, each.record, key=key, trail=USE, place=block, item=item, flags=each.flags, again=again
        )
        return Taken(f"{millis(each.at):x}-{key:x}")

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

    async def block(self, number: int) -> list[tuple[Received, AuditRecord]]:
        """The messages of one block, each with its event."""
        return [(each, self._record(each)) for each in await self.blocks.messages(number)]

    async def open(self, found: Sequence[Found]) -> list[Kept]:
        """What the events say, in their order; without those whose week was erased."""
        own = await self._own([each for each in found if each.trail == OWN])
        others = await self._others([each for each in found if each.trail == USE])
        kept = own | others
        return [kept[each.id] for each in found if each.id in kept]

    async def _own(self, found: Sequence[Found]) -> dict[int, Kept]:
        rows = {row.id: row for row in await self.journal.rows([each.place for each in found])}
        kept = {}
        for each in found:
            row = rows.get(each.place)
            if row is None:
                # Erased since it was found. One that went otherwise is told by whoever verifies the trail.
                continue
            record = read_message(row.message.encode())
            told = {"trace_id": row.trace_id, "decision": row.decision, "message": row.message}
            kept[each.id] = Kept(found=each, record=record, **told)
        return kept

    async def _others(self, found: Sequence[Found]) -> dict[int, Kept]:
        messages = await self.blocks.read((each.place, each.item) for each in found)
        return {
            each.id: Kept(found=each, record=self._record(message), received=message)
            for each in found
            if (message := messages.get((each.place, each.item))) is not None
        }

    def _judged(self, message: Received) -> Judged:
        if message.form in _JUDGED:
            return judged(message)
        return judged(message, self._reader(message.form)(message.raw))

    def _record(self, message: Received) -> AuditRecord:
        """The event of a message as it was when it came."""
        if message.form == PLAIN:
            return unreadable(message)
        try:
            return self._reader(message.form)(message.raw)
        except GatewayError:
            if message.fault is None:
                raise
            return unreadable(message)

    def _reader(self, form: str) -> Callable[[bytes], AuditRecord]:
        if form not in self.readers:
            raise Defect(f"nothing reads messages of the form {form}")
        return self.readers[form]
