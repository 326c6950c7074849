"""Issues access tokens and assertions, keeps account of them, says what is in force (IUA 3.71, 3.102)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Final

import orjson
from cryptography import x509

from gateway.crypto import jws
from gateway.crypto.jwk import thumbprint
from gateway.crypto.keys import PublicKey, Signer, usable_key
from gateway.errors import (
    AlgorithmRefused,
    GatewayError,
    Meaning,
    Problem,
    Refused,
    SignatureBroken,
    TokenInvalid,
)
from gateway.record.people import Node
from gateway.record.revoked import RevokedKind, bare
from gateway.stores.tokens import Issued, TokenStore
from gateway.stores.work import UnitOfWork
from gateway.tokens import access_token
from gateway.tokens.asked import Asked, refused_scope
from gateway.tokens.assertion import Contents, new_id, write_assertion
from gateway.tokens.jws import jwk_of
from gateway.tokens.people import Clients, Professional, Professionals, Revocations
from gateway.tokens.subject import Person, Vocabulary, granted, person_of

ACCESS_TOKEN: Final = "access-token"  # noqa: S105 - a kind
ASSERTION: Final = "assertion"
OWN_TRANSACTIONS: Final = frozenset({"ITI-40", "ITI-71", "ITI-102", "ITI-103"})
"""What is called to get a token needs none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What this issuer goes by. `own` are the names of this gateway, `others` further services, as audience.

    `transactions` are the codes of all that a token can open here.
    """

    issuer: str
    own: tuple[str, ...]
    others: frozenset[str]
    home_community: str
    access: timedelta
    assertion: timedelta
    code: timedelta
    transactions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who gets what is issued: the node, the certificate that it is bound to, and the person, if one."""

    node: Node
    certificate: bytes
    person: str | None
    authenticated: tuple[datetime, str] | None = None


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token with what the answer tells of it: scope granted, life in seconds."""

    token: str
    scope: str
    life: int


@dataclass(frozen=True, slots=True)
class IssuedAssertion:
    """A signed assertion in canonical form, its ID, and what it says."""

    text: bytes
    identifier: str
    contents: Contents


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an authorization code stands for: `given` is what was asked for, `named` whether with an address.

    `challenge` is S256 of the verifier (RFC 7636).
    """

    client: str
    redirect: str
    named: bool
    challenge: str
    person: str
    given: Mapping[str, str]

    @classmethod
    def load(cls, text: bytes) -> Waiting:
        """As it was dumped."""
        return cls(**orjson.loads(text))


