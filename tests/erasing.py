"""A gateway whose clock the test sets, with a trail that is kept for 30 days."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, select

from gateway.audit.findings import Report
from gateway.audit.objects import patient_object
from gateway.audit.record import AuditFacts, audit_message
from gateway.audit.verify import verify_export
from gateway.cli.compose import Gateway, compose
from gateway.cli.erasing import Eraser
from gateway.cli.indexing import index_once
from gateway.cli.keeper import resume, seal_once
from gateway.cli.trail import export_lines
from gateway.config import Settings
from gateway.config.trail import Retention
from gateway.declare.events import PATIENT_RECORD, EventAction, Outcome
from gateway.pipeline.telling import tell_alone
from gateway.record.events import Received
from gateway.record.people import Code, PatientId
from gateway.stores.events import SLOT_MS, Question, slot_of
from gateway.stores.keys import key_maker
from gateway.stores.retention import RetentionStore
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.receiving import judged

WEEK = slot_of(millis(datetime.now(UTC))) + 1
BEGIN = datetime.fromtimestamp(WEEK * SLOT_MS / 1000, UTC) + timedelta(hours=1)
ROOT = "2.999.1.1"
KEPT = Retention(own_days=30, received_days=30, system_days=30, alert_days=30, incident_days=60)
ANNA, BERT = PatientId("ANNA", ROOT), PatientId("BERT", ROOT)
TOLD = Code("ITI-18", "IHE Transactions", "Registry Stored Query")


@dataclass
class Place:
    """A gateway whose clock the test sets; rows are kept for 30 days."""

    settings: Settings
    now: datetime = BEGIN
    gateway: Gateway = field(init=False)

    def __post_init__(self) -> None:
        self.runner = asyncio.Runner()
        self.new_key = key_maker(lambda: millis(self.now))
        self.gateway = self.compose(self.settings)
        self.store = RetentionStore(self.gateway.database, self.new_key)

    def compose(self, settings: Settings) -> Gateway:
        """A gateway of the same time."""
        made = compose(settings, clock=lambda: self.now)
        made.engine.journal._new_key = self.new_key
        return made

    def run(self, job: Awaitable[Any]) -> Any:
        return self.runner.run(job)  # type: ignore[arg-type]

    def facts(self, *patients: PatientId, trace: str | None = None) -> AuditFacts:
        engine = self.gateway.engine
        return AuditFacts(
            event=PATIENT_RECORD,
            type=TOLD,
            action=EventAction.READ,
            at=self.now,
            outcome=Outcome.SUCCESS,
            source=engine.here,
            destination=engine.here,
            audit_source=engine.audit_source,
            objects=tuple(map(patient_object, patients)),
            trace_id=trace,
        )

    def tell(self, *patients: PatientId) -> str:
        """An audit row now; gives its trace."""
        engine, work = self.gateway.engine, UnitOfWork()
        trace = engine.new_trace()
        tell_alone(self.facts(*patients, trace=trace), engine, work)
        self.run(engine.committer.commit(work))
        return trace

    def receive(self, *patients: PatientId) -> Received:
        """What another system tells now."""
        engine, work = self.gateway.engine, UnitOfWork()
        raw = audit_message(self.facts(*patients, trace=engine.new_trace())).encode()
        message = Received(raw=raw, form="dicom", at=self.now, sender="hospital")
        self.run(engine.services.access.trail.take(work, [message], self.now))
        self.run(engine.committer.commit(work))
        return message

    def hear(self) -> None:
        """What a system says of itself now."""
        engine, work = self.gateway.engine, UnitOfWork()
        message = Received(raw=b"disk is full", form="plain", at=self.now, sender="hospital")
        self.run(self.gateway.systems.keep(work, [judged(message)], self.now))
        self.run(engine.committer.commit(work))

    def rows(self, table: Table) -> int:
        return len(self.run(self.gateway.database.fetch(select(table))))

    def keep(self) -> None:
        """Seals and indexes what there is."""

        async def kept() -> None:
            sealing = await resume(self.gateway)
            while await seal_once(self.gateway, sealing):
                pass
            while await index_once(self.gateway):
                pass

        self.run(kept())

    def erase(self) -> int:
        """Everything that is over; the number of steps."""

        async def steps() -> int:
            eraser, count = Eraser(self.gateway), 0
            while await eraser.step():
                count += 1
            return count

        found: int = self.run(steps())
        self.keep()
        return found

    def verify(self) -> Report:
        return verify_export(self.run(export_lines(self.settings)))

    def traces(self) -> set[str]:
        return {row.trace_id for row in self.run(self.gateway.engine.journal.unsealed(0, 99))} | {
            row.trace_id for row in self.run(self.gateway.engine.journal.sealed_rows(0, 999)) if row.id
        }

    def found(self, patient: PatientId) -> list[str | None]:
        book = self.gateway.engine.services.access.trail
        asked = Question(since=0, until=millis(self.now), terms=frozenset({f"patient|{patient}"}))
        return [each.trace_id for each in self.run(book.search(asked))]

    def erased(self) -> list[Any]:
        found: list[Any] = self.run(self.store.erasures())
        return found
