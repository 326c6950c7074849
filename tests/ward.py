"""A gateway in the process under a clock set by hand, where care relations are required, and its people."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from lxml import etree

from gateway.cli.compose import Gateway, compose
from gateway.cli.partner import Acting
from gateway.cli.tending import tend
from gateway.client.token import issue_assertion
from gateway.config import Settings
from gateway.crypto.keys import load_signer
from gateway.declare.bindings import Raw, Sealed
from gateway.errors import Outdated
from gateway.pipeline.run import run
from gateway.policy.matrix import FILES, load_policy
from gateway.record.access import Grant, Scope
from gateway.record.consents import Author, Consent, Directive, Kind
from gateway.record.people import Code
from gateway.rights.book import Said
from gateway.stores.work import UnitOfWork

TREAT, ETREAT = "TREAT", "ETREAT"


@dataclass(frozen=True)
class Person:
    """Somebody with a role at a partner system."""

    subject: str
    role: str = "physician"
    partner: str = "tester"
    name: str = ""


WEBER, KLEIN = Person("dr.weber", name="Dr Anne Weber"), Person("dr.klein", name="Dr Paul Klein")
PHARMACIST = Person("ph.muller", "pharmacist")
OFFICER = Person("dpo.reding", "data-protection-officer")
PATIENT = Person("patient", "patient")


@dataclass
class Clock:
    """Stands until it is moved."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Row:
    """One audit row: EventID, EventTypeCodes, outcome, rule path, and the message."""

    event: str
    types: tuple[str, ...]
    outcome: int
    decision: Mapping[str, Any] | None
    message: str

    @property
    def kind(self) -> tuple[str, str, int]:
        return self.event, self.types[0], self.outcome

    @property
    def reasons(self) -> list[str]:
        return [each["reason"] for each in self.decision["decisions"]] if self.decision else []


@dataclass
class Heard:
    """A log that keeps what it is told."""

    lines: list[str] = field(default_factory=list)

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(f"{event} {fields}")

    error = warning


