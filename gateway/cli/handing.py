"""The two ways in which the audit trail is handed over: lines of syslog, and batches of FHIR (ITI-20)."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from gateway.audit.record import Participant
from gateway.audit.syslog import syslog_message
from gateway.client.atx import Feed
from gateway.client.syslog import SyslogLine, connect
from gateway.declare.events import AUDIT_GIVEN_UP
from gateway.errors import Busy, TooLarge
from gateway.record.events import AuditRecord
from gateway.trail.balp import patterned_event
from gateway.trail.dicom import read_message

LINES, EVENTS = 500, 100
"""Rows at once."""

RECEPTION = "ITI-20"
_TAKEN = range(200, 300)
_TOO_LARGE = 413
_FOR_EVER = frozenset({400, _TOO_LARGE, 422})
"""Statuses of an event that will never be taken, as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What became of rows: all before the position `end` were handed over.

    `arrived`: the receiver said so. `given_up` are positions that it will never take, each with the status.
    """

    end: int
    arrived: bool
    given_up: tuple[tuple[int, int], ...] = ()


class Way(Protocol):
    """An open way to a receiver."""

    most: int
    """Rows that it takes at once."""
    acknowledges: bool
    """Whether the receiver says what it has taken."""

    async def hand(self, rows: Sequence[Any], again: int) -> Handed | None:
        """Hands rows over in their order, those before the position `again` perhaps once more.

        None without rows. Busy when the receiver is gone.
        """
        ...

    async def close(self) -> None:
        """Ends it."""
        ...


async def open_way(address: str, context: ssl.SSLContext | None, here: Participant) -> Way:
    """A way to `tls://`, `udp://` or `https://`; errors as `connect` and `Feed.post` have them."""
    if address.startswith("https:") and context is not None:
        return FhirWay(Feed(address, context))
    return SyslogWay(await connect(address, context), here)


@dataclass(slots=True)
class SyslogWay:
    """Syslog, which has no acknowledgement: what may have come before says so."""

    line: SyslogLine
    here: Participant
    most: int = LINES
    acknowledges: bool = False

    async def hand(self, rows: Sequence[Any], again: int) -> Handed | None:
        """Sends each row as a message; without rows, looks whether the receiver is there."""
        await self.line.send([self._message(row, again) for row in rows if row.message is not None])
        return Handed(end=rows[-1].position + 1, arrived=False) if rows else None

    async def close(self) -> None:
        """Ends the line."""
        await self.line.close()

    def _message(self, row: Any, again: int) -> bytes:
        return syslog_message(
            row.message,
            at=datetime.fromtimestamp(row.at / 1000, UTC),
            outcome=row.outcome,
            host=self.here.network_id,
            process=self.here.process_id or "-",
            position=row.position,
            repeated=row.position < again,
        )


@dataclass(slots=True)
class FhirWay:
    """FHIR batches: the receiver answers for each event."""

    feed: Feed
    most: int = EVENTS
    acknowledges: bool = True

    async def hand(self, rows: Sequence[Any], again: int) -> Handed | None:  # noqa: ARG002 - ids tell
        """Posts what is to be told; stops before the first event that may be taken later."""
        if not rows:
            return None
        told = [(row.position, event) for row in rows if (event := event_of(row)) is not None]
        statuses = await self._post([event for _, event in told])
        given_up = []
        for (position, _), status in zip(told, statuses, strict=True):
            if status in _FOR_EVER:
                given_up.append((position, status))
            elif status not in _TAKEN:
                return _until(rows[0].position, position, status, given_up)
        return Handed(end=rows[-1].position + 1, arrived=True, given_up=tuple(given_up))

    async def close(self) -> None:
        """Ends the connections."""
        await self.feed.close()

    async def _post(self, events: Sequence[Mapping[str, Any]]) -> tuple[int, ...]:
        """The status of each; a batch that is too large goes in two."""
        if not events:
            return ()
        try:
            return await self.feed.post(events)
        except TooLarge:
            if len(events) == 1:
                return (_TOO_LARGE,)
        half = len(events) // 2
        return (*await self._post(events[:half]), *await self._post(events[half:]))


def _until(start: int, position: int, status: int, given_up: list[tuple[int, int]]) -> Handed:
    if position == start:
        raise Busy(f"the receiver answers with status {status} for an event")
    return Handed(end=position, arrived=True, given_up=tuple(given_up))


def event_of(row: Any) -> Mapping[str, Any] | None:
    """The event of a row as a resource; its id makes it the same whenever it is sent.

    None for what is not told by FHIR: rows that are gone, that somebody fed us, and that a receiver did not
    take an event. Those are caused by feeds: two gateways that feed each other would never end.
    """
    if row.message is None:
        return None
    record = read_message(row.message.encode())
    return None if caused_by_feed(record) else patterned_event(record, f"{row.at:x}-{row.audit_id:x}")


def caused_by_feed(record: AuditRecord) -> bool:
    """Whether an event tells of the feed of audit events itself."""
    return record.transaction == RECEPTION or any(each.code == AUDIT_GIVEN_UP.code for each in record.types)
