"""The watch at work on a real trail: what it was handed, what it missed, what others told, a restart."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import insert

from gateway.audit.objects import patient_object
from gateway.audit.record import AuditFacts, Human, Participant, audit_message
from gateway.cli.breach import write_list
from gateway.cli.compose import Gateway, compose
from gateway.cli.furnishing import furnish
from gateway.cli.incidents import incident_desk
from gateway.cli.indexing import index_once
from gateway.cli.keeper import resume as resume_sealing
from gateway.cli.keeper import seal_once
from gateway.cli.settings import load_settings
from gateway.cli.started import prepare
from gateway.cli.watching import Handover, Watcher, resume
from gateway.config import Settings
from gateway.declare.events import EventAction, Outcome, query_event
from gateway.record.events import Received
from gateway.record.people import PatientId
from gateway.record.revoked import RevokedKind
from gateway.stores import tables
from gateway.stores.alerts import Alert
from gateway.stores.journal import AuditRow
from gateway.stores.marker import ready
from gateway.stores.work import UnitOfWork

START = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
EVENT = query_event("ITI-18", "Registry Stored Query")


@dataclass
class Heard:
    """A log that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    error = warning


@dataclass
class Site:
    """An installation whose trail is written, sealed, indexed and watched by hand."""

    settings: Settings
    now: datetime = START
    log: Heard = field(default_factory=Heard)

    def do(self, job: Callable[[Gateway], Awaitable[Any]]) -> Any:
        async def done() -> Any:
            gateway = compose(self.settings, clock=lambda: self.now, log=self.log)
            try:
                return await job(gateway)
            finally:
                await gateway.close()

        return asyncio.run(done())

    async def asked(self, gateway: Gateway, person: str, *patients: str, permitted: bool = True) -> None:
        """An ITI-18 for each patient in our trail, sealed."""
        work = UnitOfWork()
        for patient in patients:
            self.now += timedelta(seconds=1)
            gateway.engine.journal.append(work, self.row(gateway, person, patient, permitted=permitted))
        await gateway.engine.committer.commit(work)
        await seal_once(gateway, await resume_sealing(gateway))

    def row(self, gateway: Gateway, person: str, patient: str, *, permitted: bool) -> AuditRow:
        identity = PatientId(patient, "2.999.1.1")
        who = {"kind": "professional", "subject": person, "organisation": "2.999.2.1"}
        answer = {"permitted": permitted, "patient": (identity.extension, identity.root)}
        return AuditRow(
            trace_id="0" * 32,
            at=self.now,
            transaction="ITI-18",
            outcome=0,
            message=message(gateway, person, identity, self.now),
            evidence=orjson.dumps({"node": "hospital", "node_certificate_sha256": "00"}).decode(),
            evidence_signature=b"-",
            decision=orjson.dumps({"asked": {"who": who}, "decisions": [answer]}).decode(),
        )

    def alerts(self) -> list[Alert]:
        async def listed(gateway: Gateway) -> list[Alert]:
            return list(await (await resume(gateway)).alerts.listed(100))

        found: list[Alert] = self.do(listed)
        return found


def message(gateway: Gateway, person: str, identity: PatientId, at: datetime) -> str:
    return audit_message(
        AuditFacts(
            event=EVENT.received,
            type=EVENT.type,
            action=EventAction.EXECUTE,
            at=at,
            outcome=Outcome.SUCCESS,
            source=Participant("hospital", "192.0.2.7", is_requestor=True),
            destination=gateway.engine.here,
            audit_source=gateway.engine.audit_source,
            objects=(patient_object(identity),),
            human=Human(person, f"<{person}@https://idp.example>"),
        )
    )


async def indexed(gateway: Gateway) -> Handover:
    handover = Handover()
    while await index_once(gateway, handover):
        pass
    return handover


async def worked(gateway: Gateway, watcher: Watcher) -> None:
    handover = await indexed(gateway)
    while rows := handover.next():
        await watcher.take(rows)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    config = prepare(tmp_path_factory.mktemp("watching") / "home")
    return load_settings(config)


@pytest.fixture
def site(installed: Settings, tmp_path: Path) -> Site:
    """A fresh database each time."""
    url = f"sqlite:///{tmp_path}/record.db"
    ready(url, "integration")
    return Site(replace(installed, database=replace(installed.database, url=url)))


def test_after_an_end_without_notice_nothing_is_missed_and_nothing_told_twice(site: Site) -> None:
    """Nine refusals are seen, and forgotten with the process; the tenth comes to the next one."""

    async def first(gateway: Gateway) -> None:
        watcher = await resume(gateway)
        await site.asked(gateway, "dr.a", *"abcdefghi", permitted=False)
        await worked(gateway, watcher)
        assert await watcher.alerts.listed(10) == []

    async def second(gateway: Gateway) -> None:
        watcher = await resume(gateway)
        await site.asked(gateway, "dr.a", "j", permitted=False)
        await worked(gateway, watcher)

    site.do(first)
    site.do(second)
    (alert,) = site.alerts()
    assert (alert.rule, alert.subject, alert.count) == ("refusals", "dr.a", 1)
    assert [line for line in site.log.lines if line.startswith("alert ")] != []
    assert len(site.alerts()) == 1, "looking once more from the start finds nothing new"


