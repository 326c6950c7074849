"""What the watch costs an event, and how far it is behind when the trail grows fast.

In the process, on the database of an installation: rows are written, sealed, indexed, watched as by a worker.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson
from messages import Workshop

from gateway.audit.objects import patient_object
from gateway.audit.record import AuditFacts, Human, Participant, audit_message
from gateway.cli.compose import Gateway, compose
from gateway.cli.indexing import index_once
from gateway.cli.keeper import resume as resume_sealing
from gateway.cli.keeper import seal_once
from gateway.cli.started import serving
from gateway.cli.watching import Handover, Noted, Sealed, Watcher, resume
from gateway.config import Settings
from gateway.declare.events import EventAction, Outcome, query_event
from gateway.record.people import PatientId
from gateway.stores.journal import AuditRow
from gateway.stores.work import UnitOfWork
from gateway.trail.dicom import read_message
from gateway.watch.event import seen_of
from gateway.watch.watch import Watch, rules_of

PEOPLE, ORGANISATIONS, PATIENTS = 7_000, 200, 700_000
EVENTS, AT_ONCE, FED = 6_000, 0.1, 40
_EVENT = query_event("ITI-18", "Registry Stored Query")


@dataclass
class Country:
    """Professionals who ask for records; those that were fed are asked for now and then."""

    gateway: Gateway
    fed: Sequence[str]
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - no secret

    def rows(self, count: int) -> list[AuditRow]:
        """As many rows of the audit as the pipeline writes them, but for signatures."""
        return [self._row() for _ in range(count)]

    def _row(self) -> AuditRow:
        number = self.chance.randrange(PEOPLE)
        person = "dr.weber" if number == 0 else f"dr.{number}"
        extension = self.chance.choice(self.fed) if number % 7 == 0 else str(self.chance.randrange(PATIENTS))
        patient = PatientId(extension, self.gateway.settings.domain.affinity_oid)
        organisation, at = f"2.999.4.{number % ORGANISATIONS}", datetime.now(UTC)
        who = {"kind": "professional", "subject": person, "organisation": organisation}
        answer = {"permitted": True, "patient": (patient.extension, patient.root)}
        facts = AuditFacts(
            event=_EVENT.received,
            type=_EVENT.type,
            action=EventAction.EXECUTE,
            at=at,
            outcome=Outcome.SUCCESS,
            source=Participant(f"node{number % ORGANISATIONS}", "192.0.2.7", is_requestor=True),
            destination=self.gateway.engine.here,
            audit_source=self.gateway.engine.audit_source,
            objects=(patient_object(patient),),
            human=Human(person, f"<{person}@https://idp.example>"),
        )
        evidence = {"node": f"node{number % ORGANISATIONS}", "node_certificate_sha256": "00"}
        return AuditRow(
            trace_id="0" * 32,
            at=at,
            transaction="ITI-18",
            outcome=0,
            message=audit_message(facts),
            evidence=orjson.dumps(evidence).decode(),
            evidence_signature=b"-",
            decision=orjson.dumps({"asked": {"who": who}, "decisions": [answer]}).decode(),
        )


def run(settings: Settings, options: argparse.Namespace) -> None:
    """Feeds some patients through a running system, then prints the figures."""
    with serving(settings.folder / "passerelle.toml"):
        fed = Workshop.open(settings, FED, 1).fed
    asyncio.run(_run(settings, fed, options))


async def _run(settings: Settings, fed: Sequence[str], options: argparse.Namespace) -> None:
    gateway = compose(settings)
    try:
        country = Country(gateway, fed)
        alone(country)
        await whole(country)
        await behind(country, options.rate, options.seconds)
    finally:
        await gateway.close()


def alone(country: Country) -> None:
    """What is seen of an event, and the rules over it; no database."""
    events = country.gateway.engine.services.access.trail.events
    rows = [(row, read_message(row.message.encode())) for row in country.rows(EVENTS)]
    watch = Watch(rules_of(country.gateway.settings.watch))
    began = time.process_time()
    seen = [
        one
        for row, record in rows
        if (one := seen_of(record, "-", events.digests, evidence=row.evidence, decision=row.decision))
    ]
    _show("an event as rules see it", time.process_time() - began, EVENTS)
    began = time.process_time()
    for each in watch.concerned(seen):
        watch.remember({}, watch.unknown([each]))
        watch.look(each)
    _show("all rules over it", time.process_time() - began, EVENTS)


async def whole(country: Country) -> None:
    """All of it: kinship and memories from the database, memories written."""
    gateway = country.gateway
    watcher, handover = await _caught_up(gateway), Handover()
    await _write(gateway, country.rows(EVENTS))
    batches = await _indexed(gateway, handover)
    began = time.process_time()
    for each in batches:
        await watcher.take(each)
    watcher.kept_at = 0.0
    await watcher.rest()
    _show("the whole watch, with its database", time.process_time() - began, EVENTS)


async def behind(country: Country, rate: int, seconds: float) -> None:
    """How long after it was written a row was watched, while so many are written a second."""
    gateway = country.gateway
    watcher, handover = await _caught_up(gateway), Handover()
    writing = asyncio.create_task(_growing(country, rate, seconds))
    lags: list[float] = []
    used, began = time.process_time(), time.monotonic()
    while not writing.done():
        await asyncio.sleep(1.0)
        await _seal(gateway)
        for each in await _indexed(gateway, handover):
            await watcher.take(each)
            lags += [
                (datetime.now(UTC) - row.record.at) / timedelta(milliseconds=1)
                for row in each
                if isinstance(row, Noted)
            ]
        await watcher.rest()
    rows = await writing
    lags.sort()
    share = (time.process_time() - used) / (time.monotonic() - began)
    print(
        f"{rows} rows at {rate}/s: watched after {lags[len(lags) // 2]:.0f} ms (half of them), "
        f"{lags[-1]:.0f} ms (the last); {share:.0%} of a core for writing, sealing, indexing and watching"
    )


async def _growing(country: Country, rate: int, seconds: float) -> int:
    count, began = 0, time.monotonic()
    while (past := time.monotonic() - began) < seconds:
        due = int(past * rate) - count
        if due:
            await _noted(country.gateway, country.rows(due))
            count += due
        await asyncio.sleep(AT_ONCE)
    return count


async def _noted(gateway: Gateway, rows: Sequence[AuditRow]) -> None:
    work = UnitOfWork()
    for each in rows:
        gateway.engine.journal.append(work, each)
    await gateway.engine.committer.commit(work)


async def _write(gateway: Gateway, rows: Sequence[AuditRow]) -> None:
    await _noted(gateway, rows)
    await _seal(gateway)


async def _seal(gateway: Gateway) -> None:
    sealing = await resume_sealing(gateway)
    more = True
    while more:
        more = await seal_once(gateway, sealing)
        await asyncio.sleep(0)


async def _indexed(gateway: Gateway, handover: Handover) -> list[Sequence[Sealed]]:
    found: list[Sequence[Sealed]] = []
    more = True
    while more:
        more = await index_once(gateway, handover)
        while rows := handover.next():
            found.append(rows)
        await asyncio.sleep(0)
    return found


async def _caught_up(gateway: Gateway) -> Watcher:
    await _seal(gateway)
    await _indexed(gateway, Handover())
    return await resume(gateway)


def _show(what: str, seconds: float, count: int) -> None:
    print(f"{what}: {seconds / count * 1e6:.1f} µs of CPU")
