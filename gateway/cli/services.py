"""What handlers work with, made from settings: stores, index, book of rights, affinity domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.cli.provider import scheme_of
from gateway.config import Settings, load_affinity
from gateway.crypto.envelope import KeyTree
from gateway.crypto.keys import Signer, load_certificates
from gateway.declare.services import Access, Services
from gateway.directory.book import ProviderDirectory
from gateway.identity.directories import Directories
from gateway.matching import load_model
from gateway.mpi.context import Mpi
from gateway.mpi.index import PatientIndex
from gateway.mpi.matcher import Matcher
from gateway.policy.archive import PolicyArchive
from gateway.policy.inforce import PolicyInForce
from gateway.policy.model import Policy, code_key
from gateway.record.domain import CodeList, Domain, IdentityDomain, Kind, Limit
from gateway.record.people import Code
from gateway.rights.book import RightsBook
from gateway.rights.documents import ConsentDocuments, ConsentReader, Known
from gateway.rights.presence import PresenceDesk
from gateway.stores import tables
from gateway.stores.blobs import BlobStore
from gateway.stores.blocks import BlockStore, SeenStore
from gateway.stores.consents import ConsentStore
from gateway.stores.continuations import ContinuationStore
from gateway.stores.database import Database, open_database
from gateway.stores.emergencies import EmergencyStore
from gateway.stores.events import EventStore
from gateway.stores.identities import IdentityStore
from gateway.stores.identity_history import IdentityHistory
from gateway.stores.journal import Journal
from gateway.stores.keys import key_maker
from gateway.stores.outbox import Outbox
from gateway.stores.patients import PatientStore
from gateway.stores.policies import PolicyStore
from gateway.stores.presence import PresenceStore
from gateway.stores.registry import RegistryStore
from gateway.stores.repository import RepositoryStore
from gateway.stores.reviews import ReviewStore
from gateway.stores.subscriptions import SubscriptionStore
from gateway.stores.system import SystemStore
from gateway.stores.visit_notices import VisitNotices
from gateway.stores.visits import VisitStore
from gateway.tokens.service import TokenService
from gateway.trail.book import TrailBook
from gateway.trail.systems import SystemBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What all stores of one installation stand on."""

    settings: Settings
    database: Database
    keys: KeyTree
    new_key: Callable[[], int]
    blobs: BlobStore


def ground_of(settings: Settings) -> Ground:
    """Opens the database and the keys."""
    return Ground(
        settings=settings,
        database=open_database(settings.database.url),
        keys=KeyTree.at(settings.content.master_key),
        new_key=key_maker(),
        blobs=BlobStore(settings.content.directory),
    )


def policy_archive(settings: Settings, database: Database, signer: Signer) -> PolicyArchive:
    """The versions of the policy; every certificate in the file of our signing key counts, old ones too."""
    certificates = load_certificates(settings.signing.certificate.read_bytes())
    trusted = [each.public_bytes(Encoding.DER) for each in certificates]
    return PolicyArchive(PolicyStore(database), signer, trusted, settings.environment)


def outbox_of(ground: Ground) -> Outbox:
    """What leaves later."""
    told = ground.settings.outbox
    return Outbox(
        ground.database,
        ground.keys,
        ground.new_key,
        largest=told.reply_bytes,
        waiting=told.waiting,
        keep=timedelta(seconds=told.keep_seconds),
        keep_notices=timedelta(seconds=told.notice_keep_seconds),
    )


def services_of(
    ground: Ground,
    policies: PolicyInForce,
    consents: Mapping[str, ConsentReader],
    tokens: TokenService,
    directory: ProviderDirectory,
) -> Services:
    """The ports of handlers."""
    database, keys, new_key = ground.database, ground.keys, ground.new_key
    domain = domain_of(ground.settings)
    registry = RegistryStore(
        database, new_key, lambda code, scheme: policies.current().rank_of([Code(code, scheme)])
    )
    return Services(
        registry=registry,
        repository=RepositoryStore(database, keys, ground.blobs),
        patients=PatientStore(database, keys),
        domain=domain,
        index=PatientIndex(_mpi(ground, domain)),
        subscriptions=SubscriptionStore(database, keys, new_key),
        visits=VisitStore(database, keys, IdentityStore(database, keys, new_key)),
        access=_access(ground, policies, registry, consents, tokens, directory),
    )


