"""Whose events a reader of the trail names: patients read those of a record that they may open."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.declare.transaction import Target
from gateway.errors import Meaning, Problem, Refused
from gateway.pipeline.engine import Engine
from gateway.record.patients import PatientRecord
from gateway.record.people import PatientId

EVENT = "event"
"""The kind of what a target names by the logical ids of events."""

Found = list[tuple[PatientId | None, PatientRecord | None]]


async def records_of_events(target: Target, engine: Engine) -> Found:
    """The records of the patients named, or of those an event is about; Refused where nobody is named.

    An identifier of another domain stands for the records that its person has here.
    """
    ids = list(_events(target))
    if not target.patients and not ids:
        text = "a patient must be named, by patient.identifier or entity.identifier"
        raise Refused(Problem(Meaning.MISSING_PARAMETER, text, "patient.identifier"))
    named = [*target.patients, *await engine.services.access.trail.patients_of(ids)]
    found: Found = []
    for each in dict.fromkeys(named):
        found += await _records(each, engine)
    return list(
        {record.key if record else identity: (identity, record) for identity, record in found}.values()
    )


def _events(target: Target) -> Iterator[str]:
    return (value for naming in target.named if naming.kind == EVENT for value in naming.values)


async def _records(named: PatientId, engine: Engine) -> Found:
    services = engine.services
    if services.domain.accepts(named.root):
        return [(named, await services.patients.find(named))]
    held = await services.patients.of_persons(await services.index.persons_of([named]))
    found: Found = [(each.shown, each) for each in held if services.domain.accepts(each.shown.root)]
    return found or [(named, None)]
