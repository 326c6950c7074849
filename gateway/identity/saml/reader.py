"""From a SAML 2.0 assertion to the acting person: the checks of ITI-40 (ITI TF-2: 3.40.4.1.3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from threading import Lock

from cryptography import x509
from lxml import etree

from gateway.crypto.keys import PublicKey, key_bytes, usable_key
from gateway.crypto.xmldsig import c14n, verify_enveloped
from gateway.crypto.xmldsig.names import ASSERTION, ENCRYPTED_ASSERTION
from gateway.crypto.xmlenc import decrypted
from gateway.errors import SignerRefused, TokenAbused, TokenInvalid, TokenUnsupported
from gateway.identity.saml.attributes import Attributes, read_attributes
from gateway.identity.saml.conditions import Validity, read_validity
from gateway.identity.saml.confirmation import BEARER, HOLDER_OF_KEY, confirmed_by
from gateway.identity.saml.policy import AssertionPolicy, only_child, plain_text
from gateway.record.people import Code, Principal, SubjectKind

REMEMBERED = 4096
_CDATA = b"<![CDATA["
_COMMENTED = etree.XPath("boolean(descendant::comment())")


@dataclass(frozen=True, slots=True)
class _Issuer:
    """The pinned keys of one issuer; `names` are their SubjectPublicKeyInfo."""

    keys: tuple[PublicKey, ...]
    names: frozenset[bytes]

    def keys_for(self, certificate: bytes | None) -> Sequence[PublicKey]:
        """The keys, unless KeyInfo shows a certificate with another one."""
        if certificate is not None and _key_name(certificate) not in self.names:
            raise SignerRefused("signed with a key that is not the issuer's", location="Issuer")
        return self.keys


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a verified assertion says, whoever presents it: a principal for each way of confirmation."""

    principals: Mapping[str, Principal]
    validity: Validity
    patient: bool
    key_bound: bool


class AssertionReader:
    """Reads assertions under one policy and remembers what verified ones say.

    Remembered by the digest of the whole canonical assertion. Times and confirmation are always checked.
    A changed policy needs a new reader.
    """

    def __init__(self, policy: AssertionPolicy, *, remembered: int = REMEMBERED) -> None:
        self._policy = policy
        self._issuers = {name: _pinned(keys, policy) for name, keys in policy.issuers.items()}
        self._limit = remembered
        self._statements: OrderedDict[bytes, _Statement] = OrderedDict()
        self._lock = Lock()

    def read(
        self,
        assertion: etree._Element,
        *,
        now: datetime,
        tls_certificate: bytes | None,
        signing_certificate: bytes | None,
        bearer_allowed: bool,
    ) -> Principal:
        """The subject of a valid assertion. The certificates (DER) are those whose keys the sender proved.

        Raises TokenUnsupported, SignatureBroken, AlgorithmRefused, SignerRefused or TokenInvalid. Without
        `bearer_allowed`, professionals must hold the key that their assertion names.
        """
        assertion = opened(assertion, self._policy)
        check_kind(assertion)
        digest = sha256(c14n(assertion)).digest()
        statement = self._recall(digest)
        if statement is None:
            statement = self._verified(assertion, digest)
            self._remember(digest, statement)
        statement.validity.check(now, self._policy.skew)
        confirmation = confirmed_by(
            only_child(assertion, "Subject"),
            self._policy,
            now,
            certificates=(tls_certificate, signing_certificate),
            bearer=(bearer_allowed or statement.patient) and not statement.key_bound,
        )
        return statement.principals[confirmation]

    def _verified(self, assertion: etree._Element, digest: bytes) -> _Statement:
        issuer = plain_text(only_child(assertion, "Issuer"))
        known = self._issuers.get(issuer)
        if known is None:
            raise SignerRefused("the issuer is not one that is trusted here", location="Issuer")
        verify_enveloped(assertion, known.keys_for, self._policy.signature)
        validity = read_validity(assertion, self._policy)
        held = _principal(assertion, issuer, digest, validity, self._policy)
        principals = {HOLDER_OF_KEY: held, BEARER: replace(held, confirmation=BEARER)}
        key_bound = held.role is not None and _key(held.role) in self._policy.key_bound_roles
        patient = held.kind is SubjectKind.PATIENT
        return _Statement(principals, validity, patient=patient, key_bound=key_bound)

    def _recall(self, digest: bytes) -> _Statement | None:
        with self._lock:
            statement = self._statements.get(digest)
            if statement is not None:
                self._statements.move_to_end(digest)
            return statement

    def _remember(self, digest: bytes, statement: _Statement) -> None:
        with self._lock:
            self._statements[digest] = statement
            if len(self._statements) > self._limit:
                self._statements.popitem(last=False)


