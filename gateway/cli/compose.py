"""Composition root of a worker: settings → stores, identities, policy, bindings → engine and listeners."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import import_module

from cryptography.hazmat.primitives.serialization import Encoding

from gateway.audit.record import AuditSource, Participant
from gateway.bindings.fhir import FhirForm
from gateway.bindings.hl7v2 import Hl7Form
from gateway.bindings.soap import SoapForm
from gateway.cli.log import operator_log
from gateway.cli.provider import Provider, provider, scheme_of
from gateway.cli.soapform import soap_form
from gateway.cli.trust import Beliefs, issuers_of
from gateway.config import Settings, load_affinity
from gateway.crypto.envelope import KeyTree, load_master_key
from gateway.crypto.keys import Signer, load_certificates, load_signer
from gateway.declare.catalogue import Catalogue, build
from gateway.declare.services import Access, Services
from gateway.directory.book import ProviderDirectory
from gateway.errors import SettingsInvalid
from gateway.identity.directories import Directories
from gateway.identity.issuers import IssuerDirectory
from gateway.identity.jwt import TokenReader
from gateway.identity.nodes import NodeDirectory
from gateway.identity.revocation import RevocationList
from gateway.identity.saml import FollowingReader
from gateway.matching import load_model
from gateway.mpi.context import Mpi
from gateway.mpi.index import PatientIndex
from gateway.mpi.matcher import Matcher
from gateway.pipeline.engine import Engine, Log
from gateway.pipeline.policing import tell_policy_refused
from gateway.pipeline.stages import STAGES
from gateway.policy.archive import PolicyArchive
from gateway.policy.inforce import PolicyInForce
from gateway.policy.matrix import PolicySource
from gateway.policy.model import Policy, code_key
from gateway.record.domain import CodeList, Domain, IdentityDomain, Kind, Limit
from gateway.record.people import Code
from gateway.rights.book import RightsBook
from gateway.rights.documents import ConsentDocuments, ConsentReader, Known
from gateway.rights.presence import PresenceDesk
from gateway.stores.blobs import BlobStore
from gateway.stores.committer import GroupCommitter
from gateway.stores.consents import ConsentStore
from gateway.stores.continuations import ContinuationStore
from gateway.stores.database import Database, open_database
from gateway.stores.directory import DirectoryStore
from gateway.stores.emergencies import EmergencyStore
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
from gateway.stores.revocations import RevocationStore, RevocationView
from gateway.stores.subscriptions import SubscriptionStore
from gateway.stores.threads import HeavyWork
from gateway.stores.tokens import TokenStore
from gateway.stores.visit_notices import VisitNotices
from gateway.stores.visits import VisitStore
from gateway.tokens.service import TokenService

_PROFILES = "profiles:PROFILES"
_NODES_SEEN = 256


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """Everything a worker serves with."""

    settings: Settings
    engine: Engine
    soap: SoapForm
    fhir: FhirForm
    hl7v2: Hl7Form
    nodes: NodeDirectory
    issuers: IssuerDirectory
    revocations: RevocationStore
    database: Database
    signer: Signer
    provider: Provider

    async def close(self) -> None:
        """Writes what waits, gives the database back."""
        await self.engine.committer.close()
        self.engine.heavy.close()
        await self.database.close()


def catalogue() -> Catalogue:
    """The declared transactions; profiles are loaded by name, the engine imports none."""
    module, _, name = _PROFILES.partition(":")
    return build(getattr(import_module(module), name))


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def compose(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now, log: Log | None = None
) -> Gateway:
    """A gateway for these settings. Opens the database; no socket is touched."""
    log = log or operator_log()
    signer = load_signer(settings.signing.key, settings.signing.certificate)
    nodes = NodeDirectory(settings.nodes.directory, settings.environment, alert=_alert(log, "node refused"))
    revocations = RevocationList(settings.tls.crl, alert=_alert(log, "crl refused"))
    issuers = issuers_of(settings, _alert(log, "issuer refused"))
    database = open_database(settings.database.url)
    blobs = BlobStore(settings.content.directory)
    keys, new_key = KeyTree(load_master_key(settings.content.master_key)), key_maker()
    committer = GroupCommitter(database)

    async def policy_refused(problem: SettingsInvalid) -> None:
        log.error("policy refused", reason=problem.detail, at=problem.location)
        await tell_policy_refused(problem, engine)

    archive = policy_archive(settings, database, signer)
    source = PolicySource(settings.policy.directory, environment=settings.environment)
    policies = PolicyInForce(source, archive, commit=committer.commit, alert=policy_refused, now=clock)
    beliefs = Beliefs(settings, issuers.trusted, policies.current)
    revoked, declared = RevocationStore(database, new_key), catalogue()
    shut_out = RevocationView(revoked)
    directory = ProviderDirectory(DirectoryStore(database, new_key))
    soap = soap_form(settings, signer, nodes, revocations, blobs)
    issuing = provider(
        settings,
        declared=declared,
        store=TokenStore(database, keys),
        directory=directory,
        nodes=nodes,
        revocations=shut_out,
        policy=policies.current,
        assertions=beliefs.assertions,
        soap=soap,
        revoked=revocations.revoked,
    )
    services = _services(
        settings, policies, database, keys, blobs, new_key, declared.consents, issuing.service, directory
    )
    engine = Engine(
        stages=STAGES,
        catalogue=declared,
        nodes=nodes,
        assertions=FollowingReader(beliefs.assertions),
        tokens=TokenReader(beliefs.tokens, unknown_key=issuers.unknown_key),
        logins=issuing.logins,
        revocations=shut_out,
        directories=_directories(settings, policies, services),
        policies=policies,
        services=services,
        journal=Journal(database, new_key),
        outbox=_outbox(settings, database, keys, new_key),
        committer=committer,
        signer=signer,
        here=Participant(settings.server.public_url, settings.server.host, process_id=str(os.getpid())),
        audit_source=AuditSource("passerelle", settings.environment),
        clock=clock,
        new_trace=lambda: secrets.token_hex(16),
        replay_seconds=settings.limits.timestamp_age_seconds + 2 * settings.limits.clock_skew_seconds,
        arrival_seconds=settings.limits.longest_request_seconds,
        heavy=HeavyWork(),
        log=log,
    )
    return Gateway(
        settings=settings,
        engine=engine,
        soap=soap,
        fhir=_fhir(settings, signer),
        hl7v2=Hl7Form(environment=settings.environment, limits=settings.limits),
        nodes=nodes,
        issuers=issuers,
        revocations=revoked,
        database=database,
        signer=signer,
        provider=issuing,
    )


def _alert(log: Log, event: str) -> Callable[[SettingsInvalid], None]:
    """Tells the operators' log of a file that cannot be used."""
    return lambda problem: log.error(event, reason=problem.detail, at=problem.location)