@dataclass(frozen=True, kw_only=True)
class TokenService:
    """The assertion provider and authorization server behind the transactions."""

    terms: Terms
    store: TokenStore
    professionals: Professionals
    clients: Clients
    revocations: Revocations
    vocabulary: Vocabulary
    signer: Signer
    previous: tuple[bytes, ...] = ()
    """Certificates (DER) of keys that signed before, whose tokens are still taken."""

    # --- access tokens ---

    async def access(
        self, work: UnitOfWork, caller: Caller, asked: Asked, resource: str | None, now: datetime
    ) -> AccessToken:
        """A token as asked for, within what client and person have; Refused beyond it."""
        audience = (self.audience(resource),) if resource else self.terms.own[:1]
        transactions = self.transactions(caller.node, asked)
        person = await self._person(caller, asked)
        given = replace(asked, transactions=transactions)
        if person is not None:
            given = granted(asked, person, transactions)
        claims = access_token.claims_of(
            issuer=self.terms.issuer,
            audience=audience,
            client=caller.node,
            certificate=caller.certificate,
            asked=given,
            person=person,
            home_community=self.terms.home_community,
            now=now,
            life=self.terms.access,
        )
        self._note(work, claims["jti"], ACCESS_TOKEN, caller, claims["sub"], now, self.terms.access)
        text = jws.sign(claims, self.signer, kind=access_token.KIND)
        return AccessToken(text, claims["scope"], int(self.terms.access.total_seconds()))

    def audience(self, resource: str) -> str:
        """The audience for a service that was named; Refused unless it is we or one configured."""
        for own in self.terms.own:
            if resource == own or resource.startswith(f"{own.rstrip('/')}/"):
                return own
        if resource not in self.terms.others:
            text = "no tokens are issued for this service"
            raise Refused(Problem(Meaning.AUDIENCE_REFUSED, text, "resource"))
        return resource

    def transactions(self, node: Node, asked: Asked) -> tuple[str, ...]:
        """Those asked for, which the node must be enrolled for, else Refused; all where none is named."""
        known = self.openable
        if not asked.transactions:
            return tuple(sorted(each for each in known if node.may_call(each)))
        for each in asked.transactions:
            if each not in known or not node.may_call(each):
                raise refused_scope("a transaction that this client is not enrolled for")
        return asked.transactions

    async def _person(self, caller: Caller, asked: Asked) -> Person | None:
        if caller.person is None:
            if asked.of_person:
                raise refused_scope("a system has no role, purpose of use or patient")
            return None
        return await self.person(caller, asked)

    async def person(self, caller: Caller, asked: Asked) -> Person:
        """The person behind the call, in what was asked for; Refused beyond what the directory says."""
        who = await self.professionals.named(caller.person or "")
        if who is None:
            raise Refused(Problem(Meaning.GRANT_REFUSED, "the directory does not know this person as active"))
        return person_of(who, asked, caller.node, self.vocabulary)

    @property
    def openable(self) -> frozenset[str]:
        """The transactions that a token can open."""
        return self.terms.transactions - OWN_TRANSACTIONS

    # --- authorization codes ---

    def redirect(self, given: Mapping[str, str]) -> str | None:
        """Where the answer to an authorization request goes: an address of the client's node file, or None.

        Compared octet by octet; the only one may be left out (RFC 6749 3.1.2.3).
        """
        client = self.clients.named(given.get("client_id", ""))
        if client is None or client.blocked or not client.may_call("ITI-71"):
            return None
        asked = given.get("redirect_uri")
        if not asked:
            return client.redirect_uris[0] if len(client.redirect_uris) == 1 else None
        return asked if asked in client.redirect_uris else None

    def code(self, work: UnitOfWork, waiting: Waiting, now: datetime) -> str:
        """A code that stands for this until it is used or over."""
        return self.store.keep_code(work, orjson.dumps(waiting), now + self.terms.code)

    async def waiting(self, code: str, now: datetime) -> Waiting | None:
        """What a code stands for; None when it is unknown, used or over."""
        found = await self.store.code(code, now)
        return None if found is None else Waiting.load(found)

    def use(
        self, work: UnitOfWork, code: str, waiting: Waiting, given: Mapping[str, str], client: str
    ) -> None:
        """Uses a code up; Refused unless client, redirect and verifier are those it was made for."""
        sent = given.get("redirect_uri")
        redirect = sent == waiting.redirect or (sent is None and not waiting.named)
        verifier = sha256(given.get("code_verifier", "").encode()).digest()
        if client != waiting.client or not redirect or jws.encoded(verifier) != waiting.challenge:
            raise refused_code()
        self.store.use_code(work, code, refused_code())

    # --- assertions ---

    async def assertion(
        self,
        work: UnitOfWork,
        caller: Caller,
        asked: Asked,
        applies_to: str | None,
        *,
        bearer: bool,
        now: datetime,
    ) -> IssuedAssertion:
        """A signed assertion as asked for; Refused beyond what the directory allows."""
        person = await self.person(caller, asked)
        told = Contents(
            issuer=self.terms.issuer,
            subject=person.uid,
            name=person.name,
            role=person.role,
            purpose=person.purpose,
            audience=self.audience(applies_to) if applies_to else self.terms.own[0],
            now=now,
            life=self.terms.assertion.total_seconds(),
            confirmation=None if bearer else caller.certificate,
            organisation=person.membership.organisation,
            organisation_name=person.membership.name,
            patient=asked.patient,
            national_id=person.national_id,
            home_community=self.terms.home_community,
            emergency_reason=asked.emergency_reason,
            on_behalf_of=asked.on_behalf_of,
            authenticated=caller.authenticated,
        )
        identifier = new_id()
        self._note(work, identifier, ASSERTION, caller, person.uid, now, self.terms.assertion)
        return IssuedAssertion(write_assertion(told, self.signer, identifier), identifier, told)

    def _note(
        self,
        work: UnitOfWork,
        identifier: str,
        kind: str,
        caller: Caller,
        subject: str,
        now: datetime,
        life: timedelta,
    ) -> None:
        self.store.note(
            work,
            Issued(
                id=identifier,
                kind=kind,
                client=caller.node.name,
                subject=subject,
                at=now,
                expires=now + life,
            ),
        )

    # --- introspection ---

    async def active(self, token: str, now: datetime) -> Mapping[str, Any] | None:
        """The claims of a token that we issued and that is in force; None for anything else."""
        try:
            read = jws.read(token)
            named = [each for each in self._certificates if _key_id(each) == read.header.get("kid")]
            if not named:
                return None
            jws.verify(read, _key(named[0]), minimum_rsa=2048)
        except (TokenInvalid, AlgorithmRefused, SignatureBroken):
            return None
        claims = read.claims
        if read.header.get("typ") != access_token.KIND or claims.get("iss") != self.terms.issuer:
            return None
        if claims["exp"] <= now.timestamp() or not await self.store.in_force(claims["jti"], now):
            return None
        return claims if await self._stands(claims, now) else None

    async def _stands(self, claims: Mapping[str, Any], now: datetime) -> bool:
        """Whether token, client and person still count: who is shut out has no active token."""
        client = self.clients.named(claims["client_id"])
        if client is None or client.blocked:
            return False
        organisation = claims["extensions"]["ihe_iua"]["subject_organization_id"]
        shut_out = await self.revocations.current(now)
        for kind, name in (
            (RevokedKind.TOKEN, claims["jti"]),
            (RevokedKind.TOKEN, f"{claims['jti']}@{self.terms.issuer}"),
            (RevokedKind.NODE, client.name),
            (RevokedKind.PERSON, claims["sub"]),
            (RevokedKind.PERSON, f"{claims['sub']}@{self.terms.issuer}"),
            (RevokedKind.ORGANISATION, bare(organisation)),
        ):
            if shut_out.holds(kind, name, now):
                return False
        if claims["sub"] == claims["client_id"]:
            return True
        who: Professional | None = await self.professionals.named(claims["sub"])
        return who is not None and who.active

    def key_set(self) -> dict[str, Any]:
        """Our public keys (RFC 7517)."""
        return {"keys": [jwk_of(each) for each in self._certificates]}

    @property
    def _certificates(self) -> tuple[bytes, ...]:
        return (self.signer.certificate, *self.previous)


@cache
def _key(certificate: bytes) -> PublicKey:
    return usable_key(x509.load_der_x509_certificate(certificate).public_key(), minimum_rsa=2048)


@cache
def _key_id(certificate: bytes) -> str:
    return thumbprint(_key(certificate))


def refused_code() -> GatewayError:
    """One text for a code that is unknown, over, used, or of another client, redirect or verifier."""
    return Refused(Problem(Meaning.GRANT_REFUSED, "the authorization code is not accepted", "code"))
