"""A gateway on a folder of its own, with two patients and a few documents, asked through its pipeline."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import insert, select

from gateway.cli.compose import Gateway, compose
from gateway.cli.init import create
from gateway.client.token import issue_assertion
from gateway.config import load
from gateway.config.settings import Directories
from gateway.crypto.keys import load_signer
from gateway.declare.bindings import Octets, Raw, Sealed
from gateway.declare.transaction import Call
from gateway.pipeline.run import run
from gateway.record.access import Grant, Opposition, PatientRights, Scope
from gateway.record.demographics import NOTHING
from gateway.record.documents import Association, Author, DocumentEntry, Relation, Submission, SubmissionSet
from gateway.record.patients import Identity
from gateway.record.people import Code, PatientId, Principal, SubjectKind
from gateway.rights.rights_json import to_json
from gateway.stores import tables
from gateway.stores.migrate import upgrade
from gateway.stores.work import UnitOfWork
from profiles.xds.iti42_register_document_set_b import register

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ROOT = "2.999.1.1"
ANNA, BRUNO = PatientId("P-1", ROOT), PatientId("P-2", ROOT)
BASE = "https://localhost:8443/fhir"
LOINC, HL7_CONFIDENTIALITY = "2.16.840.1.113883.6.1", "2.16.840.1.113883.5.25"
T = TypeVar("T")


def uuid(number: int) -> str:
    """The id of the document with a number; its entryUUID without prefix."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def entry(number: int, **changes: Any) -> DocumentEntry:
    """A DocumentEntry in which every attribute has a value."""
    full = DocumentEntry(
        id=f"urn:uuid:{uuid(number)}",
        unique_id=f"2.999.4.{number}",
        patient=ANNA,
        mime_type="text/plain",
        title='Letter & "notes" <1>',
        comments="A comment",
        class_code=Code("34133-9", LOINC, "Summarization of episode note"),
        type_code=Code("34105-7", LOINC, "Discharge summary"),
        format_code=Code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3", "sufficient"),
        facility_type=Code("22232009", "2.16.840.1.113883.6.96", "Hospital"),
        practice_setting=Code("394802001", "2.16.840.1.113883.6.96", "General medicine"),
        confidentiality=(Code("N", HL7_CONFIDENTIALITY, "normal"),),
        events=(Code("EV_1", "2.999.7", "One"), Code("EV2", "2.999.7", "Two")),
        authors=(
            Author(
                "77^Welby^Marcus^J.^Jr.^Dr.^^^&2.999.6&ISO",
                ("Test Hospital^^^^^^^^^2.999.2.1", "Ward^^^^^&2.999.8&ISO^^^^W-1"),
                ("Attending",),
                ("394802001^^^&2.16.840.1.113883.6.96&ISO",),
                ("^^Internet^marcus@example.org", "^PRS^PH^^352^^123456"),
            ),
            Author(person="^Kildare"),
            Author(institutions=("Laboratory",)),
        ),
        creation_time="20260102030405",
        service_start="20260101",
        service_stop="2026010212",
        language="en",
        legal_authenticator="78^Gannon^Joe^^^^^^&2.999.6&ISO",
        source_patient_id="LOCAL-1^^^&2.999.9&ISO",
        source_patient_info=(
            "PID-3|LOCAL-1^^^&2.999.9&ISO~N-2^^^&2.999.10&ISO",
            "PID-5|Test\\T\\person^Anna^Maria",
            "PID-7|19700102",
            "PID-8|F",
            "PID-11|1 Street^^Town^^L-1234^LU",
        ),
        reference_ids=(
            "ORDER_1^^^&2.999.11&ISO^urn:ihe:iti:xds:2013:order",
            "ENC-1^^^&2.999.11&ISO^urn:ihe:iti:xds:2015:encounterId",
        ),
        repository="2.999.1.3",
        hash="da39a3ee5e6b4b0d3255bfef95601890afd80709",
        size=0,
        home="urn:oid:2.999.1.2",
    )
    return replace(full, **changes)


