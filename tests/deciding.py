"""A running installation whose patients decide over ITI-108, and people who then look at their records."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from lxml import etree

from gateway.cli.partner import Acting
from gateway.cli.settings import load_settings
from gateway.client import xds
from gateway.client.soap import SoapClient
from gateway.client.token import issue_assertion
from gateway.crypto.keys import load_signer
from gateway.record.people import Code, PatientId
from tests.messages.folders import in_folder
from tests.postgresql import read_rows

ACT_REASON = "2.16.840.1.113883.5.8"
REASONS = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
LETTER, PRESCRIPTION = "18842-5", "57833-6"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
_ROLE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}]}
_BASE = {
    "resourceType": "Consent",
    "status": "active",
    "scope": {
        "coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
        ]
    },
    "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
    "dateTime": "2026-01-01",
    "organization": [{"display": "Portal"}],
    "sourceReference": {"display": "portal"},
    "policy": [{"uri": "https://profiles.ihe.net/ITI/PCF/Policy-basic-normal"}],
}


@dataclass(frozen=True, kw_only=True)
class Who:
    """Somebody at a partner; `subject` is the name of the login, or the id of a patient."""

    partner: str
    role: str
    subject: str
    organisation: str | None
    purpose: str = "TREAT"
    emergency: str | None = None
    on_behalf_of: str | None = None


PHYSICIAN = Who(partner="hospital", role="physician", subject="dr.weber", organisation="2.999.2.1")
PHARMACIST = Who(partner="pharmacy", role="pharmacist", subject="ph.muller", organisation="2.999.2.3")
OUTSIDER = replace(PHYSICIAN, subject="conformance-user", organisation="2.999.2.2")
"""A physician of another organisation, who writes through the hospital's system."""


@dataclass
class Answer:
    """Of a FHIR request."""

    status: int
    told: Any
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def issue(self) -> str:
        return str(self.told["issue"][0]["code"])


