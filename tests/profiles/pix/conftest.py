"""A gateway with nothing but the PIX profile, on a database of its own, and a way to send it messages."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import create_engine, text

from gateway.audit.record import AuditSource, Participant
from gateway.bindings.hl7v2 import Hl7Form, Message, read_message
from gateway.config import Limits
from gateway.config.settings import shipped
from gateway.crypto.envelope import KeyTree
from gateway.crypto.keys import Signer
from gateway.declare.bindings import Raw, Sealed
from gateway.declare.catalogue import build
from gateway.declare.services import Services
from gateway.declare.transaction import Profile
from gateway.directory.book import ProviderDirectory
from gateway.errors import SettingsInvalid
from gateway.identity.directories import Directories
from gateway.identity.jwt import TokenPolicy, TokenReader
from gateway.identity.nodes import NodeDirectory
from gateway.identity.saml import AssertionPolicy, AssertionReader
from gateway.matching import load_model
from gateway.mpi.context import Mpi
from gateway.mpi.index import PatientIndex
from gateway.mpi.matcher import Matcher
from gateway.pipeline.engine import Engine
from gateway.pipeline.run import run
from gateway.pipeline.stages import STAGES
from gateway.policy.archive import PolicyArchive
from gateway.policy.inforce import PolicyInForce
from gateway.policy.matrix import PolicySource
from gateway.record.access import Scope
from gateway.record.domain import Domain, IdentityDomain, Kind
from gateway.record.patients import Demographics, Identity, PatientRecord
from gateway.record.people import PatientId
from gateway.record.visits import Visit
from gateway.rights.book import RightsBook
from gateway.rights.documents import ConsentDocuments, Known
from gateway.stores.blobs import BlobStore
from gateway.stores.committer import GroupCommitter
from gateway.stores.consents import ConsentStore
from gateway.stores.continuations import ContinuationStore
from gateway.stores.database import Database, open_database
from gateway.stores.directory import DirectoryStore
from gateway.stores.identities import IdentityStore
from gateway.stores.identity_history import IdentityHistory
from gateway.stores.journal import Journal
from gateway.stores.keys import key_maker
from gateway.stores.outbox import Outbox
from gateway.stores.patients import PatientStore
from gateway.stores.policies import PolicyStore
from gateway.stores.registry import RegistryStore
from gateway.stores.repository import RepositoryStore
from gateway.stores.reviews import ReviewStore
from gateway.stores.revocations import RevocationStore, RevocationView
from gateway.stores.room import Room
from gateway.stores.subscriptions import SubscriptionStore
from gateway.stores.tables import METADATA
from gateway.stores.threads import Beat, HeavyWork
from gateway.stores.visits import VisitStore
from profiles.pix.profile import PROFILE
from tests.recording import access_over

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ROOT = "2.999.1.1"
OTHER_ROOT = "2.999.2.1.1"
LOCAL_ROOT = "2.999.2.2"
NATIONAL_ROOT = "2.999.7"
POLICY = Path(__file__).parents[3] / "config" / "policy"
NODE = """\
name = "hospital"
environment = "integration"
organisation = "2.999.2.1"
organisation_name = "Hospital"
transactions = ["ITI-8", "ITI-9"]
certificate = "hospital.pem"
sign = "optional"
assertion = "optional"
"""


STORED = ("patient", "patient_event", "patient_version", "patient_assertion", "patient_review", "visit")


@dataclass
class Log:
    """Keeps what the operators would read."""

    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def warning(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.events.append((event, fields))


@dataclass(frozen=True)
class Gateway:
    """`send` gives the acknowledgement; `record` what is stored."""

    engine: Engine
    form: Hl7Form
    certificate: bytes
    database: Database
    log: Log
    loop: asyncio.AbstractEventLoop

    def sealed(self, body: bytes) -> Sealed:
        raw = Raw(body=body, peer_certificate=self.certificate, peer_host="127.0.0.1")
        return self.loop.run_until_complete(run(raw, self.form, self.engine))

    def octets(self, *segments: str) -> bytes:
        return b"".join(self.sealed("".join(f"{segment}\r" for segment in segments).encode()).pieces)

    def send(self, *segments: str) -> Message:
        return read_message(self.octets(*segments), Limits())

    def record(self, extension: str, root: str = ROOT) -> PatientRecord | None:
        return self.loop.run_until_complete(self.engine.services.patients.find(PatientId(extension, root)))

    def demographics(self, extension: str, root: str = ROOT) -> Demographics:
        record = self.record(extension, root)
        assert record is not None
        scope = Scope(unrestricted=True)
        return self.loop.run_until_complete(self.engine.services.patients.demographics(scope, record))

    def persons(self) -> int:
        """How many persons the identities are linked to."""
        query = text("SELECT count(DISTINCT person) FROM patient")
        return int(self.loop.run_until_complete(self.database.fetch(query))[0][0])

    def identity(self, extension: str, root: str = ROOT) -> Identity | None:
        held = self.loop.run_until_complete(
            self.engine.services.index.mpi.store.held(PatientId(extension, root))
        )
        return held.identity if held is not None else None

    def visits(self, extension: str, root: str = ROOT) -> list[Visit]:
        """How the visits of a patient stand."""
        record = self.record(extension, root)
        keys = record.keys if record is not None else ()
        found = self.loop.run_until_complete(self.engine.services.visits.latest(keys))
        return [visit for _, visit in found]

    def state(self) -> tuple[int, ...]:
        """How many rows the tables of the index have."""
        return tuple(self.count(table) for table in STORED)

    def count(self, table: str) -> int:
        rows = self.loop.run_until_complete(self.database.fetch(text(f"SELECT count(*) FROM {table}")))  # noqa: S608
        return int(rows[0][0])

    def audit(self) -> Sequence[Any]:
        return self.loop.run_until_complete(self.database.fetch(text("SELECT * FROM audit ORDER BY id")))


def certified(name: str) -> tuple[x509.Certificate, Signer]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - timedelta(days=1),
        not_valid_after=NOW + timedelta(days=365),
    )
    certificate = builder.sign(key, hashes.SHA256())
    return certificate, Signer.of(key, certificate)


@pytest.fixture
def domain() -> Domain:
    return Domain(
        environment="integration",
        affinity_root=ROOT,
        affinity_namespace="PASSERELLE",
        home_community="2.999.1.2",
        repository="2.999.1.3",
        base_url="https://localhost:8443",
        authorities={"TEST-HOSPITAL": OTHER_ROOT},
        identities={
            LOCAL_ROOT: IdentityDomain(namespace="LOCAL", root=LOCAL_ROOT, senders=frozenset({"LIS|HOSP"})),
            NATIONAL_ROOT: IdentityDomain(namespace="NATIONAL", root=NATIONAL_ROOT, kind=Kind.NATIONAL),
        },
    )


@pytest.fixture
def spoken() -> Sequence[Profile]:
    """The profiles of the gateway."""
    return (PROFILE,)


@pytest.fixture
def node() -> str:
    """The node file of the hospital."""
    return NODE


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables, made once."""
    path = tmp_path_factory.mktemp("empty") / "passerelle.db"
    made = create_engine(f"sqlite:///{path}")
    METADATA.create_all(made)
    made.dispose()
    return path


