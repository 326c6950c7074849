"""ITI-71 Get Access Token (IUA 2:3.71): the token endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.declare.actions import Action
from gateway.declare.bindings import Oauth, OauthReply, OauthRequest
from gateway.declare.events import authentication_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Defect, Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.record.people import SubjectKind
from gateway.tokens.asked import Asked, asked_by
from gateway.tokens.service import AccessToken, Caller, refused_code
from profiles.iua.errors import invalid, refuse, required, told

CLIENT_CREDENTIALS = "client_credentials"
AUTHORIZATION_CODE = "authorization_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANTS = (AUTHORIZATION_CODE, CLIENT_CREDENTIALS, JWT_BEARER)
TOKEN_TYPES = frozenset(
    {"urn:ietf:params:oauth:token-type:jwt", "urn:ietf:params:oauth:token-type:access-token"}
    | {"urn:ietf:params:oauth:token-type:access_token"}
)
"""IUA writes access-token, RFC 8693 access_token."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A grant with what is asked for. Of a code, scope and resource are those of its authorization."""

    grant: str
    given: Mapping[str, str]
    asked: Asked
    resource: str | None
    text: bytes


@dataclass(frozen=True, kw_only=True)
class TokenResponse(Answer):
    """An access token, bound to the certificate of the client."""

    issued: AccessToken


def decode(payload: OauthRequest, domain: Domain) -> TokenRequest:  # noqa: ARG001 - the shape of a codec
    """Grant and scope; invalid_request, unsupported_grant_type or invalid_scope."""
    given = payload.parameters
    grant = required(given, "grant_type")
    if grant not in GRANTS:
        raise Refused(Problem(Meaning.GRANT_UNSUPPORTED, "this grant is not given here", "grant_type"))
    for name in {AUTHORIZATION_CODE: ("code", "code_verifier"), JWT_BEARER: ("assertion",)}.get(grant, ()):
        required(given, name)
    if given.get("requested_token_type", next(iter(TOKEN_TYPES))) not in TOKEN_TYPES:
        raise invalid("only JWT access tokens are issued", "requested_token_type")
    return TokenRequest(grant, given, asked_by(given), given.get("resource"), told(payload))


def encode(response: TokenResponse, domain: Domain) -> OauthReply:  # noqa: ARG001 - the shape of a codec
    """RFC 6749 5.1; the scope says what was granted."""
    issued = response.issued
    members = {
        "access_token": issued.token,
        "token_type": "Bearer",
        "expires_in": issued.life,
        "scope": issued.scope,
    }
    return OauthReply(200, members)


def target(request: TokenRequest) -> Target:
    """The URL, and the patient that the token is to be for."""
    patient = request.asked.patient
    return Target(patients=(patient,) if patient else (), query=QueryText("/oauth2/token", request.text))


async def handle(call: Call[TokenRequest], services: Services) -> TokenResponse:
    """The token of the grant. A code is used up in the same transaction."""
    request, tokens = call.request, services.access.tokens
    if call.node is None or call.certificate is None:
        raise Defect("a token needs a client and its certificate")
    asked, resource = request.asked, request.resource
    if request.grant == AUTHORIZATION_CODE:
        waiting = await tokens.waiting(request.given["code"], call.at)
        if waiting is None or waiting.person != call.principal.subject:
            raise refused_code()
        tokens.use(call.work, request.given["code"], waiting, request.given, call.node.name)
        asked, resource = asked_by(waiting.given), waiting.given.get("resource")
    person = call.principal.subject if call.principal.kind is SubjectKind.PROFESSIONAL else None
    caller = Caller(node=call.node, certificate=call.certificate, person=person)
    return TokenResponse(issued=await tokens.access(call.work, caller, asked, resource, call.at))


TRANSACTION: Transaction[TokenRequest, TokenResponse] = Transaction(
    code="ITI-71",
    title="Get Access Token",
    section="IUA 2:3.71",
    actors=Actors("Authorization Client", "Authorization Server"),
    binding=Oauth(method="POST", path="/oauth2/token"),
    action=Action.TOKEN_ISSUE,
    audit=authentication_event("ITI-71", "User Authorization", "IHE"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
    logs_in=True,
)
