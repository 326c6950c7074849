"""Whose access tokens are believed, and what a token must keep (RFC 9068 section 4, IUA ITI-72)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from gateway.crypto.jwk import NamedKey

CodeKey = tuple[str, str]
"""Code and coding scheme (without "urn:oid:"): what makes two codes equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """An authorization server: its keys by kid, and what its tokens may look like.

    `types` are values of `typ` in lower case without "application/"; a token without one is of "jwt".
    `bearer`: its tokens need not be bound to a certificate, at nodes that may send bearer tokens.
    """

    name: str
    keys: Mapping[str, NamedKey]
    audiences: frozenset[str]
    algorithms: frozenset[str] = frozenset({"ES256"})
    types: frozenset[str] = frozenset({"at+jwt"})
    bearer: bool = False
    max_life: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """All issuers by name, and the roles and purposes known; None in a value set allows any.

    Tokens of `key_bound_roles` must always be bound to a certificate.
    """

    issuers: Mapping[str, TokenIssuer] = field(default_factory=dict)
    skew: timedelta = timedelta(seconds=60)
    roles: frozenset[CodeKey] | None = None
    purposes: frozenset[CodeKey] | None = None
    patient_roles: frozenset[CodeKey] = frozenset()
    key_bound_roles: frozenset[CodeKey] = frozenset()
