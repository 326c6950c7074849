"""What is over goes, the trail still proves itself: the clock is set forward, on both databases (SEED-24)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from gateway.audit.findings import Fault
from gateway.cli import erasing, holding
from gateway.cli.checking import Vigil
from gateway.cli.holding import Wish
from gateway.cli.init import create
from gateway.cli.keeper import resume
from gateway.cli.settings import load_settings
from gateway.config import Settings
from gateway.config.trail import Audit, AuditDestination, Retention
from gateway.errors import Denied, SettingsInvalid
from gateway.record.retention import HoldKind
from gateway.stores import tables
from gateway.stores.events import Question, slot_of
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from tests.erasing import ANNA, BEGIN, BERT, KEPT, WEEK, Place


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("erasing") / "home"
    create(folder, "integration")
    return load_settings(folder / "passerelle.toml")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(
    request: pytest.FixtureRequest, home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    if request.param == "sqlite":
        path = tmp_path / "trail.db"
        path.write_bytes(request.getfixturevalue("migrated").read_bytes())
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres").fresh()
    database = replace(home.database, url=url)
    content = replace(home.content, directory=tmp_path / "content")
    settings = replace(home, database=database, content=content, retention=KEPT)
    made = Place(settings)
    monkeypatch.setattr(holding, "compose", made.compose)
    yield made
    made.run(made.gateway.close())
    made.runner.close()


def released(place: Place, number: int) -> None:
    """By two persons."""
    for person, done in (("adam", False), ("eve", True)):
        assert place.run(holding.release(place.settings, number, "settled", person)) is done


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
    terms = place.run(place.gateway.database.fetch(select(tables.event_term.c.slot)))
    assert {row.slot for row in terms} == {slot_of(millis(place.now))}


def test_what_goes_without_a_record_is_missing(place: Place) -> None:
    place.tell(ANNA)
    place.tell(BERT)
    place.keep()
    place.now += timedelta(days=60)
    rows = place.run(place.store.own_over(0, slot_of(millis(place.now)), 1 << 62, 1, but="none"))
    work = UnitOfWork()
    place.store.erase_own(work, rows)
    place.run(place.gateway.engine.committer.commit(work))
    place.erase()
    report = place.verify()
    assert [each.fault for each in report.findings] == [Fault.MISSING]
    assert report.findings[0].position == 0
    assert report.erased == 1


def test_what_is_held_stays_until_it_is_released(place: Place) -> None:
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
        released(place, number)
    with pytest.raises(SettingsInvalid, match="no hold"):
        place.run(holding.release(place.settings, of_anna, "again", "adam"))
    place.erase()
    assert place.traces().isdisjoint({anna, both, other, attacked})
    report = place.verify()
    assert (report.findings, report.erased) == ((), 8), "the rows about the holds themselves too"


def test_a_proposal_holds_for_seven_days(place: Place) -> None:
    number = place.run(holding.hold(place.settings, Wish(HoldKind.TRACE, "t", "a question"), "eve"))

    def release(person: str) -> bool:
        return bool(place.run(holding.release(place.settings, number, "settled", person)))

    assert not release("adam")
    place.now += timedelta(days=7, minutes=1)
    assert not release("eve"), "the first one is void: this is another proposal"
    assert not any("by adam" in line for line in place.run(holding.shown(place.settings, every=False)))
    with pytest.raises(Denied, match="another person"):
        release("eve")
    place.now += timedelta(days=6)
    assert release("adam")
    assert place.run(place.store.holds()).holds == ()


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


def test_what_was_received_is_gone_with_its_key(place: Place) -> None:
    book = place.gateway.engine.services.access.trail
    place.receive(ANNA)
    place.receive(BERT)
    place.now += timedelta(days=7)
    kept = place.receive(ANNA)
    place.keep()
    always = Question(since=0, until=millis(BEGIN + timedelta(days=99)))
    assert len([each for each in place.run(book.search(always)) if each.received]) == 3
    place.now += timedelta(days=31)
    place.run(holding.hold(place.settings, Wish(HoldKind.PATIENT, "ANNA", "a complaint"), "eve"))
    place.erase()
    assert [each.kind for each in place.erased()] == ["received"], "one block is of a patient that is held"
    released(place, place.run(place.store.holds()).holds[0].number)
    place.erase()
    found = [each.received for each in place.run(book.search(always)) if each.received]
    assert found == [kept]
    assert (place.rows(tables.event_block), place.rows(tables.slot_key)) == (1, 1)
    assert place.run(place.gateway.database.fetch(select(tables.event_seen.c.slot)))[0].slot == WEEK + 1
    report = place.verify()
    assert (report.findings, report.erased) == ((), 2)


def test_what_systems_said_and_old_alerts_go_too(place: Place) -> None:
    place.hear()
    alert = dict.fromkeys(("rule", "kind", "subject", "severity", "explanation"), "x")
    work, at = UnitOfWork(), millis(place.now)
    for number, state in ((1, "dismissed"), (2, "open")):
        given = {"number": number, "events": "", "first_at": at, "last_at": at, "count": 1, "state": state}
        work.write(insert(tables.alert), {**alert, **given})
    place.run(place.gateway.engine.committer.commit(work))
    place.now += timedelta(days=38)
    place.erase()
    assert sorted((each.kind, each.count, each.first) for each in place.erased()) == [
        ("alerts", 1, -1),
        ("system", 1, -1),
    ]
    gone = (tables.system_block, tables.system_event, tables.slot_key)
    assert [place.rows(each) for each in gone] == [0, 0, 0]
    assert place.rows(tables.alert) == 1
    assert place.verify().ok


def test_an_incident_is_held_by_its_number(place: Place) -> None:
    step = place.run(place.gateway.engine.journal.trace(place.tell(BERT)))[0].id
    event = place.run(place.gateway.engine.journal.trace(place.tell(ANNA)))[0].id
    other = place.tell(ANNA)
    at = millis(place.now)
    work = UnitOfWork()
    incident = {"number": 7, "title": "x", "severity": "high", "state": "open", "opened_at": at}
    work.write(insert(tables.incident), {**incident, "opened_by": "eve", "after": None, "steps": 1})
    done = {
        "incident": 7,
        "number": 1,
        "at": at,
        "actor": "eve",
        "kind": "open",
        "content": b"",
        "digest": b"",
    }
    work.write(insert(tables.incident_step), {**done, "audit_id": step})
    alert = dict.fromkeys(("rule", "kind", "subject", "severity", "explanation"), "x")
    found = {
        "number": 1,
        "events": f"{at - 1:x}-1 {at:x}-{event:x}",
        "first_at": at,
        "last_at": at,
        "count": 1,
    }
    work.write(insert(tables.alert), {**alert, **found, "state": "incident", "incident": 7})
    place.run(place.gateway.engine.committer.commit(work))
    place.keep()
    place.now += timedelta(days=1)
    place.run(holding.hold(place.settings, Wish(HoldKind.INCIDENT, "7", "an attack"), "eve"))
    with pytest.raises(SettingsInvalid, match="no incident"):
        place.run(holding.hold(place.settings, Wish(HoldKind.INCIDENT, "8", "an attack"), "eve"))
    place.now += timedelta(days=38)
    place.erase()
    rows = {row.id for row in place.run(place.gateway.engine.journal.sealed_rows(0, 99)) if row.id}
    assert {step, event} <= rows
    assert other not in place.traces()
    assert place.rows(tables.alert) == 1


def test_what_was_erased_and_is_here_again_is_told(place: Place) -> None:
    place.tell(ANNA)
    place.tell(BERT)
    place.keep()
    saved = place.run(place.gateway.engine.journal.sealed_rows(0, 1))[0]
    place.now += timedelta(days=60)
    place.erase()
    work = UnitOfWork()
    columns = tables.audit.c.keys()
    work.write(insert(tables.audit), {name: getattr(saved, name) for name in columns})
    place.run(place.gateway.engine.committer.commit(work))
    (finding,) = place.verify().findings
    assert (finding.fault, finding.position) == (Fault.INSERTED, 0)


def test_the_watching_of_the_trail_takes_an_erasure_for_none_of_its_faults(place: Place) -> None:
    for _ in range(3):
        place.tell(ANNA)
    place.keep()
    place.now += timedelta(days=60)
    place.erase()

    async def looked() -> None:
        vigil, sealing = Vigil(place.gateway), await resume(place.gateway)
        for _ in range(6):
            await vigil.look(sealing.frontier, sealing.since)

    before = place.rows(tables.audit)
    place.run(looked())
    assert place.rows(tables.audit) == before, "no alert was raised"
