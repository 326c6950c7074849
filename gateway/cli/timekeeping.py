"""The clock of this worker: its own, or where that is wrong, that of time servers (ITI-1, TIME-01)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from prometheus_client import Gauge

from gateway.client.clock import measured_offset
from gateway.config.trail import Clock
from gateway.errors import Busy
from gateway.pipeline.engine import Log

_OFFSET = Gauge(
    "passerelle_clock_offset_seconds",
    "How far the time servers are before our clock.",
    multiprocess_mode="mostrecent",
)
_UNANSWERED = 3
"""So often no server answers before the operators are told."""


class Timekeeper:
    """Compares the clock with servers. What they told last counts while they do not answer."""

    def __init__(self, settings: Clock, clock: Callable[[], datetime], log: Log) -> None:
        self._settings, self._clock, self._log = settings, clock, log
        self._offset = 0.0
        self._unanswered = 0

    def now(self) -> datetime:
        """The time: ours, unless it is off by more than is told to the operators."""
        if abs(self._offset) < self._settings.alert_offset_seconds:
            return self._clock()
        return self._clock() + timedelta(seconds=self._offset)

    @property
    def offset(self) -> float:
        """How far, in seconds, the servers are before our clock; negative where it is fast."""
        return self._offset

    @property
    def right(self) -> bool:
        """Whether our clock is near enough for new work."""
        return abs(self._offset) < self._settings.most_offset_seconds

    def check(self) -> None:
        """Busy where the clock of this machine is so wrong that nothing new must be signed."""
        if not self.right:
            raise Busy("the clock of this system is being set right; nothing was done, try again later")

    async def look(self) -> bool:
        """Asks the servers once; tells whether the clock has become too wrong by that."""
        servers = self._settings.servers
        if not servers:
            return False
        found = await measured_offset(servers, self._settings.timeout_seconds)
        if found is None:
            self._unanswered += 1
            if self._unanswered == _UNANSWERED:
                self._log.error("no time server answers", servers=len(servers))
            return False
        self._unanswered = 0
        was_right, was_near = self.right, self._near()
        self._offset = found
        _OFFSET.set(found)
        if self._near() != was_near or self.right != was_right:
            self._tell()
        return was_right and not self.right

    async def run(self, alert: Callable[[float], Awaitable[None]]) -> None:
        """Looks until cancelled; `alert` is called with the offset each time the clock becomes too wrong."""
        while True:
            if await self.look():
                await alert(self._offset)
            await asyncio.sleep(self._settings.every_seconds)

    def _near(self) -> bool:
        return abs(self._offset) < self._settings.alert_offset_seconds

    def _tell(self) -> None:
        if self._near():
            self._log.warning("clock is right again", offset=round(self._offset, 3))
        else:
            effect = "times are those of the servers" if self.right else "no new work is taken"
            self._log.error("clock is wrong", offset=round(self._offset, 3), effect=effect)