def test_rows_that_were_not_handed_over_are_read_again(site: Site) -> None:
    async def play(gateway: Gateway) -> None:
        watcher = await resume(gateway)
        await site.asked(gateway, "dr.b", *"abcdefghi", permitted=False)
        await indexed(gateway)
        await site.asked(gateway, "dr.b", "j", permitted=False)
        await worked(gateway, watcher)

    site.do(play)
    assert [each.subject for each in site.alerts()] == ["dr.b"]


def test_a_handover_that_is_full_lets_go(site: Site) -> None:
    async def play(gateway: Gateway) -> None:
        watcher, handover = await resume(gateway), Handover()
        for number in range(45):
            await site.asked(gateway, "dr.c", f"p{number}", permitted=False)
            await index_once(gateway, handover)
        count = 0
        while rows := handover.next():
            count += len(rows)
            await watcher.take(rows)
        assert count < 45

    site.do(play)
    assert [(each.subject, each.count) for each in site.alerts()] == [("dr.c", 4)]


def test_the_same_finding_counts_in_one_alert_until_it_is_old(site: Site) -> None:
    async def play(gateway: Gateway) -> None:
        watcher = await resume(gateway)
        for _ in range(3):
            await site.asked(gateway, "dr.d", *"abcdefghij", permitted=False)
        await worked(gateway, watcher)
        site.now += timedelta(hours=25)
        await site.asked(gateway, "dr.d", *"abcdefghij", permitted=False)
        await worked(gateway, watcher)

    site.do(play)
    assert [each.count for each in site.alerts()] == [1, 3]


def test_what_happened_long_ago_raises_nothing(site: Site) -> None:
    async def play(gateway: Gateway) -> None:
        watcher = await resume(gateway)
        await site.asked(gateway, "dr.e", *"abcdefghij", permitted=False)
        site.now += timedelta(hours=80)
        await worked(gateway, watcher)

    site.do(play)
    assert site.alerts() == []


def test_what_other_systems_tell_is_watched_and_its_events_are_named(site: Site) -> None:
    async def play(gateway: Gateway) -> None:
        watcher, trail = await resume(gateway), gateway.engine.services.access.trail
        work, messages = UnitOfWork(), []
        for number in range(60):
            site.now += timedelta(seconds=1)
            raw = message(gateway, "dr.f", PatientId(f"p{number}", "2.999.1.1"), site.now).encode()
            messages.append(Received(raw=raw, form="dicom", at=site.now, sender="laboratory"))
        await trail.take(work, messages, site.now)
        await gateway.engine.committer.commit(work)
        await worked(gateway, watcher)
        assert await watcher.alerts.listed(10) == [], "what is not sealed yet has no place in the order"
        await seal_once(gateway, await resume_sealing(gateway))
        await worked(gateway, watcher)
        (alert,) = await watcher.alerts.listed(10)
        assert (alert.rule, alert.subject) == ("mass-query", "dr.f")
        kept = await trail.event(alert.events[-1])
        assert kept is not None
        assert kept.record.human is not None
        assert kept.record.human.user_id == "dr.f"

    site.do(play)
    assert len(site.alerts()) == 1, "a restart does not look at it again"


def test_a_record_that_was_erased_does_not_hold_up_the_watch(site: Site) -> None:
    furnish(site.settings)

    async def play(gateway: Gateway) -> None:
        # As erasing leaves it: the identity is known, its key is gone.
        work = UnitOfWork()
        row = {"key": 1, "head": 1, "root": "2.999.1.1", "extension": "gone", "created_at": 0}
        work.write(insert(tables.patient), row)
        await gateway.engine.committer.commit(work)
        watcher = await resume(gateway)
        await site.asked(gateway, "dr.weber", "gone")
        await site.asked(gateway, "dr.weber", *"abcdefghij", permitted=False)
        await worked(gateway, watcher)

    site.do(play)
    assert [(each.rule, each.subject) for each in site.alerts()] == [("refusals", "dr.weber")]
    assert any(line.startswith("kin not looked at") for line in site.log.lines)


def test_who_was_reached_is_listed_from_the_trail(site: Site, tmp_path: Path) -> None:
    begin = site.now

    async def play(gateway: Gateway) -> None:
        await site.asked(gateway, "dr.g", "one", "two", "one")
        await site.asked(gateway, "dr.g", "three", permitted=False)
        await site.asked(gateway, "dr.h", "four")
        await indexed(gateway)
        await incident_desk(gateway).open("copied", "high", "alice")

    site.do(play)
    period = (begin, site.now + timedelta(seconds=1))
    for number, (who, reached) in enumerate(
        {
            (RevokedKind.PERSON, "dr.g"): ["one", "two"],
            (RevokedKind.NODE, "hospital"): ["one", "two", "four"],
            (RevokedKind.ORGANISATION, "urn:oid:2.999.2.1"): ["one", "two", "four"],
            (RevokedKind.ISSUER, "https://idp.example"): ["one", "two", "four"],
            (RevokedKind.ISSUER, "https://other.example"): [],
        }.items()
    ):
        output = tmp_path / f"list{number}.csv"
        count = asyncio.run(write_list(site.settings, 1, who, period, output, "bob"))
        with output.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [each["patient"].partition("^")[0] for each in rows] == reached
        assert count == len(reached)
    with (tmp_path / "list0.csv").open(newline="") as file:
        assert [each["events"] for each in csv.DictReader(file)] == ["2", "1"]
