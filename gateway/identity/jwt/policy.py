"""Whose access tokens are believed, and what a token must keep (RFC 9068 section 4, IUA ITI-72)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

from gateway.crypto.jwk import NamedKey
from gateway.crypto.keys import Scheme

CodeKey = tuple[str, str]
"""Code and coding scheme (without "urn:oid:"): what makes two codes equal."""

ALGORITHMS: Mapping[str, tuple[Scheme, str]] = MappingProxyType(
    {
        "ES256": (Scheme.ECDSA_SHA256, "secp256r1"),
        "ES384": (Scheme.ECDSA_SHA384, "secp384r1"),
        "ES512": (Scheme.ECDSA_SHA512, "secp521r1"),
        "PS256": (Scheme.RSA_PSS_SHA256, ""),
        "PS384": (Scheme.RSA_PSS_SHA384, ""),
        "PS512": (Scheme.RSA_PSS_SHA512, ""),
        "RS256": (Scheme.RSA_PKCS1_SHA256, ""),
        "EdDSA": (Scheme.ED25519, ""),
        "Ed25519": (Scheme.ED25519, ""),
    }
)
"""Every algorithm there can be (RFC 7518, RFC 9864), all asymmetric; with the curve that ECDSA demands."""


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
