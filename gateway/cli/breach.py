"""Whose records somebody has reached in a period, from the trail (GDPR Art. 33, 34).

For the authority and the persons concerned. Only what was let through counts: what was refused
reached nobody.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from gateway.audit.objects import alert_subject_object
from gateway.audit.record import AuditFacts, Human
from gateway.cli.incidents import opened
from gateway.config import Settings
from gateway.declare.events import AUDIT_LOG_USED, INCIDENT_STEP, EventAction, Outcome
from gateway.errors import SettingsInvalid
from gateway.pipeline.engine import Engine
from gateway.pipeline.telling import tell_alone
from gateway.record.events import patient_of
from gateway.record.people import PatientId
from gateway.record.revoked import RevokedKind, bare
from gateway.stores.alerts import time_of
from gateway.stores.events import Question
from gateway.stores.rows import millis
from gateway.stores.work import UnitOfWork
from gateway.trail.book import Kept, TrailBook

PAGE = 200
_SERIOUS = 8
_DOCUMENT = "3"
COLUMNS = ("patient", "record", "first", "last", "events", "transactions", "documents", "event_ids")
MOST_IDS = 50

Subject = tuple[RevokedKind, str]
Period = tuple[datetime, datetime]


@dataclass(slots=True)
class Touched:
    """What reached one patient. Times are milliseconds; ids are the newest."""

    first: int
    last: int
    count: int = 0
    transactions: set[str] = field(default_factory=set)
    documents: set[str] = field(default_factory=set)
    ids: list[str] = field(default_factory=list)


async def write_list(
    settings: Settings, number: int, who: Subject, period: Period, output: Path, actor: str
) -> int:
    """Writes the list, notes it in the incident and tells the trail; gives the number of patients.

    `output` must not be there yet. SettingsInvalid where the period ends before it begins.
    """
    if period[1] <= period[0]:
        raise SettingsInvalid("the period ends before it begins")
    async with opened(settings) as (gateway, desk):
        await desk.incident(number)
        engine = gateway.engine
        found = await touched(engine.services.access.trail, who, period)
        data = await _csv(engine, found)
        content = {
            "kind": who[0].value,
            "name": who[1],
            "since": period[0].isoformat(timespec="seconds"),
            "until": period[1].isoformat(timespec="seconds"),
            "patients": str(len(found)),
            "sha256": sha256(data).hexdigest(),
        }
        await desk.breach_listed(number, actor, content)
        await _tell(engine, number, who, len(found), actor)
        _write(output, data)
        return len(found)


async def touched(trail: TrailBook, who: Subject, period: Period) -> dict[str, Touched]:
    """What reached whom, by the identifier of the patient as the trail names it."""
    found: dict[str, Touched] = {}
    async for each in _events(trail, who, period):
        for patient in _reached(each):
            at = each.found.at
            one = found.setdefault(patient, Touched(first=at, last=at))
            one.first, one.last, one.count = min(one.first, at), max(one.last, at), one.count + 1
            one.transactions.add(each.record.transaction or each.record.event.code)
            one.documents.update(
                entity.identifier for entity in each.record.entities if entity.role == _DOCUMENT
            )
            if len(one.ids) < MOST_IDS:
                one.ids.append(each.name)
    return found


async def _events(trail: TrailBook, who: Subject, period: Period) -> AsyncIterator[Kept]:
    """Events of the subject that were let through, the newest first."""
    kind, name = who
    terms = frozenset({f"agent|{name}"}) if kind in {RevokedKind.PERSON, RevokedKind.NODE} else None
    before: tuple[int, int] | None = None
    while True:
        question = Question(
            since=millis(period[0]), until=millis(period[1]), terms=terms, before=before, limit=PAGE
        )
        found = await trail.events.find(question)
        for each in await trail.open(found):
            if each.record.outcome < _SERIOUS and _is_of(each, kind, name):
                yield each
        if len(found) < PAGE:
            return
        before = (found[-1].at, found[-1].id)


def _is_of(each: Kept, kind: RevokedKind, name: str) -> bool:
    human = each.record.human
    if kind is RevokedKind.PERSON:
        return human is not None and human.user_id == name
    if kind is RevokedKind.NODE:
        return any(agent.user_id == name and agent.address is not None for agent in each.record.agents)
    if kind is RevokedKind.ISSUER:
        return human is not None and (human.name or "").endswith(f"@{name}>")
    organisation = _receipt(each).get("asked", {}).get("who", {}).get("organisation")
    return organisation is not None and bare(organisation) == bare(name)


def _reached(each: Kept) -> Iterator[str]:
    """The patients of an event, but those whom the decision shut out of it."""
    answers = _receipt(each).get("decisions", ())
    denied = {str(PatientId(*one["patient"])) for one in answers if one["patient"] and not one["permitted"]}
    return (patient for patient in each.record.patients if patient not in denied)


def _receipt(each: Kept) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(each.decision) if each.decision is not None else {}
    return found


async def _csv(engine: Engine, found: dict[str, Touched]) -> bytes:
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(COLUMNS)
    for patient, one in sorted(found.items(), key=lambda item: item[1].first):
        table.writerow(
            (
                patient,
                await _record(engine, patient),
                _time(one.first),
                _time(one.last),
                one.count,
                " ".join(sorted(one.transactions)),
                " ".join(sorted(one.documents)),
                " ".join(one.ids),
            )
        )
    return text.getvalue().encode()


async def _record(engine: Engine, patient: str) -> str:
    """The identifier under which the record stands now; empty where it is not known."""
    identity = patient_of(patient)
    record = None if identity is None else await engine.services.patients.find(identity)
    return "" if record is None else str(record.shown)


def _time(at: int) -> str:
    return f"{time_of(at):%Y-%m-%dT%H:%M:%S}Z"


def _write(output: Path, data: bytes) -> None:
    """For its owner only; never over another file."""
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


async def _tell(engine: Engine, number: int, who: Subject, count: int, actor: str) -> None:
    """The trail was read for all patients that somebody reached (110101)."""
    work = UnitOfWork()
    text = f"list of {count} patients reached by {who[0].value} {who[1]}, for incident {number}"
    facts = AuditFacts(
        event=AUDIT_LOG_USED,
        type=INCIDENT_STEP,
        action=EventAction.READ,
        at=engine.clock(),
        outcome=Outcome.SUCCESS,
        source=engine.here,
        destination=engine.here,
        audit_source=engine.audit_source,
        objects=(alert_subject_object(f"incident:{number}", text),),
        human=Human(actor, actor),
        description=text,
    )
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)
