"""What is over goes, the trail still proves itself: the clock is set forward, on both databases (SEED-24)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.findings import Fault, Report
from gateway.audit.objects import patient_object
from gateway.audit.record import AuditFacts
from gateway.audit.verify import verify_export
from gateway.cli import erasing, holding
from gateway.cli.compose import Gateway, compose
from gateway.cli.erasing import Eraser
from gateway.cli.holding import Wish
from gateway.cli.indexing import index_once
from gateway.cli.init import create
from gateway.cli.keeper import resume, seal_once
from gateway.cli.settings import load_settings
from gateway.cli.trail import export_lines
from gateway.config import Settings
from gateway.config.trail import Audit, AuditDestination, Retention
from gateway.declare.events import PATIENT_RECORD, EventAction, Outcome
from gateway.errors import SettingsInvalid
from gateway.pipeline.telling import tell_alone
from gateway.record.people import Code, PatientId
from gateway.record.retention import HoldKind
from gateway.stores.events import SLOT_MS, Question, slot_of
from gateway.stores.keys import key_maker
from gateway.stores.retention import RetentionStore
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork

WEEK = slot_of(millis(datetime.now(UTC))) + 1
BEGIN = datetime.fromtimestamp(WEEK * SLOT_MS / 1000, UTC) + timedelta(hours=1)
ROOT = "2.999.1.1"
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

    def tell(self, *patients: PatientId) -> str:
        """An audit row now; gives its trace."""
        engine, work = self.gateway.engine, UnitOfWork()
        trace = engine.new_trace()
        facts = AuditFacts(
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
        tell_alone(facts, engine, work)
        self.run(engine.committer.commit(work))
        return trace

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


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("erasing") / "home"
    create(folder, "integration")
    return load_settings(folder / "passerelle.toml")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, home: Settings, tmp_path: Path) -> Iterator[Place]:
    if request.param == "sqlite":
        path = tmp_path / "trail.db"
        path.write_bytes(request.getfixturevalue("migrated").read_bytes())
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres").fresh()
    database = replace(home.database, url=url)
    content = replace(home.content, directory=tmp_path / "content")
    settings = replace(home, database=database, content=content, retention=Retention(own_days=30))
    made = Place(settings)
    yield made
    made.run(made.gateway.close())
    made.runner.close()


def test_what_is_over_is_gone_and_the_trail_still_proves_itself(place: Place) -> None:
    old = [place.tell(ANNA), place.tell(ANNA, BERT)]
    place.keep()
    place.now += timedelta(days=29)
    new = place.tell(ANNA)
    place.keep()
    assert place.erase() == 0, "30 days are not over"
    place.now += timedelta(days=9)
    assert place.erase() > 0
    assert place.traces().isdisjoint(old)
    assert new in place.traces()
    assert place.found(ANNA) == [new]
    assert place.found(BERT) == []
    (record,) = place.erased()
    assert (record.kind, record.count, record.first, record.last) == ("own", 2, 0, 1)
    report = place.verify()
    assert report.findings == ()
    assert (report.erased, report.sealed) == (2, 4)
    row = place.run(place.gateway.engine.journal.rows([record.audit_id]))[0]
    assert 'EventID csd-code="110101"' in row.message
    assert 'EventActionCode="D"' in row.message
    assert 'ParticipantObjectDataLifeCycle="15"' in row.message


def test_a_record_of_erasure_is_never_erased(place: Place) -> None:
    place.tell(ANNA)
    place.keep()
    for _ in range(3):
        place.now += timedelta(days=60)
        place.erase()
        place.keep()
    assert [each.count for each in place.erased()] == [1]
    assert place.verify().ok


def test_the_index_is_swept(place: Place) -> None:
    place.tell(ANNA, BERT)
    place.keep()
    place.now += timedelta(days=60)
    place.erase()
    events = place.gateway.engine.services.access.trail.events
    assert place.run(place.store.unswept()) is None
    assert place.run(events.first_slot()) == slot_of(millis(place.now)), "only the record itself is found"


def test_what_goes_without_a_record_is_missing(place: Place) -> None:
    place.tell(ANNA)
    place.tell(BERT)
    place.keep()
    place.now += timedelta(days=60)
    rows = place.run(place.store.own_over(0, slot_of(millis(place.now)), 1 << 62, 1, but="none"))
    work = UnitOfWork()
    place.store.erase_own(work, rows, [])
    place.run(place.gateway.engine.committer.commit(work))
    place.erase()
    report = place.verify()
    assert [each.fault for each in report.findings] == [Fault.MISSING]
    assert report.findings[0].position == 0
    assert report.erased == 1


def test_what_is_held_stays_until_it_is_released(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holding, "compose", place.compose)
    anna, bert, both = place.tell(ANNA), place.tell(BERT), place.tell(ANNA, BERT)
    other = place.tell()
    place.now += timedelta(days=14)
    attacked = place.tell(BERT)
    place.keep()
    day = place.now.date()
    of_anna = place.run(holding.hold(place.settings, Wish(HoldKind.PATIENT, "ANNA", "a complaint"), "eve"))
    of_trace = place.run(holding.hold(place.settings, Wish(HoldKind.TRACE, other, "a question"), "eve"))
    wish = Wish(HoldKind.INCIDENT, "7", "an attack", day, day)
    of_incident = place.run(holding.hold(place.settings, wish, "eve"))
    place.now += timedelta(days=60)
    place.erase()
    assert {anna, both, other, attacked} <= place.traces()
    assert bert not in place.traces()
    assert place.verify().findings == ()
    told = place.run(holding.shown(place.settings, every=True))
    assert sum("held" in line and "eve" in line for line in told) == 3
    for number in (of_anna, of_trace, of_incident):
        place.run(holding.release(place.settings, number, "settled", "adam"))
    with pytest.raises(SettingsInvalid, match="no hold"):
        place.run(holding.release(place.settings, of_anna, "again", "adam"))
    place.erase()
    assert place.traces().isdisjoint({anna, both, other, attacked})
    report = place.verify()
    assert (report.findings, report.erased) == ((), 8), "the rows about the holds themselves too"


def test_steps_are_bounded_and_every_one_has_its_record(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "BATCH", 3)
    for _ in range(8):
        place.tell(ANNA)
    place.keep()
    place.now += timedelta(days=60)
    place.erase()
    assert [each.count for each in place.erased()] == [3, 3, 2]
    report = place.verify()
    assert (report.findings, report.erased) == ((), 8)


def test_nothing_is_erased_that_a_receiver_does_not_have(place: Place) -> None:
    place.tell(ANNA)
    place.keep()
    place.now += timedelta(days=60)
    destinations = (AuditDestination(name="national", address="tls://audit.example:6514"),)
    told = replace(place.settings, audit=Audit(destinations=destinations))
    place.gateway = replace(place.gateway, settings=told)
    assert place.erase() == 0
    assert place.erased() == []


def test_by_default_everything_is_kept(place: Place) -> None:
    place.tell(ANNA)
    place.keep()
    place.gateway = replace(place.gateway, settings=replace(place.settings, retention=Retention()))
    place.now += timedelta(days=36_500)
    assert place.erase() == 0
    assert place.verify().erased == 0
