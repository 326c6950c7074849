"""ITI-102 Introspect Token (IUA 2:3.102, RFC 7662): whether a token of ours is in force, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.declare.actions import Action
from gateway.declare.bindings import Oauth, OauthReply, OauthRequest
from gateway.declare.events import authentication_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from profiles.iua.errors import refuse, required, told


@dataclass(frozen=True, slots=True)
class IntrospectionRequest:
    """A token, the token of who asks, if it came with one, and the URL for the audit."""

    token: str
    bearer: str | None
    text: bytes


@dataclass(frozen=True, kw_only=True)
class IntrospectionResponse(Answer):
    """The claims of an active token; None for any other."""

    claims: Mapping[str, Any] | None


def decode(payload: OauthRequest, domain: Domain) -> IntrospectionRequest:  # noqa: ARG001 - the shape of a codec
    """The parameter `token`; a hint of its kind makes no difference."""
    return IntrospectionRequest(required(payload.parameters, "token"), payload.bearer, told(payload))


def encode(response: IntrospectionResponse, domain: Domain) -> OauthReply:  # noqa: ARG001 - the shape of a codec
    """`active` alone, or with all claims."""
    if response.claims is None:
        return OauthReply(200, {"active": False})
    return OauthReply(200, {"active": True, "token_type": "Bearer", **response.claims})


def target(request: IntrospectionRequest) -> Target:
    """The URL; never the token."""
    return Target(query=QueryText("/oauth2/introspect", request.text))


async def handle(call: Call[IntrospectionRequest], services: Services) -> IntrospectionResponse:
    """Who comes with a token must have one that is active, and its own."""
    tokens, request = services.access.tokens, call.request
    if request.bearer is not None:
        own = await tokens.active(request.bearer, call.at)
        if own is None or call.node is None or own["client_id"] != call.node.name:
            raise Refused(
                Problem(Meaning.CLIENT_REFUSED, "the Bearer token is not accepted", "Authorization")
            )
    return IntrospectionResponse(claims=await tokens.active(request.token, call.at))


TRANSACTION: Transaction[IntrospectionRequest, IntrospectionResponse] = Transaction(
    code="ITI-102",
    title="Introspect Token",
    section="IUA 2:3.102",
    actors=Actors("Resource Server", "Authorization Server"),
    binding=Oauth(method="POST", path="/oauth2/introspect"),
    action=Action.TOKEN_ISSUE,
    audit=authentication_event("ITI-102", "Introspect Token"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
    logs_in=True,
)
