"""What an operator does with the journal of a patient: writes it, and stands in it (ITI-20, 110101)."""

from __future__ import annotations

import secrets
import socket
from datetime import datetime

from gateway.audit.objects import patient_object
from gateway.audit.record import AuditFacts, Human, Participant
from gateway.cli.compose import Gateway, compose, utc_now
from gateway.config import Settings
from gateway.declare.events import EventAction, Outcome, audit_use_event
from gateway.errors import SettingsInvalid
from gateway.journal.answers import written
from gateway.journal.book import Asked, read_journal
from gateway.pipeline.telling import tell_alone
from gateway.record.access import LOWEST_RANK, Grant, Scope
from gateway.record.people import Code, PatientId
from gateway.stores.work import UnitOfWork

_READ = Code("JRN-1", "2.999.1.2", "Read Journal")


async def write_journal(
    settings: Settings, asked: Asked, form: str, language: str, operator: str
) -> tuple[int, bytes]:
    """How many entries, and the journal in a form; only once the reading stands in the audit.

    Titles of documents above normal confidentiality are not told to an office: the patient sees them.
    """
    gateway = compose(settings)
    try:
        engine, now = gateway.engine, utc_now()
        record = await engine.services.patients.find(asked.patient)
        if record is None:
            raise SettingsInvalid("the patient is not known here; a patient identity feed must come first")
        grants = dict.fromkeys(record.keys, Grant(rank=LOWEST_RANK))
        scope = Scope(grants=grants, identities=dict.fromkeys(record.keys, asked.patient))
        found = await read_journal(engine.services, scope, asked, now)
        await _tell(gateway, asked.patient, operator, now)
        content = await written(found, form, language, {}, engine.services.access.trail.hand)
        return len(found.entries), content
    finally:
        await gateway.close()


async def _tell(gateway: Gateway, patient: PatientId, operator: str, at: datetime) -> None:
    engine, event = gateway.engine, audit_use_event("JRN-1", "Read Journal")
    facts = AuditFacts(
        event=event.received,
        type=_READ,
        action=EventAction.READ,
        at=at,
        outcome=Outcome.SUCCESS,
        source=engine.here,
        destination=Participant("passerelle journal", socket.gethostname(), is_requestor=True),
        audit_source=engine.audit_source,
        objects=(patient_object(patient),),
        human=Human(operator, operator),
        trace_id=secrets.token_hex(16),
    )
    work = UnitOfWork()
    tell_alone(facts, engine, work)
    await engine.committer.commit(work)
