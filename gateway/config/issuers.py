"""Settings of assertions and tokens: whom we trust, and where the keys come from (ITI-40, IUA)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator
from pydantic.dataclasses import dataclass

from gateway.config.values import CLOSED, FilePath, Flag, Text

HttpsUrl = Annotated[str, StringConstraints(pattern=r"^https://[^/?#@\s]+(/[^?#\s]*)?$", max_length=512)]
Algorithm = Literal["ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "RS256", "EdDSA", "Ed25519"]
Life = Annotated[int, Field(gt=0, le=86_400, strict=True)]
CodedRole = Annotated[str, StringConstraints(pattern=r"^[^^]+\^\^[^^]+$", max_length=512)]
SOURCES = ("certificate", "metadata", "jwks", "discovery")
STRONG: tuple[Algorithm, ...] = ("ES256", "ES384", "ES512", "PS256", "PS384", "PS512", "EdDSA", "Ed25519")


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Issuer:
    """A trusted issuer of assertions or tokens, with exactly one source of its keys.

    `certificate`: pinned PEM certificates, with those of `previous` while keys roll over. `metadata`: a SAML
    metadata file, signed by `metadata_signer` if that is given. `jwks`: a file with a JWK set. `discovery`:
    the address of its OpenID or OAuth metadata, over TLS with a certificate of the authorities in `trust`;
    keys may stand on `jwks_hosts` too.

    Tokens are taken by `algorithms`: without any, none from certificates and metadata, and those of today's
    recommendation from JWK sets.
    """

    entity_id: Text
    certificate: FilePath | None = None
    previous: FilePath | None = None
    metadata: FilePath | None = None
    metadata_signer: FilePath | None = None
    jwks: FilePath | None = None
    discovery: HttpsUrl | None = None
    trust: FilePath | None = None
    jwks_hosts: tuple[Text, ...] = ()
    algorithms: tuple[Algorithm, ...] = ()
    token_types: tuple[Text, ...] = ("at+jwt",)
    audience: tuple[Text, ...] = ()
    bearer: Flag = False
    max_life_seconds: Life | None = None
    grace_seconds: Annotated[int, Field(ge=0, le=86_400, strict=True)] = 300
    refresh_seconds: Annotated[int, Field(ge=60, le=86_400, strict=True)] = 3_600
    keep_seconds: Annotated[int, Field(ge=60, le=604_800, strict=True)] = 86_400

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        named = [name for name in SOURCES if getattr(self, name) is not None]
        if len(named) != 1:
            raise ValueError(f"expected one of {', '.join(SOURCES)}")
        if self.discovery is not None and self.trust is None:
            raise ValueError("discovery needs trust: the authorities of the server's certificate")
        if self.metadata_signer is not None and self.metadata is None:
            raise ValueError("metadata_signer belongs to metadata")
        if self.previous is not None and self.certificate is None:
            raise ValueError("previous belongs to certificate")
        return self

    @property
    def token_algorithms(self) -> tuple[Algorithm, ...]:
        """What its tokens may be signed by; none where it issues no tokens."""
        return self.algorithms or (STRONG if self.jwks or self.discovery else ())


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Assertions:
    """Conditions of assertions and tokens (ITI-40, IUA). The test issuer exists in integration only.

    `authn_classes` are the classes of authentication that are taken, without any all of them;
    `key_bound_roles` (code^^scheme) must always prove the key of their assertion, whatever the node may send.
    `scope_status` answers a token that was not granted for a transaction.
    """

    audience: tuple[Text, ...] = ("https://localhost:8443",)
    recipients: tuple[Text, ...] = ()
    skew_seconds: Annotated[int, Field(ge=0, le=300, strict=True)] = 60
    max_life_seconds: Life = 600
    authn_classes: tuple[Text, ...] = ()
    key_bound_roles: tuple[CodedRole, ...] = ()
    decryption_key: FilePath | None = None
    scope_status: Literal[401, 403] = 403
    issuers: tuple[Issuer, ...] = ()
    test_issuer_key: FilePath | None = None
    test_issuer_certificate: FilePath | None = None
