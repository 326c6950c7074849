"""Who asks for a token or an assertion: told by certificates, signed tokens and the directory alone (IUA).

A person is never believed for what a request says: the key that made a signature or a TLS connection is the
person's by the directory, or a provider that is trusted says who was authenticated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree

from gateway.config.certificates import environments_of
from gateway.crypto import jws
from gateway.crypto.keys import check_strength, fingerprint
from gateway.declare.bindings import OauthRequest, Proven
from gateway.errors import AlgorithmRefused, NodeRefused, SignerRefused, TokenInvalid, TokenMissing
from gateway.identity.saml.login import Login, LoginReader
from gateway.identity.systems import system_principal
from gateway.record.people import Node, Principal, SubjectKind
from gateway.tokens.assertion import X509_AUTHENTICATED
from gateway.tokens.jws import certificate_of, thumbprint_claim
from gateway.tokens.people import Professional, Professionals

AUTHORIZATION_CODE = "authorization_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUTHORIZE = "/oauth2/authorize"
VISITOR = "person"
"""How the audit names the system of a person who comes without one, by the browser."""
_LONGEST = timedelta(minutes=5)

Waiting = Callable[[str, datetime], Awaitable[str | None]]
"""The person whom an authorization code stands for."""


@dataclass(frozen=True, kw_only=True)
class Logins:
    """`names` are those by which a signed token may address us; `minimum_rsa` in bits."""

    professionals: Professionals
    waiting: Waiting
    providers: LoginReader
    revoked: Callable[[x509.Certificate], bool]
    names: frozenset[str]
    issuer: str
    environment: str
    skew: timedelta
    authorities: Mapping[str, str] = field(default_factory=dict)
    """Providers that call people by numbers of their own, with the authority that assigns these."""
    minimum_rsa: int = 3072

    async def visitor(self, der: bytes, now: datetime) -> Node:
        """Stands for the node of a person who connects with the own certificate; NodeRefused if unknown."""
        try:
            who = await self._holder(der, now)
        except SignerRefused as error:
            raise NodeRefused(error.detail) from error
        return Node(
            name=VISITOR,
            fingerprints=frozenset({fingerprint(der)}),
            environment=self.environment,
            organisation=who.memberships[0].organisation if who.memberships else "",
            organisation_name=who.memberships[0].name if who.memberships else "",
            transactions=frozenset({"ITI-71"}),
            must_sign=False,
            must_assert=False,
        )

    async def principal(self, proven: Proven, node: Node, tls_certificate: bytes, now: datetime) -> Principal:
        """Who asks: a person without a role yet, or the system for itself.

        Raises TokenMissing, SignerRefused, TokenInvalid, AlgorithmRefused or SignatureBroken.
        """
        payload = proven.payload
        if isinstance(payload, OauthRequest):
            return await self._of_grant(payload, node, now)
        own = proven.certificate is None or fingerprint(proven.certificate) in node.fingerprints
        signer = None if own else await self._holder(proven.certificate or b"", now)
        if proven.assertion is not None:
            return await self._of_provider(
                proven.assertion, signer, node, (tls_certificate, proven.certificate), now
            )
        if signer is None:
            raise TokenMissing("neither the signature of a person nor a provider's assertion came along")
        return self._person(signer, now, "signature")

    # --- OAuth ---

    async def _of_grant(self, request: OauthRequest, node: Node, now: datetime) -> Principal:
        given = request.parameters
        if request.path == AUTHORIZE:
            return self._person(await self._holder(request.certificate, now), now, "tls")
        if given.get("grant_type") == AUTHORIZATION_CODE and "code" in given:
            uid = await self.waiting(given["code"], now)
            if uid is None:
                raise TokenInvalid("the authorization code is unknown, used or over", location="code")
            return self._person(await self._named(uid), now, "code")
        if given.get("grant_type") == JWT_BEARER and "assertion" in given:
            return await self._of_token(given["assertion"], node, now)
        return system_principal(node)

    async def _of_token(self, token: str, node: Node, now: datetime) -> Principal:
        """A JWT that the person signed with the own key (RFC 7523 section 3); it can be used once."""
        read = jws.read(token)
        certificate, who = await self._signer_of(read, now)
        jws.verify(read, certificate.public_key(), minimum_rsa=self.minimum_rsa)
        expires = self._check_claims(read.claims, who, node, now)
        return self._person(
            who,
            now,
            "jwt",
            token_id=str(read.claims["jti"]),
            token_digest=sha256(token.encode()).digest(),
            expires=expires + self.skew,
            one_time=True,
        )

    async def _signer_of(self, read: jws.Jws, now: datetime) -> tuple[x509.Certificate, Professional]:
        """By the certificate in the header, or by the thumbprint of one that the directory has whole."""
        if isinstance(read.header.get("jwk"), dict) and "d" in read.header["jwk"]:
            raise TokenInvalid("a private key came with the token; it must be replaced", location="jwk")
        chain, named = read.header.get("x5c"), read.header.get("x5t#S256")
        if isinstance(chain, list) and chain:
            certificate = certificate_of(chain[0])
            der = certificate.public_bytes(Encoding.DER)
        else:
            der = await self._known(named)
            certificate = x509.load_der_x509_certificate(der)
        if named is not None and named != thumbprint_claim(der):
            raise SignerRefused("x5t#S256 is not that of the certificate", location="x5t#S256")
        return certificate, await self._holder(der, now)

    async def _known(self, named: object) -> bytes:
        try:
            thumbprint = jws.decoded(named).hex() if isinstance(named, str) else ""
        except ValueError:
            thumbprint = ""
        who = await self.professionals.holder(thumbprint) if thumbprint else None
        der = who.certificates.get(thumbprint) if who is not None else None
        if der is None:
            raise SignerRefused(
                "no certificate of a professional is named by x5c or x5t#S256", location="x5c"
            )
        return der

    def _check_claims(
        self, claims: Mapping[str, Any], who: Professional, node: Node, now: datetime
    ) -> datetime:
        """Made by this person, for us, for this client, now; its end."""
        if claims.get("iss") != who.uid or claims.get("sub") != who.uid:
            raise SignerRefused("iss and sub must name the holder of the key", location="sub")
        if self.names.isdisjoint(_texts(claims.get("aud"))):
            raise TokenInvalid("made for another audience", location="aud")
        if claims.get("client_id", node.name) != node.name:
            raise SignerRefused("made for another client", location="client_id")
        if not isinstance(claims.get("jti"), str) or not 0 < len(claims["jti"]) <= _LONGEST_ID:
            raise TokenInvalid("jti is required", location="jti")
        return self._check_times(claims, now)

    def _check_times(self, claims: Mapping[str, Any], now: datetime) -> datetime:
        issued, expires = _time(claims, "iat"), _time(claims, "exp")
        starts = _time(claims, "nbf") if "nbf" in claims else issued
        if max(issued, starts) - self.skew > now:
            raise TokenInvalid("the token is not valid yet", location="iat")
        if expires + self.skew <= now:
            raise TokenInvalid("the token has expired", location="exp")
        if not timedelta(0) < expires - issued <= _LONGEST:
            raise TokenInvalid("valid for more than five minutes, or not at all", location="exp")
        return expires

    # --- WS-Trust ---

    async def _of_provider(
        self,
        assertion: etree._Element,
        signer: Professional | None,
        node: Node,
        certificates: tuple[bytes | None, ...],
        now: datetime,
    ) -> Principal:
        login = self.providers.read(assertion, now=now, certificates=certificates, bearer=node.bearer_allowed)
        authority = self.authorities.get(login.issuer)
        who = await self._named(f"{authority}:{login.name}" if authority else login.name)
        if signer is not None and signer.uid != who.uid:
            raise SignerRefused(
                "the message was signed by somebody else than was authenticated", location="NameID"
            )
        return self._logged_in(who, login)

    def _logged_in(self, who: Professional, login: Login) -> Principal:
        return Principal(
            kind=SubjectKind.PROFESSIONAL,
            subject=who.uid,
            name=who.name,
            issuer=login.issuer,
            role=None,
            organisation=None,
            purpose=None,
            confirmation=login.confirmation,
            token_id=login.token_id,
            token_digest=login.token_digest,
            expires=login.expires,
            one_time=login.one_time,
            authenticated=(login.at, login.context),
        )

    # --- the directory ---

    async def _holder(self, der: bytes, now: datetime) -> Professional:
        """Whose certificate this is; SignerRefused unless in force, of this environment, not revoked."""
        try:
            certificate = x509.load_der_x509_certificate(der)
            check_strength(certificate.public_key(), minimum_rsa=self.minimum_rsa)
        except (ValueError, AlgorithmRefused, x509.InvalidVersion) as error:
            raise SignerRefused("the certificate cannot be used") from error
        stamped = environments_of(certificate)
        if stamped and stamped != {self.environment}:
            raise SignerRefused("the certificate is of another environment")
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
            raise SignerRefused("the certificate is not in force")
        if self.revoked(certificate):
            raise SignerRefused("the certificate is revoked")
        return _active(await self.professionals.holder(fingerprint(der)))

    async def _named(self, uid: str) -> Professional:
        return _active(await self.professionals.named(uid))

    def _person(self, who: Professional, now: datetime, by: str, **of_token: Any) -> Principal:
        return Principal(
            kind=SubjectKind.PROFESSIONAL,
            subject=who.uid,
            name=who.name,
            issuer=self.issuer,
            role=None,
            organisation=None,
            purpose=None,
            confirmation=by,
            authenticated=(now, X509_AUTHENTICATED),
            **{"token_id": None, "token_digest": None, "expires": None, **of_token},
        )


_LONGEST_ID, _LATEST = 200, 1e11


def _active(who: Professional | None) -> Professional:
    if who is None or not who.active:
        raise SignerRefused("the directory knows no active professional for this certificate or name")
    return who


def _texts(value: object) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    return [each for each in listed if isinstance(each, str)]


def _time(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        raise TokenInvalid(f"{name} is required, in seconds since 1970", location=name)
    return datetime.fromtimestamp(value, UTC)
