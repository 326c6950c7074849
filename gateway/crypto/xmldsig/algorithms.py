"""The allow-list of algorithms (XML-DSig 1.1 section 6, RFC 9231): what is not here is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from gateway.crypto.keys import MINIMUM_RSA, PKCS1_SCHEMES, Scheme
from gateway.crypto.xmldsig.names import SHA256
from gateway.errors import AlgorithmRefused

_MORE_2001 = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
_MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"

SCHEMES: Mapping[str, Scheme] = MappingProxyType(
    {
        f"{_MORE_2001}ecdsa-sha256": Scheme.ECDSA_SHA256,
        f"{_MORE_2001}ecdsa-sha384": Scheme.ECDSA_SHA384,
        f"{_MORE_2001}ecdsa-sha512": Scheme.ECDSA_SHA512,
        f"{_MORE_2001}rsa-sha256": Scheme.RSA_PKCS1_SHA256,
        f"{_MORE_2001}rsa-sha384": Scheme.RSA_PKCS1_SHA384,
        f"{_MORE_2001}rsa-sha512": Scheme.RSA_PKCS1_SHA512,
        f"{_MORE_2007}sha256-rsa-MGF1": Scheme.RSA_PSS_SHA256,
        f"{_MORE_2007}sha384-rsa-MGF1": Scheme.RSA_PSS_SHA384,
        f"{_MORE_2007}sha512-rsa-MGF1": Scheme.RSA_PSS_SHA512,
        f"{_MORE_2021}eddsa-ed25519": Scheme.ED25519,
    }
)
IDENTIFIERS: Mapping[Scheme, str] = MappingProxyType({scheme: uri for uri, scheme in SCHEMES.items()})


class Hash(Protocol):
    """A running digest."""

    def update(self, data: bytes, /) -> None:
        """Take more."""

    def digest(self) -> bytes:
        """The result so far."""


HashFactory = Callable[[bytes], Hash]

_DIGESTS: Mapping[str, HashFactory] = MappingProxyType(
    {
        SHA256: hashlib.sha256,
        f"{_MORE_2001}sha384": hashlib.sha384,
        "http://www.w3.org/2001/04/xmlenc#sha512": hashlib.sha512,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePolicy:
    """What a partner's signatures must keep. `minimum_rsa` in bits.

    `rsa_pkcs1` takes RSA PKCS#1 v1.5 beside PSS; `assertion_covered` demands that the message signature
    covers the SAML assertion, which several client stacks cannot do.
    """

    max_age: timedelta = timedelta(seconds=300)
    skew: timedelta = timedelta(seconds=60)
    minimum_rsa: int = MINIMUM_RSA
    rsa_pkcs1: bool = True
    assertion_covered: bool = False
    max_references: int = 32


DEFAULT_POLICY = SignaturePolicy()


def scheme_of(identifier: str | None, policy: SignaturePolicy) -> Scheme:
    """The scheme of a SignatureMethod, else AlgorithmRefused."""
    scheme = SCHEMES.get(identifier or "")
    if scheme is None or (scheme in PKCS1_SCHEMES and not policy.rsa_pkcs1):
        raise AlgorithmRefused("signature algorithm not allowed", location="SignatureMethod")
    return scheme


def digest_of(identifier: str | None) -> HashFactory:
    """The hash of a DigestMethod, else AlgorithmRefused."""
    factory = _DIGESTS.get(identifier or "")
    if factory is None:
        raise AlgorithmRefused(
            "digest algorithm not allowed; expected SHA-256 or better", location="DigestMethod"
        )
    return factory