@dataclass
class Place:
    """An installation that serves, and its database."""

    config: Path

    def __post_init__(self) -> None:
        self.settings = load_settings(self.config)
        self.root = self.settings.domain.affinity_oid
        self.told = Acting.at(self.settings, "hospital", "physician").endpoints

        told = self.settings.assertions
        assert told.test_issuer_key is not None
        assert told.test_issuer_certificate is not None
        self.issuer = load_signer(told.test_issuer_key, told.test_issuer_certificate)
        self._acting: dict[tuple[str, str], tuple[Acting, Code]] = {}

    # --- who ---

    def acting(self, who: Who) -> tuple[Acting, Code]:
        key = who.partner, who.role
        if key not in self._acting:
            acting = Acting.at(self.settings, *key)
            self._acting[key] = acting, acting._role()
        return self._acting[key]

    def cx(self, patient: str) -> str:
        return f"{patient}^^^&{self.root}&ISO"

    def patient(self, name: str) -> Who:
        return Who(partner="patient-portal", role="patient", subject=self.cx(name), organisation=None)

    def representative(self, name: str, of: str) -> Who:
        who = replace(self.patient(name), role="representative")
        return replace(who, on_behalf_of=self.cx(of))

    def assertion(self, who: Who, patient: str | None = None, now: datetime | None = None) -> bytes:
        told, (acting, role) = self.settings.assertions, self.acting(who)
        return issue_assertion(
            signer=self.issuer,
            issuer=told.issuers[0].entity_id,
            subject=who.subject,
            name=who.subject.partition("^")[0],
            role=role,
            organisation=who.organisation,
            organisation_name=who.organisation and "Organisation",
            purpose=Code(who.purpose, ACT_REASON, who.purpose),
            audience=told.audience[0],
            patient=PatientId(patient, self.root) if patient else None,
            confirmation=acting.identity.signer.certificate if acting.identity.signer else None,
            now=now or datetime.now(UTC),
            emergency_reason=who.emergency,
            on_behalf_of=who.on_behalf_of,
        )

    @contextlib.asynccontextmanager
    async def soap(self, who: Who) -> AsyncIterator[SoapClient]:
        acting, _ = self.acting(who)
        async with acting.identity.http() as http:
            yield acting._client(http)

    # --- setting up ---

    async def feed(self, *patients: str) -> None:
        acting = Acting.at(self.settings, "hospital", "physician")
        for number, name in enumerate(patients):
            answer = await acting.feed(
                f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^A01|{xds.new_oid()[-18:]}{number}"
                f"|T|2.3.1\rEVN|A01|20260101120000\rPID|||{self.cx(name)}||TEST^{name}||19700101|F\rPV1||O\r".encode()
            )
            assert b"MSA|AA" in answer, answer

    async def provide(
        self,
        patient: str,
        title: str,
        kind: str = LETTER,
        label: str = "N",
        who: Who = PHYSICIAN,
        *,
        folder: str = "",
    ) -> str:
        """One document, if `folder` is given inside a new folder of this uniqueId; its uniqueId."""
        code, unique_id = Code(kind, "2.16.840.1.113883.6.1", title), xds.new_oid()
        document = xds.Document(
            data=title.encode(),
            unique_id=unique_id,
            mime_type="text/plain",
            title=title,
            patient=self.cx(patient),
            class_code=code,
            type_code=code,
            format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "MIME"),
            confidentiality=Code(label, "2.16.840.1.113883.5.25", label),
            author=f"{who.subject}^Name^^^^^^^&{who.organisation}&ISO",
            institution=f"Organisation^^^^^^^^^{who.organisation}",
            created="20260101120000",
        )
        pieces = xds.provide_pieces([document], xds.new_oid(), self.told.source_oid)
        if folder:
            pieces = in_folder(pieces, folder, self.cx(patient))
        async with self.soap(who) as client:
            action = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
            reply = await client.call(
                self.told.repository, action, pieces, packaged=True, assertion=self.assertion(who)
            )
        xds._expect_success(reply.element)
        return unique_id

    # --- looking ---

    async def seen(self, who: Who, patient: str) -> list[str]:
        """The titles that an ITI-18 shows."""
        async with self.soap(who) as client:
            found = await xds.find(client, self.told, self.cx(patient), self.assertion(who))
        return sorted(each.title for each in found)

    async def asked(self, who: Who, body: bytes) -> bytes:
        """The Body of the answer to a stored query."""
        async with self.soap(who) as client:
            action = "urn:ihe:iti:2007:RegistryStoredQuery"
            reply = await client.call(
                self.told.registry, action, [body], packaged=False, assertion=self.assertion(who)
            )
        assert reply.element is not None
        return etree.tostring(reply.element)

    async def retrieved(self, who: Who, unique_id: str) -> Any:
        """The octets of a document by ITI-43, or the error code."""
        async with self.soap(who) as client:
            try:
                wanted = [(self.told.repository_unique_id, unique_id)]
                return (await xds.retrieve(client, self.told, wanted, self.assertion(who)))[unique_id]
            except xds.RegistryFailure as failure:
                return failure.codes[0]

    async def fhir(self, who: Who, method: str, path: str, resource: Any = None, **headers: str) -> Answer:
        """Any request; header names with underscores."""
        acting, _ = self.acting(who)
        token = base64.urlsafe_b64encode(self.assertion(who)).rstrip(b"=").decode()
        sent = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if resource is not None:
            sent.setdefault("content-type", "application/fhir+json")
        content = resource if isinstance(resource, str) or resource is None else json.dumps(resource)
        async with acting.identity.http() as http:
            found = await http.request(method, f"{self.told.fhir}{path}", content=content, headers=sent)
        return Answer(found.status_code, _body(found), dict(found.headers))

    async def listed(self, who: Who, patient: str) -> list[str]:
        """The titles that an ITI-67 shows; as many as it counts."""
        query = f"patient.identifier=urn:oid:{self.root}|{patient}&status=current"
        answer = await self.fhir(who, "GET", f"/DocumentReference?{query}")
        assert answer.status == 200, answer.told
        entries = [each["resource"] for each in answer.told.get("entry", ())]
        assert answer.told["total"] == len(entries)
        return sorted(
            each["description"] if "description" in each else each["content"][0]["attachment"]["title"]
            for each in entries
        )

    async def opened(self, who: Who, unique_id: str) -> int:
        """The status of an ITI-68."""
        ((name,),) = self.rows("SELECT uuid FROM entry WHERE unique_id = ?", unique_id)
        path = f"/Binary/{str(name).removeprefix('urn:uuid:')}"
        return (await self.fhir(who, "GET", path, accept="*/*")).status

    # --- deciding ---

    def consent(self, patient: str, *exceptions: dict[str, Any], **changes: Any) -> dict[str, Any]:
        who = {"identifier": {"system": f"urn:oid:{self.root}", "value": patient}}
        provision = {"type": "permit", **({"provision": list(exceptions)} if exceptions else {})}
        return {**_BASE, "patient": who, "performer": [who], "provision": provision, **changes}

    async def decide(self, patient: str, *exceptions: dict[str, Any], **changes: Any) -> Any:
        """The Consent as it is kept."""
        asked = self.consent(patient, *exceptions, **changes)
        answer = await self.fhir(self.patient(patient), "POST", "/Consent", asked)
        assert answer.status == 201, answer.told
        return answer.told

    async def end(self, consent: Any) -> None:
        patient = consent["patient"]["identifier"]["value"]
        answer = await self.fhir(self.patient(patient), "DELETE", f"/Consent/{consent['id']}")
        assert answer.status == 204, answer.told

    # --- what was told ---

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        url = self.settings.database.url
        if not url.startswith("sqlite"):
            return read_rows(url, statement, *values)
        path = url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(statement, values).fetchall()

    def last(self) -> tuple[str, int, str]:
        """Transaction, outcome and reason of the newest audit row."""
        ((transaction, outcome, decision),) = self.rows(
            'SELECT "transaction", outcome, decision FROM audit ORDER BY id DESC LIMIT 1'
        )
        told = json.loads(decision)["decisions"]
        refused = [each["reason"] for each in told if not each["permitted"]]
        return str(transaction), int(outcome), (refused or [told[0]["reason"]])[0]

    def told_reason(self) -> str:
        """The reason that the newest audit message tells inside its event (110147)."""
        found = etree.fromstring(self.message()).find(".//ParticipantObjectDetail[@type='reason']")
        return "" if found is None else base64.b64decode(found.get("value", "")).decode()

    def message(self) -> str:
        """The newest audit message."""
        return str(self.rows("SELECT message FROM audit ORDER BY id DESC LIMIT 1")[0][0])

    def rights(self) -> list[tuple[Any, ...]]:
        """Everything that patients decided, to see that nothing was changed."""
        tables = ("consent", "patient_rights", "rights_version")
        return [row for name in tables for row in self.rows(f"SELECT * FROM {name}")]  # noqa: S608


