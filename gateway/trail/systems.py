"""The door to the system store: takes what systems say of themselves, and reads it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.record.events import Received
from gateway.stores.blocks import BlockStore
from gateway.stores.events import SYSTEM, slot_of
from gateway.stores.rows import millis
from gateway.stores.system import LEAST_SEVERE, SystemEvent, SystemQuestion, SystemStore
from gateway.stores.work import UnitOfWork
from gateway.trail.receiving import Judged

_SEVERITIES = LEAST_SEVERE + 1
_USER_NOTICE = 13
"""The priority of messages that tell none (RFC 3164 section 4.3.3)."""


@dataclass(frozen=True, slots=True)
class SystemBook:
    """What systems say of themselves. Nothing here is found by whoever reads the trail."""

    store: SystemStore
    blocks: BlockStore
    new_key: Callable[[], int]

    async def keep(self, work: UnitOfWork, messages: Sequence[Judged], now: datetime) -> None:
        """Notes messages, each as often as it comes."""
        weeks: dict[int, list[Judged]] = {}
        for each in messages:
            weeks.setdefault(slot_of(millis(each.at)), []).append(each)
        for slot, told in weeks.items():
            places = await self.blocks.put(work, SYSTEM, slot, [each.message for each in told], now)
            events = [self._event(each, slot, place) for each, place in zip(told, places, strict=True)]
            self.store.note(work, *events)

    async def search(self, question: SystemQuestion) -> list[tuple[SystemEvent, Received]]:
        """Messages that fit, the newest first; without those whose week was erased."""
        found = await self.store.find(question)
        messages = await self.blocks.read((each.place, each.item) for each in found)
        return [
            (each, message)
            for each in found
            if (message := messages.get((each.place, each.item))) is not None
        ]

    def _event(self, judged: Judged, slot: int, place: tuple[int, int]) -> SystemEvent:
        message, told = judged.message, dict(judged.message.header)
        facility, severity = divmod(int(told.get("pri", _USER_NOTICE)), _SEVERITIES)
        sender = message.sender or message.address
        return SystemEvent(
            slot=slot,
            at=millis(judged.at),
            id=self.new_key(),
            place=place[0],
            item=place[1],
            facility=facility,
            severity=severity,
            host=told.get("hostname", sender),
            app=told.get("app-name", ""),
            sender=sender,
            flags=judged.flags,
        )