def read_assertion(
    assertion: etree._Element,
    *,
    policy: AssertionPolicy,
    now: datetime,
    tls_certificate: bytes | None,
    signing_certificate: bytes | None,
    bearer_allowed: bool,
) -> Principal:
    """As AssertionReader.read, once and without memory."""
    return AssertionReader(policy).read(
        assertion,
        now=now,
        tls_certificate=tls_certificate,
        signing_certificate=signing_certificate,
        bearer_allowed=bearer_allowed,
    )


# --- contents ------------------------------------------------------------------------------------


def opened(assertion: etree._Element, policy: AssertionPolicy) -> etree._Element:
    """The assertion, decrypted where it came encrypted and there is a key for it."""
    key = policy.decryption_key
    return decrypted(assertion, key) if key and assertion.tag == ENCRYPTED_ASSERTION else assertion


def check_kind(assertion: etree._Element) -> None:
    """TokenUnsupported unless a SAML 2.0 assertion; TokenInvalid without ID, TokenAbused with comments."""
    if assertion.tag != ASSERTION or assertion.get("Version") != "2.0":
        raise TokenUnsupported("token not supported; expected a SAML 2.0 assertion", location="Assertion")
    if not assertion.get("ID"):
        raise TokenInvalid("an assertion must have an ID", location="Assertion")
    if _COMMENTED(assertion):
        # the digest passes over comments, readers may stop at them
        raise TokenAbused("a comment in an assertion", location="Assertion")


def _principal(
    assertion: etree._Element, issuer: str, digest: bytes, validity: Validity, policy: AssertionPolicy
) -> Principal:
    name_id = only_child(only_child(assertion, "Subject"), "NameID")
    subject = plain_text(name_id)
    if _CDATA in etree.tostring(name_id, with_tail=False):
        raise TokenAbused("NameID must hold one plain text", location="NameID")
    if not subject:
        raise TokenInvalid("NameID is empty", location="NameID")
    attributes = read_attributes(assertion)
    return Principal(
        kind=_kind(attributes, policy),
        subject=subject,
        name=attributes.name or subject,
        issuer=issuer,
        role=attributes.role,
        organisation=attributes.organisation,
        organisation_name=attributes.organisation_name,
        purpose=attributes.purpose,
        alias=name_id.get("SPProvidedID"),
        provider_ids=attributes.provider_ids,
        patient=attributes.patient,
        on_behalf_of=attributes.on_behalf_of,
        emergency_reason=attributes.emergency_reason,
        confirmation=HOLDER_OF_KEY,
        token_id=assertion.get("ID"),
        token_digest=digest,
        expires=validity.end + policy.skew,
        one_time=validity.one_time,
    )


def _kind(attributes: Attributes, policy: AssertionPolicy) -> SubjectKind:
    role = _key(attributes.role)
    if policy.roles is not None and role not in policy.roles:
        raise SignerRefused("the role is not one that is known here", location="role")
    if policy.purposes is not None and _key(attributes.purpose) not in policy.purposes:
        raise SignerRefused("the purpose of use is not one that is known here", location="purposeofuse")
    return SubjectKind.PATIENT if role in policy.patient_roles else SubjectKind.PROFESSIONAL


def _key(code: Code) -> tuple[str, str]:
    return code.code, code.scheme


# --- pinned keys ---------------------------------------------------------------------------------


def _pinned(keys: Sequence[PublicKey | x509.Certificate], policy: AssertionPolicy) -> _Issuer:
    plain = [key.public_key() if isinstance(key, x509.Certificate) else key for key in keys]
    usable = tuple([usable_key(key, minimum_rsa=policy.signature.minimum_rsa) for key in plain])
    return _Issuer(usable, frozenset(key_bytes(key) for key in usable))


def _key_name(certificate: bytes) -> bytes:
    try:
        return key_bytes(x509.load_der_x509_certificate(certificate).public_key())
    except (ValueError, x509.InvalidVersion) as error:
        text = "the certificate of the assertion cannot be read"
        raise SignerRefused(text, location="X509Certificate") from error
