"""Whom an installation believes now: trusted issuers and the roles of the rights matrix, put together."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from gateway.config import Issuer, Settings
from gateway.crypto.keys import load_private_key
from gateway.crypto.xmldsig import SignaturePolicy
from gateway.errors import SettingsInvalid
from gateway.identity.issuers import IssuerDirectory, Trusted
from gateway.identity.jwt import TokenPolicy
from gateway.identity.saml import AssertionPolicy
from gateway.policy.model import Policy
from gateway.record.people import SubjectKind

CodeKey = tuple[str, str]


def issuers_of(settings: Settings, alert: Callable[[SettingsInvalid], None]) -> IssuerDirectory:
    """The configured issuers, and ourselves: our tokens are signed with the signing key (RFC 9068)."""
    told = settings.assertions
    return IssuerDirectory(
        (*told.issuers, _ourselves(settings)),
        audiences=frozenset({*told.audience, own_resource(settings)}),
        max_life=timedelta(seconds=told.max_life_seconds),
        alert=alert,
        signature=_signatures(settings),
    )


def own_resource(settings: Settings) -> str:
    """The name of our FHIR service as a resource of tokens (RFC 8707)."""
    return f"{settings.server.public_url}/fhir"


def _ourselves(settings: Settings) -> Issuer:
    return Issuer(
        entity_id=settings.server.public_url,
        certificate=settings.signing.certificate,
        previous=settings.signing.previous,
        algorithms=("ES256", "ES384", "ES512", "PS256"),
        bearer=True,
    )


def _signatures(settings: Settings) -> SignaturePolicy:
    return SignaturePolicy(minimum_rsa=2048 if settings.tls.legacy_rsa_2048 else 3072)


class Beliefs:
    """The policies of assertions and tokens; the same objects as long as nothing has changed."""

    def __init__(
        self, settings: Settings, issuers: Callable[[], Trusted], rights: Callable[[], Policy]
    ) -> None:
        self._settings = settings
        self._issuers, self._rights = issuers, rights
        self._decryption_key = _decryption_key(settings.assertions.decryption_key)
        self._from: tuple[Trusted, Policy] = issuers(), rights()
        self._made = self._make(*self._from)

    def assertions(self) -> AssertionPolicy:
        """What assertions must keep now."""
        return self._current()[0]

    def tokens(self) -> TokenPolicy:
        """What tokens must keep now."""
        return self._current()[1]

    def _current(self) -> tuple[AssertionPolicy, TokenPolicy]:
        trusted, rights = self._issuers(), self._rights()
        if trusted is not self._from[0] or rights is not self._from[1]:
            self._from = trusted, rights
            self._made = self._make(trusted, rights)
        return self._made

    def _make(self, trusted: Trusted, rights: Policy) -> tuple[AssertionPolicy, TokenPolicy]:
        """Who counts as a patient is told by the rights matrix."""
        told = self._settings.assertions
        bound = frozenset(_code(text) for text in told.key_bound_roles)
        skew = timedelta(seconds=told.skew_seconds)
        roles, purposes, patients = _codes(rights.roles), _codes(rights.purposes), _patients(rights)
        assertions = AssertionPolicy(
            audiences=frozenset(told.audience),
            recipients=frozenset(told.recipients),
            issuers=trusted.assertions,
            skew=skew,
            max_life=timedelta(seconds=told.max_life_seconds),
            authn_classes=frozenset(told.authn_classes) or None,
            roles=roles,
            purposes=purposes,
            patient_roles=patients,
            signature=_signatures(self._settings),
            key_bound_roles=bound,
            decryption_key=self._decryption_key,
        )
        tokens = TokenPolicy(
            issuers=trusted.tokens,
            skew=skew,
            roles=roles,
            purposes=purposes,
            patient_roles=patients,
            key_bound_roles=bound,
        )
        return assertions, tokens


def _decryption_key(path: Path | None) -> RSAPrivateKey | None:
    key = None if path is None else load_private_key(path)
    if key is not None and not isinstance(key, RSAPrivateKey):
        raise SettingsInvalid("the key that decrypts assertions must be one of RSA", location=str(path))
    return key


def _code(text: str) -> CodeKey:
    code, _, scheme = text.partition("^^")
    return code, scheme


def _codes(known: object) -> frozenset[CodeKey]:
    return frozenset((code, scheme) for scheme, code in known)  # type: ignore[attr-defined]


def _patients(rights: Policy) -> frozenset[CodeKey]:
    return frozenset(
        (code, scheme)
        for (scheme, code), rule in rights.roles.items()
        if SubjectKind.PATIENT in rule.kinds and SubjectKind.PROFESSIONAL not in rule.kinds
    )
