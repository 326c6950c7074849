"""The stores of a record on a database of one test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from gateway.config.settings import shipped
from gateway.crypto.envelope import KeyTree
from gateway.declare.catalogue import build
from gateway.declare.services import Access
from gateway.directory.book import ProviderDirectory
from gateway.matching import load_model
from gateway.mpi.context import Mpi
from gateway.mpi.index import PatientIndex
from gateway.mpi.matcher import Matcher
from gateway.record.access import HIGHEST_RANK, Grant, Scope
from gateway.record.demographics import Demographics
from gateway.record.documents import Association, Relation, Submission
from gateway.record.domain import Domain, IdentityDomain, Kind
from gateway.record.measures import PresenceRules, VisitRules
from gateway.record.patients import PatientFeed, PatientMerge
from gateway.record.people import Node, PatientId, Principal, SubjectKind
from gateway.record.removal import plan_removal
from gateway.record.revision import Revision, revise
from gateway.record.submission import Admission, Standing, admit
from gateway.rights.book import RightsBook
from gateway.rights.documents import ConsentDocuments, ConsentReader, Known
from gateway.rights.presence import PresenceDesk
from gateway.stores.blobs import BlobStore
from gateway.stores.blocks import BlockStore, SeenStore
from gateway.stores.committer import GroupCommitter
from gateway.stores.consents import ConsentStore
from gateway.stores.continuations import ContinuationStore
from gateway.stores.database import Database
from gateway.stores.directory import DirectoryStore
from gateway.stores.emergencies import EmergencyStore
from gateway.stores.events import EventStore
from gateway.stores.identities import IdentityStore
from gateway.stores.identity_history import IdentityHistory
from gateway.stores.journal import Journal
from gateway.stores.keys import key_maker
from gateway.stores.patients import PatientStore
from gateway.stores.presence import PresenceStore
from gateway.stores.registry import RegistryStore
from gateway.stores.repository import RepositoryStore
from gateway.stores.reviews import ReviewStore
from gateway.stores.subscriptions import SubscriptionStore
from gateway.stores.visit_notices import VisitNotices
from gateway.stores.visits import VisitStore
from gateway.stores.work import UnitOfWork
from gateway.trail.book import TrailBook
from profiles import PROFILES
from tests.issuing import token_service
from tests.making import PATIENT, ROOT, Maker

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
RANKS = {"N": 1, "R": 2, "V": 3}
DOMAIN = Domain(
    environment="integration",
    affinity_root=ROOT,
    affinity_namespace="PASSERELLE",
    home_community="2.999.1.2",
    repository="2.999.1.3",
    base_url="https://localhost:8443",
    identities={
        "2.999.3": IdentityDomain(namespace="CITY", root="2.999.3", uris=("http://city.example/ids",)),
        "2.999.4": IdentityDomain(namespace="VALLEY", root="2.999.4"),
        "2.999.5": IdentityDomain(namespace="STATE", root="2.999.5", kind=Kind.NATIONAL),
    },
)
MODEL = load_model(shipped("matching/model.toml"))
NODE = Node(
    name="hospital",
    fingerprints=frozenset(),
    environment="integration",
    organisation="2.999.9",
    organisation_name="Hospital",
    transactions=frozenset({"*"}),
)
PRINCIPAL = Principal(
    kind=SubjectKind.NODE,
    subject="hospital",
    name="Hospital",
    issuer="-",
    role=None,
    organisation="2.999.9",
    purpose=None,
    confirmation="tls",
    token_id=None,
    token_digest=None,
    expires=None,
)
ResultT = TypeVar("ResultT")


@dataclass
class Looking:
    """The registry as a metadata update looks at it; associations are told by their columns."""

    registry: RegistryStore

    async def latest(self, logical_ids: Sequence[str]) -> dict[str, Standing]:
        return {each.logical_id: each for each in await self.registry.latest(logical_ids)}

    async def standing(self, ids: Sequence[str]) -> Mapping[str, Standing]:
        return await self.registry.standing(ids)

    async def links(self, ids: Sequence[str]) -> list[Association]:
        return [
            Association(id=row.uuid, relation=Relation(row.relation), source=row.source, target=row.target)
            for row in await self.registry.links(ids)
        ]


def access_over(
    book: RightsBook,
    documents: ConsentDocuments,
    database: Database,
    keys: KeyTree,
    new_key: Callable[[], int],
) -> Access:
    """What administers access itself, by the defaults of the policy."""
    return Access(
        rights=book,
        directory=ProviderDirectory(DirectoryStore(database, new_key)),
        documents=documents,
        presence=PresenceDesk(
            PresenceStore(database, keys, new_key), book, PresenceRules, lambda _role: timedelta(days=90)
        ),
        emergencies=EmergencyStore(database, keys, new_key),
        visits=VisitNotices(database, new_key, VisitRules),
        tokens=token_service(database, keys),
        trail=TrailBook(
            EventStore(database, keys),
            Journal(database, new_key),
            BlockStore(database, keys, new_key),
            SeenStore(database),
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the index knows of a request."""

    principal: Principal
    node: Node
    scope: Scope
    work: UnitOfWork
    at: datetime
    trace_id: str


