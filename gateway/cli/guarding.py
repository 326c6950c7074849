"""Looks each second whether the audit can go on: room in the database, receivers that take it, certificates.

What gets near a limit becomes a Security Alert and a line of the log, once; what is over ends by itself.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client import Gauge

from gateway.audit.alerts import security_alert
from gateway.audit.record import AuditFacts
from gateway.cli.compose import Gateway
from gateway.crypto.keys import load_certificates
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.errors import GatewayError, SettingsInvalid
from gateway.pipeline.telling import tell_alone
from gateway.record.people import Code
from gateway.stores.forwarding import ForwardingStore
from gateway.stores.rewrapping import Rewrapper
from gateway.stores.room import filled
from gateway.stores.work import UnitOfWork

LOOK_SECONDS = 1.0
RARELY_SECONDS = 10.0
"""Between two looks at what changes slowly."""
EXPIRING = timedelta(days=14)

_FILLED = Gauge(
    "passerelle_audit_filled_percent",
    "Share of the room of the audit trail that is used.",
    multiprocess_mode="mostrecent",
)
_UNSENT = Gauge(
    "passerelle_audit_unsent_seconds",
    "Age of the oldest message not sent to a receiver.",
    ["destination"],
    multiprocess_mode="mostrecent",
)


@dataclass(slots=True)
class Guard:
    """One process's look. Only one of them `tells`: all see the same."""

    gateway: Gateway
    tells: bool
    warnings: dict[str, str] = field(default_factory=dict)
    """What stands in /ready: a short name, and a sentence."""
    _unwritten: list[AuditFacts] = field(default_factory=list)
    _looked: float = 0.0

    async def begin(self) -> None:
        """Before anything is served: SettingsInvalid where the master key is not that of the records."""
        if not await Rewrapper(self.gateway.database, self.gateway.keys).fits():
            raise SettingsInvalid("the master key does not open the records of this database")
        await self.look()

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """One round. What fails is logged and tried again in the next."""
        try:
            await self._look()
        except (GatewayError, OSError) as error:
            self.gateway.engine.log.warning("guard", error=type(error).__name__)

    async def _look(self) -> None:
        self.gateway.keys.refresh()
        await self._look_at_room()
        if self.tells and time.monotonic() - self._looked >= RARELY_SECONDS:
            self._looked = time.monotonic()
            await self._look_at_receivers()
            self._look_at_certificates()
        await self._write()

    # --- room ------------------------------------------------------------------------------------

    async def _look_at_room(self) -> None:
        settings, room = self.gateway.settings, self.gateway.engine.room
        percent = await filled(self.gateway.database, settings.database.url, settings.audit.space_bytes)
        _FILLED.set(percent or 0.0)
        if room.take(percent):
            if room.refusing:
                self._note("room", events.AUDIT_STOPPED, self._stopped(), Outcome.MAJOR_FAILURE)
            else:
                self._note_room_again()
        if room.refusing:
            return
        limit = settings.limits.journal_alert_percent
        if percent is not None and percent >= limit:
            text = f"the audit trail has filled {limit} percent of its room"
            self._note("room", events.AUDIT_FILLING, text, Outcome.MINOR_FAILURE)
        elif percent is not None and percent < limit - 1:
            self.warnings.pop("room", None)

    def _note_room_again(self) -> None:
        """One process tells that it goes on; each tells what it turned away itself."""
        room = self.gateway.engine.room
        count, room.turned_away = room.turned_away, 0
        self.warnings.pop("room", None)
        text = "the audit is recorded again"
        if count:
            text = f"{text}; {count} requests were turned away meanwhile"
        if self.tells or count:
            self._tell(events.AUDIT_STARTED, text, Outcome.SUCCESS)

    def _stopped(self) -> str:
        limit = self.gateway.settings.limits.journal_refuse_percent
        return f"the audit trail has filled {limit} percent of its room; requests are turned away"

    # --- receivers -------------------------------------------------------------------------------

    async def _look_at_receivers(self) -> None:
        for each in self.gateway.settings.audit.destinations:
            age = await self._unsent(each.name)
            _UNSENT.labels(each.name).set(age)
            name = f"receiver {each.name}"
            if age > self.gateway.settings.limits.outbox_alert_seconds:
                text = f"the audit trail was not delivered to {each.name} for {int(age)} seconds"
                self._note(name, events.AUDIT_DELAYED, text, Outcome.SERIOUS_FAILURE)
            elif self.warnings.pop(name, None) is not None:
                self.gateway.engine.log.warning("audit receiver is up to date again", destination=each.name)

    async def _unsent(self, name: str) -> float:
        """Seconds since the oldest row was written that a receiver was not sent."""
        sent, _ = await ForwardingStore(self.gateway.database).read(name)
        rows = await self.gateway.engine.journal.sealed_rows(sent.sent, 1)
        if not rows or rows[0].at is None:
            return 0.0
        return max(0.0, self.gateway.engine.clock().timestamp() - float(rows[0].at) / 1000)

    # --- certificates ----------------------------------------------------------------------------

    def _look_at_certificates(self) -> None:
        settings = self.gateway.settings
        for name, path in (("tls", settings.tls.certificate), ("signing", settings.signing.certificate)):
            left = _left(path, self.gateway.engine.clock())
            if left > EXPIRING:
                self.warnings.pop(f"certificate {name}", None)
                continue
            text = f"the {name} certificate expires in {max(0, left.days)} days"
            self._note(f"certificate {name}", events.CERTIFICATE_EXPIRING, text, Outcome.MINOR_FAILURE)

    # --- what is told ----------------------------------------------------------------------------

    def _note(self, name: str, kind: Code, text: str, outcome: Outcome) -> None:
        """Once for each thing: as long as it stands, nothing is said again."""
        if self.warnings.get(name, "").partition(":")[0] == kind.code:
            return
        self.warnings[name] = f"{kind.code}: {text}"
        if self.tells:
            self._tell(kind, text, outcome)

    def _tell(self, kind: Code, text: str, outcome: Outcome) -> None:
        engine = self.gateway.engine
        engine.log.error("guard", kind=kind.code, detail=text)
        facts = security_alert(
            kind,
            at=engine.clock(),
            outcome=outcome,
            peer=engine.here,
            here=engine.here,
            audit_source=engine.audit_source,
            description=text,
            trace_id=engine.new_trace(),
        )
        self._unwritten.append(facts)

    async def _write(self) -> None:
        """What cannot be written now, as the disk is full, is written when it can be, with its own time."""
        while self._unwritten:
            work = UnitOfWork()
            tell_alone(self._unwritten[0], self.gateway.engine, work)
            await self.gateway.engine.committer.commit(work)
            self._unwritten.pop(0)


def _left(path: Path, now: datetime) -> timedelta:
    first = load_certificates(path.read_bytes())[0]
    return first.not_valid_after_utc.astimezone(UTC) - now
