"""Who was authenticated, by an assertion of an identity provider (SAML core 2.7.2, WS-Trust 1.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256

from cryptography import x509
from lxml import etree

from gateway.crypto.keys import PublicKey, key_bytes, usable_key
from gateway.crypto.xmldsig import c14n, verify_enveloped
from gateway.errors import SignerRefused, TokenInvalid
from gateway.identity.saml.conditions import read_validity
from gateway.identity.saml.confirmation import confirmed_by
from gateway.identity.saml.policy import AssertionPolicy, only_child, plain_text, saml, time_of
from gateway.identity.saml.reader import check_kind, opened

Keys = tuple[PublicKey | x509.Certificate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Whom a provider authenticated, when and how (AuthnContextClassRef); times are aware UTC."""

    issuer: str
    name: str
    at: datetime
    context: str
    confirmation: str
    token_id: str
    token_digest: bytes
    expires: datetime
    one_time: bool


@dataclass(frozen=True, slots=True)
class LoginReader:
    """Reads what providers say of a login; role, purpose and other attributes of theirs do not count.

    `providers` are those among the issuers of the policy that may log persons in; one that issues user
    assertions alone is none. `recipient` is our endpoint, for which they may be made.
    """

    policy: Callable[[], AssertionPolicy]
    providers: frozenset[str]
    recipient: str

    def read(
        self,
        assertion: etree._Element,
        *,
        now: datetime,
        certificates: tuple[bytes | None, ...],
        bearer: bool,
    ) -> Login:
        """The login of a valid assertion; as AssertionReader.read, and with the same refusals."""
        policy = self.policy()
        policy = replace(policy, recipients=policy.recipients | {self.recipient})
        assertion = opened(assertion, policy)
        check_kind(assertion)
        issuer = plain_text(only_child(assertion, "Issuer"))
        keys = policy.issuers.get(issuer) if issuer in self.providers else None
        if keys is None:
            raise SignerRefused("the issuer is no identity provider that is trusted here", location="Issuer")
        verify_enveloped(assertion, _Pinned(keys, policy).keys_for, policy.signature)
        validity = read_validity(assertion, policy)
        validity.check(now, policy.skew)
        subject = only_child(assertion, "Subject")
        confirmation = confirmed_by(subject, policy, now, certificates=certificates, bearer=bearer)
        at, context = _authentication(assertion)
        return Login(
            issuer=issuer,
            name=_name(subject),
            at=at,
            context=context,
            confirmation=confirmation,
            token_id=assertion.get("ID", ""),
            token_digest=sha256(c14n(assertion)).digest(),
            expires=validity.end + policy.skew,
            one_time=validity.one_time,
        )


class _Pinned:
    """The keys of a provider; a certificate that the signature shows must have one of them."""

    def __init__(self, keys: Keys, policy: AssertionPolicy) -> None:
        plain = [each.public_key() if isinstance(each, x509.Certificate) else each for each in keys]
        self._keys = tuple([usable_key(each, minimum_rsa=policy.signature.minimum_rsa) for each in plain])

    def keys_for(self, certificate: bytes | None) -> tuple[PublicKey, ...]:
        """The keys, unless the hint names another one."""
        if certificate is not None:
            try:
                shown = key_bytes(x509.load_der_x509_certificate(certificate).public_key())
            except (ValueError, x509.InvalidVersion) as error:
                raise SignerRefused("the certificate of the assertion cannot be read") from error
            if shown not in {key_bytes(each) for each in self._keys}:
                raise SignerRefused("signed with a key that is not the provider's", location="Issuer")
        return self._keys


def _name(subject: etree._Element) -> str:
    """The NameID; one that is encrypted or missing names nobody."""
    name = plain_text(only_child(subject, "NameID"))
    if not name:
        raise TokenInvalid("NameID is empty", location="NameID")
    return name


def _authentication(assertion: etree._Element) -> tuple[datetime, str]:
    statement = next(assertion.iterchildren(saml("AuthnStatement")))
    at = time_of(statement, "AuthnInstant")
    if at is None:
        raise TokenInvalid("AuthnInstant is required", location="AuthnStatement")
    context = only_child(statement, "AuthnContext")
    return at, plain_text(context[0])
