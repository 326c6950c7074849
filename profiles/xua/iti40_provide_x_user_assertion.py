"""ITI-40 Provide X-User Assertion, the assertion provider: WS-Trust 1.3 Issue (ITI TF-2 3.40, TF-1 13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from gateway.declare.actions import Action
from gateway.declare.bindings import Soap, SoapPayload, SoapReply
from gateway.declare.events import authentication_event
from gateway.declare.services import Services
from gateway.declare.transaction import Actors, Answer, Call, Codec, QueryText, Target, Transaction
from gateway.errors import Defect, Meaning, Problem, Refused
from gateway.record.domain import Domain
from gateway.tokens.asked import scope_of
from gateway.tokens.assertion import Contents
from gateway.tokens.service import Caller
from profiles.xua.codes import ANSWER, ASKED, ISSUED, REQUEST, WST
from profiles.xua.wire.trust import Request, read_request, refuse, write_answer


@dataclass(frozen=True, kw_only=True)
class Issued(Answer):
    """An assertion, signed and canonical, and what it says."""

    assertion: bytes
    contents: Contents
    identifier: str
    context: str | None


def decode(payload: SoapPayload, domain: Domain) -> Request:  # noqa: ARG001 - the shape of a codec
    """A RequestSecurityToken."""
    return read_request(payload.element)


def encode(response: Issued, domain: Domain) -> SoapReply:  # noqa: ARG001 - the shape of a codec
    """RequestSecurityTokenResponseCollection."""
    told = response.contents
    return write_answer(
        response.assertion,
        response.identifier,
        told.audience,
        bearer=told.confirmation is None,
        context=response.context,
        start=told.now,
        end=told.now + timedelta(seconds=told.life),
    )


def target(request: Request) -> Target:
    """What is asked for, and the patient that the assertion is to be for."""
    patient = request.asked.patient
    text = f"{request.applies_to or ''}?{scope_of(request.asked)}"
    return Target(patients=(patient,) if patient else (), query=QueryText(ASKED, text.encode()))


async def handle(call: Call[Request], services: Services) -> Issued:
    """An assertion bound to the key of the node's TLS certificate, unless the node may use bearer ones."""
    request = call.request
    if call.node is None or call.certificate is None:
        raise Defect("an assertion needs a node and its certificate")
    if request.bearer and not call.node.bearer_allowed:
        text = "this node gets no bearer assertions"
        raise Refused(Problem(Meaning.LOCAL_POLICY, text, "KeyType"))
    caller = Caller(
        node=call.node,
        certificate=call.certificate,
        person=call.principal.subject,
        authenticated=call.principal.authenticated,
    )
    tokens = services.access.tokens
    issued = await tokens.assertion(
        call.work, caller, request.asked, request.applies_to, bearer=request.bearer, now=call.at
    )
    return Issued(
        assertion=issued.text, contents=issued.contents, identifier=issued.identifier, context=request.context
    )


TRANSACTION: Transaction[Request, Issued] = Transaction(
    code="ITI-40",
    title="Provide X-User Assertion",
    section="ITI TF-2: 3.40",
    actors=Actors("X-Service User", "X-Assertion Provider"),
    binding=Soap(
        action=ASKED, response_action=ISSUED, mtom=False, request=REQUEST, response=ANSWER, namespace=WST
    ),
    action=Action.TOKEN_ISSUE,
    audit=authentication_event("ITI-40", "Provide X-User Assertion"),
    codec=Codec(decode=decode, encode=encode, refuse=refuse),
    target=target,
    handle=handle,
    logs_in=True,
)