def _fhir(settings: Settings, signer: Signer) -> FhirForm:
    return FhirForm(
        signer=signer,
        limits=settings.limits,
        base=f"{settings.server.public_url}/fhir",
        scope_status=settings.assertions.scope_status,
    )


def policy_archive(settings: Settings, database: Database, signer: Signer) -> PolicyArchive:
    """The versions of the policy; every certificate in the file of our signing key counts, old ones too."""
    certificates = load_certificates(settings.signing.certificate.read_bytes())
    trusted = [each.public_bytes(Encoding.DER) for each in certificates]
    return PolicyArchive(PolicyStore(database), signer, trusted, settings.environment)


def _outbox(settings: Settings, database: Database, keys: KeyTree, new_key: Callable[[], int]) -> Outbox:
    told = settings.outbox
    return Outbox(
        database,
        keys,
        new_key,
        largest=told.reply_bytes,
        waiting=told.waiting,
        keep=timedelta(seconds=told.keep_seconds),
        keep_notices=timedelta(seconds=told.notice_keep_seconds),
    )


def _services(
    settings: Settings,
    policies: PolicyInForce,
    database: Database,
    keys: KeyTree,
    blobs: BlobStore,
    new_key: Callable[[], int],
    consents: Mapping[str, ConsentReader],
    tokens: TokenService,
    directory: ProviderDirectory,
) -> Services:
    domain = domain_of(settings)
    registry = RegistryStore(
        database, new_key, lambda code, scheme: policies.current().rank_of([Code(code, scheme)])
    )
    return Services(
        registry=registry,
        repository=RepositoryStore(database, keys, blobs),
        patients=PatientStore(database, keys),
        domain=domain,
        index=PatientIndex(_mpi(settings, domain, database, keys, new_key)),
        subscriptions=SubscriptionStore(database, keys, new_key),
        visits=VisitStore(database, keys, IdentityStore(database, keys, new_key)),
        access=_access(policies, registry, consents, database, keys, new_key, tokens, directory),
    )


def _access(
    policies: PolicyInForce,
    registry: RegistryStore,
    consents: Mapping[str, ConsentReader],
    database: Database,
    keys: KeyTree,
    new_key: Callable[[], int],
    tokens: TokenService,
    directory: ProviderDirectory,
) -> Access:
    book = RightsBook(ConsentStore(database, keys, new_key))
    return Access(
        rights=book,
        directory=directory,
        tokens=tokens,
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


def _directories(settings: Settings, policies: PolicyInForce, services: Services) -> Directories:
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


def _mpi(
    settings: Settings, domain: Domain, database: Database, keys: KeyTree, new_key: Callable[[], int]
) -> Mpi:
    told = settings.identity
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
