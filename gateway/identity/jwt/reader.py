"""From a compact JWS to the acting person: the checks of ITI-72 (IUA 3.72; RFC 9068 section 4, RFC 8705)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from threading import Lock

from gateway.crypto.jws import Jws, read
from gateway.errors import KeyNotHeld, SignerRefused, TokenInvalid
from gateway.identity.jwt.claims import Period, bound_to, period_of, principal_of, required
from gateway.identity.jwt.compact import check_signature
from gateway.identity.jwt.policy import TokenIssuer, TokenPolicy
from gateway.record.people import Principal

REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class _Statement:
    """What a verified token says, and the policy under which it was verified."""

    policy: TokenPolicy
    principal: Principal
    period: Period
    holder: bytes | None
    bearer: bool


class TokenReader:
    """Reads tokens under the policy in force and remembers what verified ones say, by their digest.

    Time and holder are always checked. A token is verified anew when the policy, or a key, has changed.
    `unknown_key` is told the name of an issuer whose token names a key that it is not known to have.
    """

    def __init__(
        self,
        policy: Callable[[], TokenPolicy],
        *,
        unknown_key: Callable[[str], None],
        remembered: int = REMEMBERED,
    ) -> None:
        self._policy = policy
        self._unknown_key = unknown_key
        self._limit = remembered
        self._statements: OrderedDict[bytes, _Statement] = OrderedDict()
        self._lock = Lock()

    def read(
        self, token: str, *, now: datetime, tls_certificate: bytes | None, bearer_allowed: bool
    ) -> Principal:
        """The subject of a valid token. TokenInvalid, SignerRefused, or KeyNotHeld if somebody else's.

        `tls_certificate` (DER) is that of the connection; `bearer_allowed` is what the node may send.
        """
        policy = self._policy()
        digest = sha256(token.encode()).digest()
        statement = self._recall(digest, policy)
        if statement is None:
            statement = self._verified(token, digest, policy)
            self._remember(digest, statement)
        statement.period.check(now, policy.skew)
        _check_holder(statement, tls_certificate, bearer_allowed=bearer_allowed)
        return statement.principal

    def _verified(self, token: str, digest: bytes, policy: TokenPolicy) -> _Statement:
        found = read(token)
        issuer = policy.issuers.get(required(found.claims, "iss"))
        if issuer is None:
            raise SignerRefused("the issuer is not one that is trusted here", location="iss")
        _check_type(found, issuer)
        self._check_signature(found, issuer)
        principal = principal_of(found.claims, issuer, policy, digest)
        period = period_of(found.claims, issuer.max_life)
        role = principal.role
        key_bound = role is not None and (role.code, role.scheme) in policy.key_bound_roles
        bearer = issuer.bearer and not key_bound
        return _Statement(policy, principal, period, bound_to(found.claims), bearer)

    def _check_signature(self, token: Jws, issuer: TokenIssuer) -> None:
        """By the key that the header names; where it comes from is told by configuration alone."""
        kid = token.header.get("kid")
        key = issuer.keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            self._unknown_key(issuer.name)
            raise TokenInvalid("signed with a key that is not one of the issuer's", location="kid")
        check_signature(token, issuer, key)

    def _recall(self, digest: bytes, policy: TokenPolicy) -> _Statement | None:
        with self._lock:
            statement = self._statements.get(digest)
            if statement is None or statement.policy is not policy:
                return None
            self._statements.move_to_end(digest)
            return statement

    def _remember(self, digest: bytes, statement: _Statement) -> None:
        with self._lock:
            self._statements[digest] = statement
            if len(self._statements) > self._limit:
                self._statements.popitem(last=False)


def _check_type(token: Jws, issuer: TokenIssuer) -> None:
    """An access token, not an ID or refresh token (RFC 9068 section 4, RFC 8725 3.11)."""
    told = token.header.get("typ", "JWT")
    name = told.lower().removeprefix("application/") if isinstance(told, str) else ""
    if name not in issuer.types:
        raise TokenInvalid("not a token of the kind that this issuer sends", location="typ")


def _check_holder(statement: _Statement, certificate: bytes | None, *, bearer_allowed: bool) -> None:
    if statement.holder is None:
        if not (statement.bearer and bearer_allowed):
            raise SignerRefused("this token must be bound to the certificate of its sender", location="cnf")
    elif certificate is None or sha256(certificate).digest() != statement.holder:
        raise KeyNotHeld("the token is bound to another certificate than the sender's", location="cnf")
