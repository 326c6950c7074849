"""What operators do with decisions of patients: look, say one, end one; each leaves its trail (ITI-20)."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Any

from gateway.audit.objects import patient_object, resource_object
from gateway.audit.record import AuditFacts, Human, Participant
from gateway.cli.compose import Gateway, compose, utc_now
from gateway.config import Settings
from gateway.declare.events import EventAction, Outcome, resource_event
from gateway.errors import SettingsInvalid
from gateway.pipeline.telling import tell_alone
from gateway.record.access import LOWEST_RANK, Grant, Scope
from gateway.record.consents import Author, Consent, Directive
from gateway.record.people import Code, PatientId, SubjectKind
from gateway.rights.book import RightsBook, Said
from gateway.stores.migrate import upgrade
from gateway.stores.work import UnitOfWork

_TRANSACTION, _TITLE = "ITI-108", "Access Consent"
_WRITING = "profiles.pcf.wire.consent"
"""Loaded by name, as the profiles are: the engine imports none."""
_CONSENT = Code("Consent", "http://hl7.org/fhir/resource-types")


@dataclass(frozen=True, kw_only=True)
class Asking:
    """What the book of rights needs of whoever asks: here an operator, for one patient."""

    scope: Scope
    at: datetime
    trace_id: str
    work: UnitOfWork = field(default_factory=UnitOfWork)


@dataclass(frozen=True, kw_only=True)
class RightsDesk:
    """The decisions of the patients of an installation, opened by an operator of this name."""

    gateway: Gateway
    operator: str

    @property
    def book(self) -> RightsBook:
        """Where decisions are kept."""
        return self.gateway.engine.services.access.rights

    async def decided(self, patient: PatientId, *, versions: bool = False) -> list[Consent]:
        """The consents of a patient, or all their versions, oldest first; that they were read is told."""
        asking = await self._asking(patient)
        found = await self.book.consents(asking, versions=versions)
        await self._commit(asking, EventAction.READ, patient, found)
        return found

    async def bundle(self, patient: PatientId) -> dict[str, Any]:
        """The same as a FHIR Bundle of type collection."""
        write = import_module(_WRITING).resource_of
        domain = self.gateway.engine.services.domain
        entries = [{"resource": write(each, domain)} for each in await self.decided(patient)]
        stamp = utc_now().isoformat(timespec="seconds")
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "timestamp": stamp}
        return {**bundle, **({"entry": entries} if entries else {})}

    async def say(self, patient: PatientId, directive: Directive, reason: str) -> Consent:
        """Keeps what a patient decided away from any system: a consent of one directive."""
        asking = await self._asking(patient)
        said = Said(directives=(directive,), author=self._author(), reason=reason)
        kept = await self.book.add(asking, patient, said)
        await self._commit(asking, EventAction.CREATE, patient, [kept])
        return kept

    async def end(self, identifier: str, reason: str) -> Consent:
        """Ends a consent, whoever said it."""
        rows = await self.book.store.versions(identifier)
        if not rows:
            raise SettingsInvalid(f"there is no consent {identifier}")
        patient = PatientId(rows[-1].extension, rows[-1].root)
        asking = await self._asking(patient)
        ended = await self.book.end(asking, identifier, self._author(), reason)
        await self._commit(asking, EventAction.DELETE, patient, [ended])
        return ended

    def _author(self) -> Author:
        return Author(
            subject=self.operator, name=self.operator, kind=SubjectKind.OPERATOR.value, by="passerelle rights"
        )

    async def _asking(self, patient: PatientId) -> Asking:
        record = await self.gateway.engine.services.patients.find(patient)
        if record is None:
            raise SettingsInvalid("the patient is not known here; a patient identity feed must come first")
        grants: Mapping[int, Grant] = dict.fromkeys(record.keys, Grant(rank=LOWEST_RANK))
        scope = Scope(grants=grants, identities=dict.fromkeys(record.keys, patient))
        return Asking(scope=scope, at=utc_now(), trace_id=secrets.token_hex(16))

    async def _commit(
        self, asking: Asking, action: EventAction, patient: PatientId, consents: list[Consent]
    ) -> None:
        """With the audit row in the same transaction."""
        engine, event = self.gateway.engine, resource_event(_TRANSACTION, _TITLE, action)
        names = dict.fromkeys(each.id for each in consents)
        facts = AuditFacts(
            event=event.received,
            type=event.type,
            action=action,
            at=asking.at,
            outcome=Outcome.SUCCESS,
            source=Participant("passerelle rights", socket.gethostname(), is_requestor=True),
            destination=engine.here,
            audit_source=engine.audit_source,
            objects=(patient_object(patient), *(resource_object(name, _CONSENT) for name in names)),
            human=Human(self.operator, self.operator),
            trace_id=asking.trace_id,
        )
        tell_alone(facts, engine, asking.work)
        await engine.committer.commit(asking.work)


@asynccontextmanager
async def opened(settings: Settings, operator: str) -> AsyncIterator[RightsDesk]:
    """The decisions of an installation, whether a server runs on it or not."""
    gateway = compose(settings)
    try:
        yield RightsDesk(gateway=gateway, operator=operator)
    finally:
        await gateway.close()


def prepared(settings: Settings) -> Settings:
    """The settings, with the database brought up to date; not inside an event loop."""
    upgrade(settings.database.url)
    return settings