@dataclass
class Record:
    """The stores over one database; `run` finishes a coroutine in the loop they belong to."""

    database: Database
    content: Path
    loop: asyncio.AbstractEventLoop
    new_key: Callable[[], int] = field(default_factory=key_maker)
    keys: KeyTree = field(default_factory=lambda: KeyTree(os.urandom(32)))
    domain: Domain = DOMAIN
    readers: Mapping[str, ConsentReader] = field(default_factory=lambda: build(PROFILES).consents)
    known: Known = field(default_factory=Known)

    def __post_init__(self) -> None:
        self.registry = RegistryStore(self.database, self.new_key, lambda code, _scheme: RANKS.get(code, 1))
        self.patients = PatientStore(self.database, self.keys)
        self.subscriptions = SubscriptionStore(self.database, self.keys, self.new_key)
        identities = IdentityStore(self.database, self.keys, self.new_key)
        self.visits = VisitStore(self.database, self.keys, identities)
        book = RightsBook(ConsentStore(self.database, self.keys, self.new_key))
        documents = ConsentDocuments(book, self.registry, self.readers, lambda: self.known)
        self.access = access_over(book, documents, self.database, self.keys, self.new_key)
        self.index = PatientIndex(
            Mpi(
                store=identities,
                history=IdentityHistory(self.database),
                reviews=ReviewStore(self.database),
                domain=self.domain,
                matcher=Matcher(MODEL, self.keys.derived(b"patient tokens"), self.domain.national_roots),
                continuations=ContinuationStore(self.database, self.keys, 600.0),
            )
        )
        self.repository = RepositoryStore(self.database, self.keys, BlobStore(self.content))
        self.journal = Journal(self.database, self.new_key)
        self.committer = GroupCommitter(self.database)

    def run(self, awaitable: Awaitable[ResultT]) -> ResultT:
        return self.loop.run_until_complete(_finish(awaitable))

    def all(self, *awaitables: Awaitable[Any]) -> list[Any]:
        """What each gives or raises, run at once."""

        async def together() -> list[Any]:
            return await asyncio.gather(*awaitables, return_exceptions=True)

        return self.run(together())

    def commit(self, work: UnitOfWork) -> None:
        self.run(self.committer.commit(work))

    def feed(self, identity: PatientId = PATIENT, told: Demographics | None = None) -> int:
        """A known patient; its record key."""
        work = UnitOfWork()
        feed = PatientFeed(identifiers=(identity,), demographics=told or Demographics(), message_id="1")
        self.run(self.index.feed(self.asking(work), feed))
        self.commit(work)
        found = self.run(self.index.mpi.store.held(identity))
        assert found is not None
        return found.identity.key

    def asking(
        self, work: UnitOfWork | None = None, scope: Scope | None = None, node: str = "hospital"
    ) -> Asked:
        """A request to the index, by a node that may feed every domain."""
        return Asked(
            principal=PRINCIPAL,
            node=replace(NODE, name=node),
            scope=Scope(unrestricted=True, persons=True) if scope is None else scope,
            work=UnitOfWork() if work is None else work,
            at=AT,
            trace_id="0" * 32,
        )

    def merging(self, survivor: PatientId, subsumed: PatientId) -> UnitOfWork:
        """A merge that is not written yet."""
        work = UnitOfWork()
        told = PatientMerge(survivor=survivor, subsumed=subsumed, message_id="1")
        self.run(self.index.merge(self.asking(work), told))
        return work

    def merge(self, survivor: PatientId, subsumed: PatientId) -> None:
        """A merge that is written."""
        self.commit(self.merging(survivor, subsumed))

    def scope(self, *identities: PatientId, **of_grant: Any) -> Scope:
        """Everything of some patients, or what a grant leaves of it."""
        grant = Grant(**({"rank": HIGHEST_RANK} | of_grant))
        grants, shown = {}, {}
        for identity in identities or (PATIENT,):
            record = self.run(self.patients.find(identity))
            assert record is not None
            grants |= dict.fromkeys(record.keys, grant)
            shown |= dict.fromkeys(record.keys, record.shown)
        return Scope(grants=grants, identities=shown)

    async def admitted(self, submission: Submission, scope: Scope, make: Maker) -> Admission:
        return await admit(submission, self.registry, scope.keys, make.uuid)

    def prepared(
        self,
        submission: Submission,
        make: Maker,
        scope: Scope | None = None,
        fragments: Mapping[str, str] | None = None,
    ) -> UnitOfWork:
        """The unit of work of a registration that was admitted, not yet committed."""
        scope = scope or self.scope(*submission.patients)
        admission = self.run(self.admitted(submission, scope, make))
        work = UnitOfWork()
        written = fragments or {name: f"<{name}/>" for name in admission.submission.ids}
        self.registry.register(work, scope, admission, written, scope.keys[submission.patients[0]], AT)
        return work

    def register(self, submission: Submission, make: Maker) -> Submission:
        self.commit(self.prepared(submission, make))
        return submission

    def revision(self, submission: Submission, make: Maker, **options: Any) -> Revision:
        """What a metadata update would do."""
        keys = self.scope(*submission.patients).keys
        return self.run(revise(submission, Looking(self.registry), keys, make.uuid, **options))

    def updating(
        self, submission: Submission, make: Maker, scope: Scope | None = None, **options: Any
    ) -> UnitOfWork:
        """The unit of work of a metadata update that was planned, not yet committed."""
        revision = self.revision(submission, make, **options)
        scope = scope or self.scope(*submission.patients)
        work = UnitOfWork()
        written = {name: f"<{name}/>" for name in revision.submission.ids}
        self.registry.revise(work, scope, revision, written, scope.keys[submission.patients[0]], AT)
        return work

    def update(self, submission: Submission, make: Maker, **options: Any) -> None:
        self.commit(self.updating(submission, make, **options))

    def removing(self, *ids: str) -> UnitOfWork:
        """The unit of work of a removal that was planned, not yet committed."""
        work = UnitOfWork()
        self.registry.remove(work, self.scope(), self.run(plan_removal(ids, self.registry)))
        return work

    def remove(self, *ids: str) -> None:
        self.commit(self.removing(*ids))

    def close(self) -> None:
        self.run(self.committer.close())
        self.run(self.database.close())
        self.loop.close()


async def _finish(awaitable: Awaitable[ResultT]) -> ResultT:
    return await awaitable
