"""ITI-71 Get Access Token, first step of the authorization code grant (IUA 2:3.71.4.1.2.2, RFC 6749 4.1.1).

The person comes by the browser, with the own certificate. What is answered goes to the client by redirect.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.bindings.oauthfault import refusal_reply
from gateway.declare.actions import Action
from gateway.declare.bindings import Oauth, OauthReply, OauthRequest
from gateway.declare.events import authentication_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.tokens.asked import Asked, asked_by
from gateway.tokens.service import Caller, Waiting
from profiles.iua.errors import invalid, required, told

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_LONGEST_STATE = 1024
_KEPT = ("scope", "resource", "emergency_reason", "on_behalf_of")
"""What the token will be for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """Which client asks for what, as written and as read; where the answer goes, if it says so."""

    client: str
    redirect: str | None
    challenge: str
    given: Mapping[str, str]
    asked: Asked
    text: bytes


@dataclass(frozen=True, kw_only=True)
class AuthorizationResponse(Answer):
    """A code for the client."""

    code: str


def decode(payload: OauthRequest, domain: Domain) -> AuthorizationRequest:  # noqa: ARG001 - the shape of a codec
    """response_type=code with PKCE by S256 and a state; everything else is refused."""
    given = payload.parameters
    if required(given, "response_type") != "code":
        raise Refused(Problem(Meaning.NOT_SUPPORTED, "response_type must be code", "response_type"))
    client = required(given, "client_id")
    if len(required(given, "state")) > _LONGEST_STATE:
        raise invalid(f"state is longer than {_LONGEST_STATE} characters", "state")
    if given.get("code_challenge_method") != "S256":
        raise invalid("code_challenge_method must be S256", "code_challenge_method")
    if not _CHALLENGE.fullmatch(required(given, "code_challenge")):
        raise invalid("code_challenge is no SHA-256 in base64url", "code_challenge")
    return AuthorizationRequest(
        client=client,
        redirect=given.get("redirect_uri"),
        challenge=given["code_challenge"],
        given={name: given[name] for name in _KEPT if name in given},
        asked=asked_by(given),
        text=told(payload),
    )


def encode(response: AuthorizationResponse, domain: Domain) -> OauthReply:  # noqa: ARG001 - the shape of a codec
    """Parameters of the redirect."""
    return OauthReply(200, {"code": response.code})


def target(request: AuthorizationRequest) -> Target:
    """The URL, and the patient that the token is to be for."""
    patient = request.asked.patient
    return Target(patients=(patient,) if patient else (), query=QueryText("/oauth2/authorize", request.text))


async def handle(call: Call[AuthorizationRequest], services: Services) -> AuthorizationResponse:
    """A code, once it is clear that client and person have what is asked for."""
    request, tokens = call.request, services.access.tokens
    client = tokens.clients.named(request.client)
    address = tokens.redirect({"client_id": request.client, "redirect_uri": request.redirect or ""})
    if client is None or address is None:
        raise invalid("client_id is no client here, or redirect_uri is not one of its own", "redirect_uri")
    caller = Caller(node=client, certificate=b"", person=call.principal.subject)
    await tokens.person(caller, request.asked)
    tokens.transactions(client, request.asked)
    if "resource" in request.given:
        tokens.audience(request.given["resource"])
    waiting = Waiting(
        client=client.name,
        redirect=address,
        named=request.redirect is not None,
        challenge=request.challenge,
        person=call.principal.subject,
        given=request.given,
    )
    return AuthorizationResponse(code=tokens.code(call.work, waiting, call.at))


TRANSACTION: Transaction[AuthorizationRequest, AuthorizationResponse] = Transaction(
    code="ITI-71",
    title="Get Access Token: authorize",
    section="IUA 2:3.71",
    actors=Actors("Authorization Client", "Authorization Server"),
    binding=Oauth(method="GET", path="/oauth2/authorize"),
    action=Action.TOKEN_ISSUE,
    audit=authentication_event("ITI-71", "User Authorization", "IHE"),
    codec=Codec(decode=decode, encode=encode, refuse=refusal_reply),
    target=target,
    handle=handle,
    logs_in=True,
)