@pytest.fixture
def gateway(
    tmp_path: Path, empty: Path, domain: Domain, spoken: Sequence[Profile], node: str
) -> Iterator[Gateway]:
    url = f"sqlite:///{tmp_path}/passerelle.db"
    shutil.copy(empty, tmp_path / "passerelle.db")
    certificate, signer = certified("hospital")
    nodes = tmp_path / "nodes"
    nodes.mkdir()
    (nodes / "hospital.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (nodes / "hospital.toml").write_text(node)
    log = Log()
    database = open_database(url)
    engine = _engine(database, nodes, domain, signer, log, tmp_path / "content", spoken)
    loop = asyncio.new_event_loop()
    der = certificate.public_bytes(serialization.Encoding.DER)
    yield Gateway(engine, Hl7Form(environment="integration", limits=Limits()), der, database, log, loop)
    loop.run_until_complete(engine.committer.close())
    loop.run_until_complete(database.close())
    loop.close()


def _engine(
    database: Database,
    nodes: Path,
    domain: Domain,
    signer: Signer,
    log: Log,
    content: Path,
    spoken: Sequence[Profile],
) -> Engine:
    new_key: Callable[[], int] = key_maker()
    keys = KeyTree(os.urandom(32))
    registry = RegistryStore(database, new_key, lambda _code, _scheme: 1)
    rights = RightsBook(ConsentStore(database, keys, new_key))
    traces = itertools.count(1)
    committer = GroupCommitter(database)

    async def refused(problem: SettingsInvalid) -> None:
        raise problem

    policies = PolicyInForce(
        PolicySource(POLICY, environment="integration"),
        PolicyArchive(PolicyStore(database), signer, (signer.certificate,), "integration"),
        commit=committer.commit,
        alert=refused,
        now=lambda: NOW,
    )
    assertions = AssertionPolicy(
        audiences=frozenset(),
        issuers={},
        skew=timedelta(seconds=60),
        max_life=timedelta(minutes=10),
        patient_roles=frozenset(),
        purposes=frozenset(),
    )
    return Engine(
        stages=STAGES,
        catalogue=build(spoken),
        nodes=NodeDirectory(nodes, "integration", alert=lambda problem: log.error(problem.detail)),
        assertions=AssertionReader(assertions),
        tokens=TokenReader(TokenPolicy, unknown_key=lambda _: None),
        logins=None,  # type: ignore[arg-type]  # nobody asks for a token here
        revocations=RevocationView(RevocationStore(database, new_key)),
        directories=Directories(
            providers=ProviderDirectory(DirectoryStore(database, new_key)),
            patients=PatientStore(database, keys),
            role_of=lambda code: code.code,
            scheme=lambda: "",
        ),
        policies=policies,
        services=Services(
            registry=registry,
            repository=RepositoryStore(database, keys, BlobStore(content)),
            patients=PatientStore(database, keys),
            domain=domain,
            index=PatientIndex(
                Mpi(
                    store=IdentityStore(database, keys, new_key),
                    history=IdentityHistory(database),
                    reviews=ReviewStore(database),
                    domain=domain,
                    matcher=Matcher(
                        load_model(shipped("matching/model.toml")), bytes(32), domain.national_roots
                    ),
                    continuations=ContinuationStore(database, keys, 600.0),
                )
            ),
            subscriptions=SubscriptionStore(database, keys, new_key),
            visits=VisitStore(database, keys, IdentityStore(database, keys, new_key)),
            access=access_over(
                rights, ConsentDocuments(rights, registry, {}, Known), database, keys, new_key
            ),
        ),
        journal=Journal(database, new_key),
        outbox=Outbox(database, keys, new_key, largest=1, waiting=1, keep=timedelta(hours=1)),
        room=Room(98.0),
        committer=committer,
        signer=signer,
        here=Participant("https://localhost:8443", "localhost"),
        audit_source=AuditSource("passerelle", "integration"),
        clock=lambda: NOW,
        new_trace=lambda: f"{next(traces):032x}",
        replay_seconds=420,
        arrival_seconds=0,
        heavy=HeavyWork(),
        beat=Beat(),
        log=log,
    )


@pytest.fixture
def every_field() -> Mapping[str, tuple[str, str]]:
    """The fields of Demographics that PID tells: by name, the field of PID and a value."""
    return {
        "names": ("pid_5", "Doe^Jo"),
        "mothers_maiden_name": ("pid_6", "Roe"),
        "birth_date": ("pid_7", "19700131"),
        "sex": ("pid_8", "F"),
        "addresses": ("pid_11", "1, rue^^Ville"),
        "telecoms": ("pid_13", "26 00 00 01"),
        "language": ("pid_15", "fr"),
        "marital_status": ("pid_16", "M"),
        "account": ("pid_18", "77^^^HOSP"),
        "identifiers": ("pid_19", "1893120105732"),
        "mothers_identifiers": ("pid_21", "M-1^^^LOCAL"),
        "birth_place": ("pid_23", "Esch"),
        "multiple_birth": ("pid_24", "Y"),
        "birth_order": ("pid_25", "2"),
        "nationality": ("pid_26", "LUX"),
        "deceased_at": ("pid_29", "20200101"),
        "deceased": ("pid_30", "Y"),
        "status": ("pid_32", "VALI"),
    }


@pytest.fixture
def adt() -> Callable[..., tuple[str, ...]]:
    """The segments of a feed: adt("A01", "X^^^&2.999.1.1&ISO", pid_5="Doe^Jo")."""
    numbers = itertools.count(1)

    def make(trigger: str, patient: str, merged: str | None = None, **given: str) -> tuple[str, ...]:
        control = given.pop("control", f"ID-{next(numbers)}")
        fields = [""] * 40
        fields[0], fields[3] = "PID", patient
        for name, value in given.items():
            fields[int(name.removeprefix("pid_"))] = value
        tail = "PV1|1|O" if merged is None else f"MRG|{merged}"
        return (
            f"MSH|^~\\&|KIS|HOSP|REG|DOM|20261122||ADT^{trigger}|{control}|P|2.3.1||||||UNICODE UTF-8",
            f"EVN|{trigger}|20261122",
            "|".join(fields).rstrip("|"),
            tail,
        )

    return make
