"""ITI-103 Get Authorization Server Metadata (IUA 2:3.103, RFC 8414), and our public keys (RFC 7517)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.bindings.oauthfault import refusal_reply
from gateway.declare.actions import Action
from gateway.declare.bindings import Oauth, OauthReply, OauthRequest
from gateway.declare.events import EventAction, rest_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.record.domain import Domain
from gateway.tokens.service import TokenService
from profiles.iua.iti71_get_access_token import GRANTS

METADATA, KEYS = "/.well-known/oauth-authorization-server", "/oauth2/jwks"


@dataclass(frozen=True, slots=True)
class MetadataRequest:
    """One of the two documents, by its path."""

    path: str


@dataclass(frozen=True, kw_only=True)
class Metadata(Answer):
    """A document of JSON."""

    document: Mapping[str, Any] = field(default_factory=dict)


def decode(payload: OauthRequest, domain: Domain) -> MetadataRequest:  # noqa: ARG001 - the shape of a codec
    """Nothing is asked but the path."""
    return MetadataRequest(payload.path)


def encode(response: Metadata, domain: Domain) -> OauthReply:  # noqa: ARG001 - the shape of a codec
    """JSON."""
    return OauthReply(200, response.document)


def target(request: MetadataRequest) -> Target:
    """No record; the audit tells which document was asked for."""
    return Target(query=QueryText(request.path, request.path.encode()))


def metadata_of(tokens: TokenService) -> dict[str, Any]:
    """What this authorization server is and can do."""
    issuer = tokens.terms.issuer
    by_certificate = ["tls_client_auth"]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{issuer}/oauth2/token",
        "jwks_uri": f"{issuer}{KEYS}",
        "introspection_endpoint": f"{issuer}/oauth2/introspect",
        "scopes_supported": sorted(tokens.openable),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": by_certificate,
        "introspection_endpoint_auth_methods_supported": [*by_certificate, "Bearer"],
        "tls_client_certificate_bound_access_tokens": True,
        "authorization_response_iss_parameter_supported": True,
        "access_token_format": "ihe-jwt",
    }


def _transaction(
    path: str, title: str, document: Callable[[TokenService], dict[str, Any]]
) -> Transaction[MetadataRequest, Metadata]:
    async def handle(call: Call[MetadataRequest], services: Services) -> Metadata:  # noqa: ARG001
        return Metadata(document=document(services.access.tokens))

    return Transaction(
        code="ITI-103",
        title=title,
        section="IUA 2:3.103",
        actors=Actors("Authorization Client", "Authorization Server"),
        binding=Oauth(method="GET", path=path),
        action=Action.METADATA_READ,
        audit=rest_event("ITI-103", "Get Authorization Server Metadata", EventAction.READ),
        codec=Codec(decode=decode, encode=encode, refuse=refusal_reply),
        target=target,
        handle=handle,
    )


TRANSACTIONS = (
    _transaction(METADATA, "Get Authorization Server Metadata", metadata_of),
    _transaction(KEYS, "Get Authorization Server Metadata: keys", TokenService.key_set),
)