LABORATORY = Code("11502-2", LOINC, "Laboratory report")
DOCUMENTS: tuple[tuple[DocumentEntry, bytes], ...] = (
    (entry(1), b"Hello"),
    (entry(2, creation_time="20250601", authors=(Author("^Zorba^Welby"),), events=()), b"old"),
    (entry(3, type_code=LABORATORY, service_start=None, service_stop=None), b"new"),
    (entry(4, mime_type="text/html", reference_ids=()), b"<script>alert(1)</script>"),
    (entry(5, confidentiality=(Code("R", HL7_CONFIDENTIALITY, "restricted"),)), b"secret"),
    (entry(6, patient=BRUNO), b"of another"),
)
"""2 is replaced by 3; 5 is above the level of a professional; 6 is of a patient who opposes."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    sealed: Sealed

    @property
    def status(self) -> int:
        return self.sealed.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self.sealed.headers

    @property
    def body(self) -> bytes:
        return b"".join(self.sealed.pieces)

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def ids(self) -> list[str]:
        entries = self.json.get("entry", ())
        return [each["resource"]["id"] for each in entries if each["search"]["mode"] == "match"]

    @property
    def issue(self) -> str:
        return str(self.json["issue"][0]["code"])


@dataclass(frozen=True)
class Bench:
    """The gateway, and a caller in front of it."""

    gateway: Gateway
    tokens: dict[str, str] = field(default_factory=dict)

    @staticmethod
    def uuid(number: int) -> str:
        return uuid(number)

    def certificate(self, node: str) -> bytes:
        path = self.gateway.settings.folder / f"pki/clients/{node}.pem"
        return x509.load_pem_x509_certificate(path.read_bytes()).public_bytes(Encoding.DER)

    def token(self, node: str = "hospital", **changes: Any) -> str:
        told = self.gateway.settings.assertions
        assert told.test_issuer_key is not None
        assert told.test_issuer_certificate is not None
        given: dict[str, Any] = {
            "signer": load_signer(told.test_issuer_key, told.test_issuer_certificate),
            "issuer": "urn:passerelle:issuer:integration",
            "subject": "dr-1",
            "name": "Dr One",
            "role": Code("PHYSICIAN", ROOT),
            "organisation": "2.999.5.1",
            "organisation_name": "Practice",
            "purpose": Code("TREAT", "2.16.840.1.113883.5.8"),
            "audience": "https://localhost:8443",
            "patient": None,
            "confirmation": self.certificate(node),
            "now": NOW,
        }
        assertion = issue_assertion(**{**given, **changes})
        return base64.urlsafe_b64encode(assertion).rstrip(b"=").decode()

    def send(
        self,
        path: str,
        query: str = "",
        *,
        method: str = "GET",
        node: str | None = "hospital",
        token: str | None = "",
        body: bytes = b"",
        **headers: str,
    ) -> Answer:
        """A request below the base; with a physician's token unless another is given (None: no token)."""
        if token == "":
            token = self.tokens.setdefault("physician", self.token())
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            told.setdefault("authorization", f"Bearer {token}")
        raw = Raw(
            method=method,
            path=f"/fhir{path}",
            query=query,
            target=f"{BASE}{path}" + (f"?{query}" if query else ""),
            headers=told,
            body=body,
            peer_certificate=self.certificate(node) if node else None,
            peer_host="127.0.0.1",
        )
        return Answer(asyncio.run(run(raw, self.gateway.fhir, self.gateway.engine)))

    def find(self, query: str, **more: Any) -> Answer:
        """A search in Anna's record for current documents, unless the query says otherwise."""
        fixed = f"patient.identifier=urn:oid:{ROOT}%7CP-1"
        status = "" if "status=" in query else "&status=current"
        return self.send("/DocumentReference", f"{fixed}{status}" + (f"&{query}" if query else ""), **more)

    def audit_of(self, answer: Answer) -> Any:
        """The one row of the audit that tells of an answer."""
        query = select(tables.audit).where(tables.audit.c.trace_id == answer.headers["x-request-id"])
        (row,) = asyncio.run(_awaited(self.gateway.database.fetch(query)))
        return row


async def _awaited(pending: Awaitable[T]) -> T:
    return await pending


ASSUMED = Directories(professionals="assumed", patients="assumed")


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder: Path = tmp_path_factory.mktemp("gateway") / "conf"
    create(folder, "integration", now=NOW)
    settings = replace(load(folder / "passerelle.toml"), directories=ASSUMED)
    upgrade(settings.database.url)
    gateway = compose(settings, clock=lambda: NOW)
    asyncio.run(_fill(gateway))
    yield Bench(gateway)
    asyncio.run(gateway.close())


async def _fill(gateway: Gateway) -> None:
    work = UnitOfWork()
    store = gateway.engine.services.index.mpi.store
    keys = {identity: store.new_key() for identity in (ANNA, BRUNO)}
    for each, key in keys.items():
        store.create(work, Identity(key=key, head=key, person=key, id=each), NOTHING, None, (), NOW)
    opposed = to_json(PatientRights(oppositions=(Opposition(),)))
    work.write(
        insert(tables.patient_rights), {"patient_key": keys[BRUNO], "rights": opposed, "changed_at": 0}
    )
    await gateway.engine.committer.commit(work)
    scope = Scope({key: Grant(rank=3) for key in keys.values()}, {key: name for name, key in keys.items()})
    for number, (document, octets) in enumerate(DOCUMENTS, 1):
        await _provide(gateway, keys, scope, document, octets, number)


async def _provide(
    gateway: Gateway,
    keys: Mapping[PatientId, int],
    scope: Scope,
    document: DocumentEntry,
    octets: bytes,
    number: int,
) -> None:
    work, services = UnitOfWork(), gateway.engine.services
    assert document.patient is not None
    measured = await services.repository.put(
        work, scope, keys[document.patient], document.unique_id, document.mime_type, Octets(octets), NOW
    )
    held = replace(document, hash=measured.sha1, size=measured.size)
    call = Call(None, _principal(), scope, work, NOW)
    await register(call, _submission(held, number), services)
    await gateway.engine.committer.commit(work)


def _submission(document: DocumentEntry, number: int) -> Submission:
    links = [
        Association(
            id="a1",
            relation=Relation.HAS_MEMBER,
            source="set",
            target=document.id,
            member_status="Original",
        )
    ]
    for at, relation, target in ((3, Relation.REPLACE, 2), (4, Relation.APPEND, 1)):
        if number == at:
            aimed = f"urn:uuid:{uuid(target)}"
            links.append(Association(id="a2", relation=relation, source=document.id, target=aimed))
    return Submission(
        submission_set=SubmissionSet(
            id="set",
            unique_id=f"2.999.5.{number}",
            source_id="2.999.1.4",
            submission_time="20260103",
            patient=document.patient,
            content_type=Code("c", "2.999.7", "c"),
        ),
        documents=(document,),
        associations=tuple(links),
    )


def _principal() -> Principal:
    return Principal(
        kind=SubjectKind.NODE,
        subject="test",
        name="test",
        issuer="test",
        role=None,
        organisation=None,
        purpose=None,
        confirmation="node",
        token_id=None,
        token_digest=None,
        expires=None,
    )


@pytest.fixture(name="entry", scope="session")
def _entry() -> Callable[..., DocumentEntry]:
    """entry(number, **changes): a DocumentEntry in which every attribute has a value."""
    return entry


@pytest.fixture
def now() -> datetime:
    return NOW