def _body(found: httpx.Response) -> Any:
    kind = found.headers.get("content-type", "")
    return found.json() if found.content and kind.startswith("application/fhir+json") else found.content


# --- words of a Consent --------------------------------------------------------------------------


def actor(subject: str) -> dict[str, Any]:
    """A person by login name or CX, an organisation by OID."""
    extension, found, rest = subject.partition("^^^&")
    if found:
        identifier = {"system": f"urn:oid:{rest.removesuffix('&ISO')}", "value": extension}
    elif subject[0].isdigit():
        identifier = {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{subject}"}
    else:
        identifier = {"system": "urn:passerelle:subject", "value": subject}
    return {"role": _ROLE, "reference": {"identifier": identifier}}


def about(*documents: str) -> list[dict[str, Any]]:
    return [
        {
            "meaning": "instance",
            "reference": {"identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:oid:{each}"}},
        }
        for each in documents
    ]


def deny(subject: str = "", documents: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    return _provision("deny", subject, documents, more)


def permit(subject: str = "", documents: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    return _provision("permit", subject, documents, more)


def label(code: str) -> list[dict[str, str]]:
    return [{"system": CONFIDENTIALITY, "code": code}]


def own(kind: str, *parts: tuple[str, str]) -> list[dict[str, Any]]:
    told = [{"url": url, "valueCode": code} for url, code in (("kind", kind), *parts)]
    return [{"url": "urn:passerelle:directive", "extension": told}]


def mandate(subject: str, *actions: str, **more: Any) -> dict[str, Any]:
    parts = [("given-by", "patient"), *(("action", each) for each in actions)]
    return permit(subject, modifierExtension=own("mandate", *parts), **more)


def _provision(kind: str, subject: str, documents: Sequence[str], more: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": kind,
        **({"actor": [actor(subject)]} if subject else {}),
        **({"data": about(*documents)} if documents else {}),
        **more,
    }