@dataclass
class Ward:
    """One gateway, or one of several workers over one record."""

    gateway: Gateway
    settings: Settings
    clock: Clock
    seen: int = 0
    looked: int = 0

    @classmethod
    def over(cls, settings: Settings, clock: Clock) -> Ward:
        return cls(compose(settings, clock=clock, log=Heard()), settings, clock)

    def close(self) -> None:
        asyncio.run(self.gateway.close())

    # --- messages ---

    def identifier(self, patient: str) -> str:
        return f"{patient}^^^&{self.settings.domain.affinity_oid}&ISO"

    def token(self, who: Person, patient: str | None = None, reason: str | None = None, **also: Any) -> bytes:
        told, acting = self.settings.assertions, Acting.at(self.settings, who.partner, "physician")
        subject = self.identifier(patient) if who.role == "patient" and patient else who.subject
        policy = load_policy(self.settings.policy.directory, environment="integration")
        role = next(each.code for each in policy.roles.values() if each.name == who.role)
        node = self.gateway.nodes.named(who.partner)
        given: dict[str, Any] = {
            "signer": load_signer(told.test_issuer_key, told.test_issuer_certificate),  # type: ignore[arg-type]
            "issuer": told.issuers[0].entity_id,
            "subject": subject,
            "name": who.name or who.subject,
            "role": role,
            "organisation": node.organisation,
            "organisation_name": node.organisation_name,
            "purpose": Code(TREAT if reason is None else ETREAT, "2.16.840.1.113883.5.8"),
            "audience": told.audience[0],
            "patient": None,
            "confirmation": acting.identity.signer.certificate,  # type: ignore[union-attr]
            "now": self.clock(),
            "emergency_reason": reason or None,
        }
        return issue_assertion(**(given | also))

    def fhir(
        self, method: str, path: str, assertion: bytes, *, body: object = None, partner: str = "tester"
    ) -> Raw:
        base, (short, _, query) = f"{self.settings.server.public_url}/fhir", path.partition("?")
        bearer = base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()
        headers = {"accept": "*/*", "authorization": f"Bearer {bearer}"}
        if body is not None:
            headers["content-type"] = "application/fhir+json"
        signer = Acting.at(self.settings, partner, "physician").identity.signer
        return Raw(
            method=method,
            path=f"/fhir{short}",
            query=query,
            target=f"{base}{path}",
            headers=headers,
            body=orjson.dumps(body) if body is not None else b"",
            peer_certificate=signer.certificate,  # type: ignore[union-attr]
            peer_host="127.0.0.1",
        )

    async def send(self, raw: Raw, form: str = "fhir") -> Sealed:
        forms = {"fhir": self.gateway.fhir, "hl7v2": self.gateway.hl7v2}
        return await run(raw, forms[form], self.gateway.engine)  # type: ignore[arg-type]

    def ask(self, raw: Raw, form: str = "fhir") -> tuple[int, Any]:
        """Status, and what the JSON says."""
        answer = asyncio.run(self.send(raw, form))
        body = b"".join(answer.pieces)  # type: ignore[arg-type]
        return answer.status, orjson.loads(body) if form == "fhir" else body.decode()

    # --- what people do ---

    def query(self, who: Person, patient: str, reason: str | None = None, **also: Any) -> Raw:
        system = f"urn:oid:{self.settings.domain.affinity_oid}"
        path = f"/DocumentReference?patient.identifier={system}%7C{patient}&status=current"
        return self.fhir("GET", path, self.token(who, patient, reason, **also), partner=who.partner)

    def documents(self, who: Person, patient: str, reason: str | None = None, **also: Any) -> int:
        """How many documents somebody finds."""
        status, bundle = self.ask(self.query(who, patient, reason, **also))
        assert status == 200, bundle
        return len(bundle.get("entry", ()))

    def parameters(self, patient: str | None = None, **texts: str) -> dict[str, Any]:
        told: list[dict[str, Any]] = [{"name": name, "valueString": text} for name, text in texts.items()]
        if patient is not None:
            system = f"urn:oid:{self.settings.domain.affinity_oid}"
            told.insert(0, {"name": "patient", "valueIdentifier": {"system": system, "value": patient}})
        return {"resourceType": "Parameters", "parameter": told}

    def ask_code(self, patient: str, who: Person = PATIENT, **also: Any) -> Raw:
        token = self.token(who, patient, **also)
        return self.fhir("POST", "/Consent/$presence-code", token, body=self.parameters(patient))

    def code(self, patient: str) -> str:
        status, told = self.ask(self.ask_code(patient))
        assert status == 200, told
        return str(told["parameter"][0]["valueString"])

    def present(self, who: Person, patient: str, code: str, **also: str) -> Raw:
        body = self.parameters(patient, code=code, **also)
        return self.fhir("POST", "/Consent/$present", self.token(who), body=body, partner=who.partner)

    def feed(self, trigger: str, patient: str, *, visit: str = "", version: str = "2.5") -> str:
        """The acknowledgement of an HL7 v2 message about a patient, from the hospital."""
        root, control = self.settings.domain.affinity_oid, base64.b32encode(orjson.dumps(self.seen))
        self.seen += 1
        number = f"{trigger}{patient}{self.seen}{control.decode()[:4]}"[-20:]
        pv1 = f"PV1|1|I{'|' * 17}{visit}" if visit else "PV1|1|O"
        text = (
            f"MSH|^~\\&|EMR|HOSPITAL|PASSERELLE|DSP|20260101120000||ADT^{trigger}|{number}|P|{version}\r"
            f"EVN|{trigger if version == '2.3.1' else ''}|20260101120000\r"
            f"PID|1||{patient}^^^&{root}&ISO||TEST^{patient}||19700101|F\r{pv1}\r"
        )
        signer = Acting.at(self.settings, "hospital", "physician").identity.signer
        raw = Raw(
            body=text.encode(),
            target="mllp",
            peer_certificate=signer.certificate,  # type: ignore[union-attr]
            peer_host="127.0.0.1",
        )
        return str(self.ask(raw, "hl7v2")[1])

    def tend(self) -> None:
        """One round of the keeper."""
        asyncio.run(tend(self.gateway))

    # --- what patients decide, as if by another door ---

    def decide(self, patient: str, *directives: Directive) -> Consent:
        for _ in range(5):
            with contextlib.suppress(Outdated):  # the keeper of a server was faster
                return asyncio.run(self._decide(patient, directives))
        raise AssertionError("others are always faster")

    async def _decide(self, patient: str, directives: Sequence[Directive]) -> Consent:
        call = await self._asking(patient)
        author = Author(subject=self.identifier(patient), name="", kind="patient", by="-")
        (identity,) = call.scope.identities.values()
        book = self.gateway.engine.services.access.rights
        made = await book.add(call, identity, Said(directives=tuple(directives), author=author))
        await self.gateway.engine.committer.commit(call.work)
        return made

    def consents(self, patient: str) -> list[Consent]:
        async def read() -> list[Consent]:
            return await self.gateway.engine.services.access.rights.consents(await self._asking(patient))

        return asyncio.run(read())

    def end(self, patient: str, consent: Consent) -> None:
        async def change() -> None:
            call = await self._asking(patient)
            author = Author(subject=self.identifier(patient), name="", kind="patient", by="-")
            await self.gateway.engine.services.access.rights.end(call, consent.id, author, "-")
            await self.gateway.engine.committer.commit(call.work)

        asyncio.run(change())

    async def _asking(self, patient: str) -> Any:
        from gateway.cli.partner import patient_id  # noqa: PLC0415

        found = await self.gateway.engine.services.patients.find(patient_id(self.identifier(patient)))
        assert found is not None
        scope = Scope(grants={found.head: Grant(rank=3)}, identities={found.head: found.shown})
        return Asking(scope, UnitOfWork(), self.clock(), "0" * 32)

    # --- what is there ---

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        path = self.settings.database.url.removeprefix("sqlite:///")
        with contextlib.closing(sqlite3.connect(path)) as connection:
            return connection.execute(query, values).fetchall()

    def audit(self) -> list[Row]:
        """What was told since the last look."""
        found = self.rows("SELECT message, outcome, decision FROM audit ORDER BY id")
        before, self.looked = self.looked, len(found)
        return [
            read_row(str(message), int(outcome), decision) for message, outcome, decision in found[before:]
        ]


