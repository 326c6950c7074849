"""Closed incidents go when their time is over, with their steps and a record of it; open ones never."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from gateway.cli import holding
from gateway.cli.holding import Wish
from gateway.cli.incidents import incident_desk
from gateway.cli.init import create
from gateway.cli.settings import load_settings
from gateway.pipeline.guarding import IncidentDesk
from gateway.record.retention import HoldKind
from gateway.record.revoked import RevokedKind
from gateway.stores import tables
from gateway.stores.alerts import Alert
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message
from tests.erasing import KEPT, WEEK, Place


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Incidents are kept for 60 days here, all else for 30."""
    create(tmp_path / "home", "integration")
    home = load_settings(tmp_path / "home/passerelle.toml")
    url = f"sqlite:///{tmp_path}/trail.db"
    if request.param == "sqlite":
        (tmp_path / "trail.db").write_bytes(request.getfixturevalue("migrated").read_bytes())
    else:
        url = request.getfixturevalue("postgres").fresh()
    made = Place(replace(home, database=replace(home.database, url=url), retention=KEPT))
    monkeypatch.setattr(holding, "compose", made.compose)
    yield made
    made.run(made.gateway.close())
    made.runner.close()


def closed(place: Place, desk: IncidentDesk, **opened: object) -> int:
    """An incident of low severity that was examined and closed."""
    incident = place.run(desk.open("copied", "low", "eve", **opened))  # type: ignore[arg-type]
    place.run(desk.state(incident.number, "examined", "eve", "read"))
    place.run(desk.close(incident.number, "eve", "settled"))
    return int(incident.number)


def there(place: Place) -> list[int]:
    desk = incident_desk(place.gateway)
    return sorted(each.number for each in place.run(desk.listed()))


def steps(place: Place) -> int:
    return place.rows(tables.incident_step)


def test_closed_ones_go_and_are_proven(place: Place) -> None:
    desk = incident_desk(place.gateway)
    first = closed(place, desk)
    head = place.run(desk.steps(first))[-1].digest
    still_open = place.run(desk.open("unclear", "high", "eve")).number
    newest = closed(place, desk)
    place.now += timedelta(days=50)
    place.erase()
    assert there(place) == [first, still_open, newest], "their time is not over"
    place.now += timedelta(days=20)
    place.erase()
    assert there(place) == [still_open, newest], "numbers go on from the newest"
    assert steps(place) == 4
    (row,) = (each for each in place.erased() if each.kind == "incidents")
    assert (row.count, row.first, row.slot) == (1, -1, WEEK)
    (kept,) = place.run(place.gateway.engine.journal.rows([row.audit_id]))
    (log,) = read_message(kept.message.encode()).entities
    assert (log.detail("Class"), log.detail("Count")) == ("incidents", "1")
    told = log.detail("LeavesSHA256")
    assert told == sha256(head).hexdigest(), "the chain of steps, by its last digest"
    assert place.verify().findings == ()


def test_its_alerts_go_by_their_own_time(place: Place) -> None:
    desk, work, at = incident_desk(place.gateway), UnitOfWork(), millis(place.now)
    text = dict.fromkeys(("rule", "kind", "subject", "explanation"), "x")
    for number in (1, 2, 3):
        alert = Alert(number=number, severity="low", events=(), first_at=at, last_at=at, **text)
        desk.alerts.add(work, alert)
    place.run(place.gateway.engine.committer.commit(work))
    closed(place, desk, alerts=(1,))
    place.run(desk.open("unclear", "high", "eve", alerts=(2,)))
    place.now += timedelta(days=38)
    place.erase()
    assert place.run(desk.alerts.one(1)) is None
    assert place.run(desk.alerts.one(2)) is not None, "that of an open incident stays"
    place.now += timedelta(days=400)
    place.erase()
    assert [place.run(desk.alerts.one(number)) is None for number in (2, 3)] == [False, False]
    assert there(place) == [2]


def test_what_is_still_needed_stays(place: Place) -> None:
    """One that is held, one that still shuts somebody out, and one that an open one continues."""
    desk = incident_desk(place.gateway)
    held, shut, before = (place.run(desk.open("copied", "low", "eve")).number for _ in range(3))
    place.run(desk.contain(shut, RevokedKind.NODE, "laboratory", "eve", "stolen key"))
    for number in (held, shut, before):
        place.run(desk.state(number, "examined", "eve", "read"))
        place.run(desk.close(number, "eve", "settled"))
    after = place.run(desk.open("again", "low", "eve", after=before)).number
    number = place.run(holding.hold(place.settings, Wish(HoldKind.INCIDENT, str(held), "asked"), "eve"))
    after_all = closed(place, desk)
    place.now += timedelta(days=70)
    place.erase()
    assert there(place) == [held, shut, before, after, after_all]
    for person in ("eve", "adam"):
        place.run(holding.release(place.settings, number, "done", person))
    place.run(desk.state(after, "examined", "eve", "read"))
    place.run(desk.close(after, "eve", "settled"))
    place.erase()
    assert there(place) == [shut, before, after, after_all]
    place.now += timedelta(days=70)
    place.erase()
    assert there(place) == [shut, after_all], "both of a chain, the later one first"
    place.run(desk.open("let in", "low", "eve", after=shut))
    assert place.run(desk.lift(after_all + 1, RevokedKind.NODE, "laboratory", "eve", "a new key"))
