"""Composes the assertion provider and authorization server: what is issued, to whom, through which doors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.bindings.oauth import OauthForm
from gateway.bindings.soap import SoapForm
from gateway.config import Settings
from gateway.crypto.keys import load_certificates
from gateway.declare.catalogue import Catalogue
from gateway.directory.book import ProviderDirectory
from gateway.errors import SettingsInvalid, SignerRefused
from gateway.identity.logins import Logins
from gateway.identity.professionals import DirectoryProfessionals
from gateway.identity.saml import AssertionPolicy
from gateway.identity.saml.login import LoginReader
from gateway.policy.model import Policy, code_key
from gateway.record.people import Code, Node
from gateway.stores.tokens import TokenStore
from gateway.tokens.people import Clients, Revocations
from gateway.tokens.service import Terms, TokenService
from gateway.tokens.subject import Vocabulary


@dataclass(frozen=True, kw_only=True)
class Provider:
    """The service behind the transactions, who asks it, and the wire forms of its doors."""

    service: TokenService
    logins: Logins
    oauth: OauthForm
    persons: OauthForm
    trust: SoapForm


def provider(
    settings: Settings,
    *,
    declared: Catalogue,
    store: TokenStore,
    directory: ProviderDirectory,
    nodes: Clients,
    revocations: Revocations,
    policy: Callable[[], Policy],
    assertions: Callable[[], AssertionPolicy],
    soap: SoapForm,
    revoked: Callable[[x509.Certificate], bool],
) -> Provider:
    """Service, logins and doors. `revoked` tells of certificates, `revocations` of whoever is shut out."""
    service = TokenService(
        terms=_terms(settings, declared),
        store=store,
        professionals=DirectoryProfessionals(directory, lambda: scheme_of(policy())),
        clients=nodes,
        revocations=revocations,
        vocabulary=_vocabulary(policy),
        signer=soap.signer,
        previous=_previous(settings),
    )
    oauth = OauthForm(issuer=settings.server.public_url, limits=settings.limits)
    return Provider(
        service=service,
        logins=_logins(settings, service, assertions, revoked, soap.signature_policy.minimum_rsa),
        oauth=oauth,
        persons=replace(oauth, redirects=service.redirect),
        trust=replace(soap, signer_of=_anybody, trust=True),
    )


def _previous(settings: Settings) -> tuple[bytes, ...]:
    """Certificates of our signing keys before this one."""
    path = settings.signing.previous
    listed = [] if path is None else load_certificates(path.read_bytes())
    return tuple(each.public_bytes(Encoding.DER) for each in listed)


def _terms(settings: Settings, declared: Catalogue) -> Terms:
    told, longest = settings.tokens, settings.assertions.max_life_seconds
    return Terms(
        issuer=settings.server.public_url,
        own=settings.assertions.audience,
        others=told.audiences,
        home_community=settings.domain.home_community_id,
        access=timedelta(seconds=min(told.access_seconds, longest)),
        assertion=timedelta(seconds=min(told.assertion_seconds, longest)),
        code=timedelta(seconds=told.code_seconds),
        transactions=frozenset(each.code for each in declared.transactions()),
    )


def _logins(
    settings: Settings,
    service: TokenService,
    assertions: Callable[[], AssertionPolicy],
    revoked: Callable[[x509.Certificate], bool],
    minimum_rsa: int,
) -> Logins:
    issuer = settings.server.public_url

    async def waiting(code: str, now: datetime) -> str | None:
        found = await service.waiting(code, now)
        return None if found is None else found.person

    return Logins(
        professionals=service.professionals,
        waiting=waiting,
        providers=LoginReader(assertions, _identity_providers(settings), f"{issuer}/xua/sts"),
        revoked=revoked,
        names=frozenset({issuer, f"{issuer}/oauth2/token", *settings.assertions.audience}),
        issuer=issuer,
        environment=settings.environment,
        skew=timedelta(seconds=settings.assertions.skew_seconds),
        authorities=dict(settings.directories.authorities),
        minimum_rsa=minimum_rsa,
    )


def scheme_of(policy: Policy) -> str:
    """The coding scheme of the roles of the matrix."""
    return next(iter(policy.roles.values())).code.scheme


def _anybody(_node: Node, der: bytes, _now: datetime) -> x509.Certificate:
    """A message to the assertion provider may be signed by a person; whose key it is, is asked in stage 5."""
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise SignerRefused("the signing certificate cannot be read") from error


def _identity_providers(settings: Settings) -> frozenset[str]:
    """The issuers that may log persons in; each must be one that is trusted, and none is we ourselves."""
    known = {each.entity_id for each in settings.assertions.issuers}
    unknown = settings.tokens.identity_providers - known
    if unknown:
        text = f"tokens.identity_providers: {min(unknown)} is none of assertions.issuers"
        raise SettingsInvalid(text)
    return settings.tokens.identity_providers


def _vocabulary(policy: Callable[[], Policy]) -> Vocabulary:
    def role(code: Code) -> str | None:
        rule = policy().roles.get(code_key(code))
        return None if rule is None else rule.name

    def purpose(code: Code) -> Code | None:
        return code if code_key(code) in policy().purposes else None

    return Vocabulary(role=role, purpose=purpose)