@dataclass
class Asking:
    """What the book needs of a call."""

    scope: Scope
    work: UnitOfWork
    at: datetime
    trace_id: str


def read_row(message: str, outcome: int, decision: str | None) -> Row:
    root = etree.fromstring(message)
    event = root.find(".//EventID")
    assert event is not None
    return Row(
        str(event.get("csd-code")),
        tuple(str(each.get("csd-code")) for each in root.iter("EventTypeCode")),
        outcome,
        orjson.loads(decision) if decision else None,
        message,
    )


def required(settings: Settings, folder: Path, record: Path, content: Path, **rules: str) -> Settings:
    """The settings of a ward in its own folder: a copy of a record, and of the policy with other rules."""
    policy = folder / "policy"
    policy.mkdir()
    for name in FILES:
        text = (settings.policy.directory / name).read_text(encoding="utf-8")
        for old, new in {'relation = "assumed"': 'relation = "required"', **rules}.items():
            text = text.replace(old, new)
        (policy / name).write_text(text, encoding="utf-8")
    database = folder / "record.db"
    shutil.copy(record, database)
    shutil.copytree(content, folder / "content")
    return replace(
        settings,
        policy=replace(settings.policy, directory=policy),
        directories=replace(settings.directories, professionals="assumed"),
        database=replace(settings.database, url=f"sqlite:///{database}"),
        content=replace(settings.content, directory=folder / "content"),
    )


def today() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def relation(subject: str) -> Directive:
    return Directive(kind=Kind.RELATION, subject=subject)
