"""What patients decided: one door for FHIR, documents and commands, so that all leave the same trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

from gateway.errors import Denied, Meaning, Problem, Refused
from gateway.record.access import Scope
from gateway.record.consents import Author, Consent, Directive, Status
from gateway.record.people import PatientId
from gateway.rights import consent_json
from gateway.rights.fold import check, fold
from gateway.rights.rights_json import to_json
from gateway.stores.consents import ConsentRow, ConsentStore
from gateway.stores.work import UnitOfWork


class Asking(Protocol):
    """What the book needs of a call (`gateway.declare.transaction.Call` has it)."""

    @property
    def scope(self) -> Scope:
        """Whose consents may be touched: the patients with a grant."""
        ...

    @property
    def work(self) -> UnitOfWork:
        """Where changes are noted."""
        ...

    @property
    def at(self) -> datetime:
        """Now."""
        ...

    @property
    def trace_id(self) -> str:
        """Of the exchange."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A decision to be kept. `form` is the resource it came as, if it did; `reason` the author's word.

    `identifier` is the id of a new consent, where it is to be found again by what it is about.
    """

    directives: tuple[Directive, ...]
    author: Author
    reason: str = ""
    form: Mapping[str, Any] | None = None
    status: Status = Status.ACTIVE
    identifier: str | None = None


@dataclass(frozen=True)
class RightsBook:
    """Reads and keeps consents. A change takes effect with the very next decision, on every worker.

    What lies outside the scope of the call is not there. Two changes for one patient in one unit of work are
    not possible; say them in one consent.
    """

    store: ConsentStore

    async def consents(self, call: Asking, *, versions: bool = False) -> list[Consent]:
        """The newest version of every consent in scope, or all versions; oldest first."""
        found = [_consent(row) for row in await self.store.of_patients(call.scope.patients)]
        return found if versions else _newest(found)

    async def of_records(self, keys: Sequence[int]) -> list[Consent]:
        """All versions of the consents of some records, oldest first, for who decides on the scope."""
        return [_consent(row) for row in await self.store.of_patients(keys)]

    async def versions(self, call: Asking, identifier: str) -> list[Consent]:
        """All versions of one consent, oldest first; none when it is not there."""
        rows = await self.store.versions(identifier)
        return [_consent(row) for row in rows if row.patient_key in call.scope.grants]

    async def add(self, call: Asking, patient: PatientId, said: Said) -> Consent:
        """Keeps a new consent of a patient in scope; Refused when it contradicts itself or another."""
        key = call.scope.keys.get(patient)
        if key is None:
            raise Denied("the request is not permitted", reason="SCOPE")
        return await self._keep(call, _first(call, patient, key, said))

    async def change(self, call: Asking, identifier: str, said: Said, *, known: int | None = None) -> Consent:
        """Keeps a new version of a consent; `known` is the version the caller has seen, if it tells.

        Refused (NOT_FOUND) when it is not there, (UPDATE_VERSION) when it was changed since.
        """
        before = await self.versions(call, identifier)
        if not before:
            raise Refused(Problem(Meaning.NOT_FOUND, "no such consent", "Consent"))
        last = before[-1]
        if known is not None and known != last.version:
            text = f"the consent is of version {last.version} now"
            raise Refused(Problem(Meaning.UPDATE_VERSION, text, "Consent.meta.versionId"))
        fresh = _first(call, last.patient, last.patient_key, said)
        return await self._keep(call, replace(fresh, id=last.id, version=last.version + 1))

    async def end(self, call: Asking, identifier: str, author: Author, reason: str) -> Consent:
        """Ends a consent: it stays readable, and counts no longer."""
        before = await self.versions(call, identifier)
        if not before:
            raise Refused(Problem(Meaning.NOT_FOUND, "no such consent", "Consent"))
        last = before[-1]
        said = Said(
            directives=last.directives, author=author, reason=reason, form=last.form, status=Status.ENDED
        )
        return await self.change(call, identifier, said)

    async def _keep(self, call: Asking, consent: Consent) -> Consent:
        for each in consent.directives:
            check(each)
        key = consent.patient_key
        others = _newest([_consent(row) for row in await self.store.of_patients([key])])
        rights = fold([consent, *(each for each in others if each.id != consent.id)])
        known = await self.store.rights(key)
        await self.store.add(call.work, _row(consent))
        self.store.keep_rights(call.work, key, to_json(rights), known[1] if known else 0, call.at)
        return consent


def _first(call: Asking, patient: PatientId, key: int, said: Said) -> Consent:
    return Consent(
        id=said.identifier or str(uuid4()),
        version=1,
        patient=patient,
        patient_key=key,
        status=said.status,
        directives=said.directives,
        author=said.author,
        at=call.at,
        trace_id=call.trace_id,
        reason=said.reason,
        form=said.form or {},
    )


def _newest(consents: list[Consent]) -> list[Consent]:
    return list({each.id: each for each in sorted(consents, key=lambda one: one.version)}.values())


def _consent(row: ConsentRow) -> Consent:
    return Consent(
        id=row.id,
        version=row.version,
        patient=PatientId(row.extension, row.root),
        patient_key=row.patient_key,
        status=Status(row.status),
        at=datetime.fromtimestamp(row.at / 1000, UTC),
        trace_id=row.trace_id,
        **consent_json.unpack(row.content),
    )


def _row(consent: Consent) -> ConsentRow:
    return ConsentRow(
        id=consent.id,
        version=consent.version,
        patient_key=consent.patient_key,
        root=consent.patient.root,
        extension=consent.patient.extension,
        status=consent.status.value,
        content=consent_json.pack(consent),
        at=int(consent.at.timestamp() * 1000),
        trace_id=consent.trace_id,
    )
