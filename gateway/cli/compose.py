"""Composition root of a worker: settings → stores, identities, policy, bindings → engine and listeners."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib import import_module

from gateway.audit.record import AuditSource, Participant
from gateway.bindings.fhir import FhirForm
from gateway.bindings.hl7v2 import Hl7Form
from gateway.bindings.soap import SoapForm
from gateway.cli.forms import fhir_form, soap_form
from gateway.cli.log import operator_log
from gateway.cli.measuring import measure
from gateway.cli.papers import hand_of
from gateway.cli.provider import Provider, provider
from gateway.cli.services import (
    Ground,
    directories_of,
    ground_of,
    outbox_of,
    policy_archive,
    services_of,
    systems_of,
)
from gateway.cli.timekeeping import Timekeeper
from gateway.cli.trust import Beliefs, issuers_of
from gateway.config import Settings
from gateway.crypto.envelope import KeyTree
from gateway.crypto.keys import Signer, load_signer
from gateway.declare.catalogue import Catalogue, build
from gateway.declare.services import Services
from gateway.directory.book import ProviderDirectory
from gateway.errors import SettingsInvalid
from gateway.identity.issuers import IssuerDirectory
from gateway.identity.jwt import TokenReader
from gateway.identity.nodes import NodeDirectory
from gateway.identity.revocation import RevocationList
from gateway.identity.saml import FollowingReader
from gateway.paper.hand import Hand
from gateway.pipeline.engine import Engine, Log
from gateway.pipeline.policing import tell_policy_refused
from gateway.pipeline.stages import STAGES
from gateway.policy.inforce import PolicyInForce
from gateway.policy.matrix import PolicySource
from gateway.stores.committer import GroupCommitter
from gateway.stores.database import Database
from gateway.stores.directory import DirectoryStore
from gateway.stores.journal import Journal
from gateway.stores.keys import trace_maker
from gateway.stores.revocations import RevocationStore, RevocationView
from gateway.stores.room import Room
from gateway.stores.threads import Beat, HeavyWork
from gateway.stores.tokens import TokenStore
from gateway.trail.systems import SystemBook

_PROFILES = "profiles:PROFILES"


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
    keys: KeyTree
    provider: Provider
    time: Timekeeper
    systems: SystemBook

    async def close(self) -> None:
        """Writes what waits, gives the database back."""
        await self.engine.committer.close()
        self.engine.heavy.close()
        self.engine.beat.close()
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
    time = Timekeeper(settings.clock, clock, log)
    signer = load_signer(settings.signing.key, settings.signing.certificate)
    nodes = NodeDirectory(settings.nodes.directory, settings.environment, alert=_telling(log, "node refused"))
    revocations = RevocationList(settings.tls.crl, alert=_telling(log, "crl refused"))
    issuers = issuers_of(settings, _telling(log, "issuer refused"))
    ground = ground_of(settings)
    database, keys, new_key = ground.database, ground.keys, ground.new_key
    committer = GroupCommitter(database)
    policies = _in_force(ground, signer, committer, time.now, log, lambda: engine)
    beliefs = Beliefs(settings, issuers.trusted, policies.current)
    revoked = RevocationStore(database, new_key)
    shut_out = RevocationView(revoked)
    declared = catalogue()
    directory = ProviderDirectory(DirectoryStore(database, new_key))
    soap = soap_form(settings, signer, nodes, revocations, ground.blobs)
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
    services = services_of(ground, policies, declared.consents, issuing.service, directory)
    services = _signing(services, hand_of(settings.stamps, signer, time.now, log))
    engine = Engine(
        stages=STAGES,
        catalogue=declared,
        nodes=nodes,
        assertions=FollowingReader(beliefs.assertions),
        tokens=TokenReader(beliefs.tokens, unknown_key=issuers.unknown_key),
        logins=issuing.logins,
        revocations=shut_out,
        directories=directories_of(settings, policies, services),
        policies=policies,
        services=services,
        journal=Journal(database, new_key),
        outbox=outbox_of(ground),
        committer=committer,
        room=Room(settings.limits.journal_refuse_percent),
        signer=signer,
        here=Participant(settings.server.public_url, settings.server.host, process_id=str(os.getpid())),
        audit_source=AuditSource("passerelle", settings.environment),
        clock=time.now,
        new_trace=trace_maker(),
        replay_seconds=settings.limits.timestamp_age_seconds + 2 * settings.limits.clock_skew_seconds,
        arrival_seconds=settings.limits.longest_request_seconds,
        heavy=HeavyWork(),
        beat=Beat(),
        log=log,
        check_clock=time.check,
        measure=measure,
    )
    return Gateway(
        settings=settings,
        engine=engine,
        soap=soap,
        fhir=fhir_form(settings, signer),
        hl7v2=Hl7Form(environment=settings.environment, limits=settings.limits),
        nodes=nodes,
        issuers=issuers,
        revocations=revoked,
        database=database,
        signer=signer,
        keys=keys,
        provider=issuing,
        time=time,
        systems=systems_of(ground),
    )


def _telling(log: Log, event: str) -> Callable[[SettingsInvalid], None]:
    """Tells the operators of a file that is not taken."""
    return lambda problem: log.error(event, reason=problem.detail, at=problem.location)


def _signing(services: Services, hand: Hand) -> Services:
    """The same, with who signs what is given out of the trail."""
    access = services.access
    return replace(services, access=replace(access, trail=replace(access.trail, hand=hand)))


def _in_force(
    ground: Ground,
    signer: Signer,
    committer: GroupCommitter,
    clock: Callable[[], datetime],
    log: Log,
    engine: Callable[[], Engine],
) -> PolicyInForce:
    """The policy; whoever reads the audit learns of one that was not taken, too."""
    settings = ground.settings

    async def refused(problem: SettingsInvalid) -> None:
        log.error("policy refused", reason=problem.detail, at=problem.location)
        await tell_policy_refused(problem, engine())

    return PolicyInForce(
        PolicySource(settings.policy.directory, environment=settings.environment),
        policy_archive(settings, ground.database, signer),
        commit=committer.commit,
        alert=refused,
        now=clock,
    )