def trail_of(ground: Ground) -> TrailBook:
    """The trail: our own exchanges, and what other systems sent."""
    database, keys, new_key = ground.database, ground.keys, ground.new_key
    return TrailBook(
        EventStore(database, keys),
        Journal(database, new_key),
        BlockStore(database, keys, new_key),
        SeenStore(database),
    )


def systems_of(ground: Ground) -> SystemBook:
    """What systems say of themselves."""
    database, keys, new_key = ground.database, ground.keys, ground.new_key
    blocks = BlockStore(database, keys, new_key, tables.system_block)
    return SystemBook(SystemStore(database), blocks, new_key)


def _access(
    ground: Ground,
    policies: PolicyInForce,
    registry: RegistryStore,
    consents: Mapping[str, ConsentReader],
    tokens: TokenService,
    directory: ProviderDirectory,
) -> Access:
    database, keys, new_key = ground.database, ground.keys, ground.new_key
    book = RightsBook(ConsentStore(database, keys, new_key))
    return Access(
        rights=book,
        directory=directory,
        tokens=tokens,
        trail=trail_of(ground),
        documents=ConsentDocuments(book, registry, consents, lambda: _known(policies.current())),
        presence=PresenceDesk(
            PresenceStore(database, keys, new_key),
            book,
            lambda: policies.current().presence,
            lambda role: policies.current().relation_length(role),
        ),
        emergencies=EmergencyStore(database, keys, new_key),
        visits=VisitNotices(database, new_key, lambda: policies.current().visits),
    )


def directories_of(settings: Settings, policies: PolicyInForce, services: Services) -> Directories:
    """Who knows the subjects of each kind."""
    told = settings.directories

    def role_of(code: Code) -> str | None:
        rule = policies.current().roles.get(code_key(code))
        return rule.name if rule else None

    return Directories(
        providers=services.access.directory,
        patients=services.patients,
        role_of=role_of,
        scheme=lambda: scheme_of(policies.current()),
        professionals_assumed=told.professionals == "assumed",
        patients_assumed=told.patients == "assumed",
        authorities=dict(told.authorities),
    )


def _known(policy: Policy) -> Known:
    """What consent documents name and this policy knows."""
    purposes = {key: purpose.name for key, purpose in policy.purposes.items()}
    return Known(policies=policy.consents, purposes=purposes)


def _mpi(ground: Ground, domain: Domain) -> Mpi:
    told, database, keys, new_key = ground.settings.identity, ground.database, ground.keys, ground.new_key
    return Mpi(
        store=IdentityStore(database, keys, new_key),
        history=IdentityHistory(database),
        reviews=ReviewStore(database),
        domain=domain,
        matcher=Matcher(
            model=load_model(told.model),
            secret=keys.derived(b"patient tokens"),
            national_roots=domain.national_roots,
        ),
        continuations=ContinuationStore(database, keys, told.continue_seconds),
        issues=told.issue_identifiers,
        most=told.compare_most,
    )


def domain_of(settings: Settings) -> Domain:
    """The affinity domain of the settings."""
    domain, limits = settings.domain, settings.limits
    return Domain(
        environment=settings.environment,
        affinity_root=domain.affinity_oid,
        affinity_namespace=domain.affinity_namespace,
        home_community=domain.home_community_id,
        repository=domain.repository_unique_id,
        source=domain.source_oid,
        base_url=settings.server.public_url,
        authorities=dict(domain.patient_roots),
        codes={
            attribute: CodeList(Limit(table.limit), table.allowed)
            for attribute, table in load_affinity(domain.affinity).items()
        },
        max_objects=limits.query_objects,
        max_references=limits.query_references,
        max_values=limits.query_values,
        max_patients=limits.query_patients,
        owner_seconds=limits.query_owner_seconds,
        max_document_bytes=limits.document_bytes,
        max_media_bytes=limits.media_bytes,
        max_media_members=limits.media_members,
        identities={
            each.oid: IdentityDomain(
                namespace=name,
                root=each.oid,
                kind=Kind(each.kind),
                uris=each.uris,
                trust=each.trust,
                readers=each.readers,
                senders=each.senders,
            )
            for name, each in settings.identity.domains.items()
        },
        max_persons=settings.identity.query_persons,
        health_data_locator=domain.health_data_locator,
    )
