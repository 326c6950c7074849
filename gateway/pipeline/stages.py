"""The eleven stages of every message, SOAP, FHIR or HL7 v2. STAGES is the only order there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from gateway.declare.bindings import Sealed
from gateway.declare.transaction import Call
from gateway.errors import (
    NodeNotPermitted,
    NodeRefused,
    SecurityHeaderInvalid,
    SignatureBroken,
    TokenAbused,
    TokenMissing,
)
from gateway.identity.jwt.scopes import check_scopes
from gateway.identity.systems import system_principal
from gateway.pipeline.announce import announce
from gateway.pipeline.authorize import decide, refuse_denied
from gateway.pipeline.emergencies import fulfil
from gateway.pipeline.engine import Engine, Stage
from gateway.pipeline.exchange import Exchange, Receipt
from gateway.pipeline.later import admit, leave, reply_address
from gateway.pipeline.repeated import Repeated
from gateway.pipeline.telling import tell_success
from gateway.record.people import Node, Principal, SubjectKind
from gateway.stores.content import LARGE

T = TypeVar("T")


async def admitted(certificate: bytes, host: str, at: datetime, engine: Engine) -> Node:
    """The enrolled node of a certificate; NodeRefused, also where it or its organisation is revoked."""
    node = engine.nodes.authenticate(certificate, host, at)
    (await engine.revocations.current(at)).check_node(node, at)
    return node


async def authenticate_node(x: Exchange, engine: Engine) -> None:
    """The TLS client certificate belongs to an enrolled node (ITI-19), or at a person's door to a person."""
    if x.raw.peer_certificate is None:
        raise NodeRefused("no client certificate was presented; expected that of an enrolled node")
    if x.form.admits_persons:
        x.node = await engine.logins.visitor(x.raw.peer_certificate, x.at)
        return
    x.node = await admitted(x.raw.peer_certificate, x.raw.peer_host, x.at, engine)


async def open_envelope(x: Exchange, engine: Engine) -> None:
    """Limits, well-formedness, headers; the payload stays unread."""
    x.envelope = await _aside(engine, x.raw.size, x.form.open, x.raw)


async def match_transaction(x: Exchange, engine: Engine) -> None:
    """The wire key names a declared transaction, which this node may call."""
    transaction = x.form.match(x.envelope, engine.catalogue)
    if transaction.twin is not None and not x.node.may_call(transaction.code):
        transaction = transaction.twin
    if not (transaction.action.of_server or x.node.may_call(transaction.code)):
        raise NodeNotPermitted(f"node {x.node.name} is not enrolled for {transaction.code}")
    x.transaction = transaction


async def verify_signature(x: Exchange, engine: Engine) -> None:
    """Signed where the node must sign, by the node itself, over what later stages read; never seen before.

    Only then its word counts on where the answer goes.
    """
    proven = await _aside(engine, x.raw.size, x.form.prove, x.envelope, x.node, x.begun)
    if x.form.signs_messages and x.node.must_sign and proven.certificate is None:
        raise SecurityHeaderInvalid("the message is not signed; this node must sign", location="Signature")
    if x.form.answers_again and proven.message_id is not None:
        await _answer_again(x, engine, proven.message_id, proven.digest)
    if proven.reply_to is not None or proven.fault_to is not None:
        await admit(proven, x.transaction, x.node, engine)
    x.proven = proven


async def _answer_again(x: Exchange, engine: Engine, message_id: str, digest: bytes) -> None:
    """A repeated message gets its first answer, if it is the same message and not only the same id.

    Where no answers are kept, the commit stage refuses the repetition: the id can be written once only.
    """
    seen = await engine.journal.seen(x.node.name, message_id)
    if seen is not None:
        first_digest, answer = seen
        raise Repeated(answer if first_digest == digest else None)


async def identify_user(x: Exchange, engine: Engine) -> None:
    """The person behind the call, by assertion or token; a system for itself where its entry allows it.

    Who asks for a token or an assertion is told by certificates and the directory. Roles and purposes are
    known by the policy: whoever is refused for them must not keep an old one in force.
    """
    await engine.policies.in_force()
    principal = await _logged_in(x, engine) if x.transaction.logs_in else _proved(x, engine)
    if principal is not None:
        (await engine.revocations.current(x.at)).check_principal(principal, x.at)
        if principal.one_time and await engine.journal.seen(principal.issuer, principal.token_id or ""):
            raise TokenAbused("the assertion was for one use and was used before", location="OneTimeUse")
    if (principal is None or principal.kind is SubjectKind.NODE) and _needs_person(x):
        raise TokenMissing("no user came with the message; this node must send an assertion or token of one")
    x.principal = principal or system_principal(x.node)


async def _logged_in(x: Exchange, engine: Engine) -> Principal:
    return await engine.logins.principal(x.proven, x.node, x.raw.peer_certificate or b"", x.begun)


def _proved(x: Exchange, engine: Engine) -> Principal | None:
    """Whom the assertion or token names; None without one."""
    proven = x.proven
    if proven.token is not None:
        return engine.tokens.read(
            proven.token,
            now=x.begun,
            tls_certificate=x.raw.peer_certificate,
            bearer_allowed=x.node.bearer_allowed,
        )
    if proven.assertion is not None:
        return engine.assertions.read(
            proven.assertion,
            now=x.begun,
            tls_certificate=x.raw.peer_certificate,
            signing_certificate=proven.certificate,
            bearer_allowed=x.node.bearer_allowed,
        )
    return None


def _needs_person(x: Exchange) -> bool:
    """Who asks for a token proves who it is in another way; audit records are told by systems."""
    action, carried = x.transaction.action, x.form.carries_assertions and not x.transaction.logs_in
    return carried and x.node.must_assert and not (action.of_server or action.of_systems)


async def decode_request(x: Exchange, engine: Engine) -> None:
    """Schema and the profile's rules; only what was proven is read, and nothing without room to audit it."""
    engine.room.check()
    request = x.transaction.codec.decode(x.proven.payload, engine.services.domain)
    x.request = request
    x.target = x.transaction.target(request)


async def authorize(x: Exchange, engine: Engine) -> None:
    """The rights decision, for what the token was granted; what it permits becomes the scope of the call."""
    engine.check_clock()
    check_scopes(x.principal, x.transaction)
    verdict = await decide(x.principal, x.transaction.action, x.target, engine, x.begun)
    x.verdict = verdict
    refuse_denied(verdict, x.transaction.action)
    x.call = Call(
        request=x.request,
        principal=x.principal,
        scope=verdict.scope,
        work=x.work,
        at=x.at,
        node=x.node,
        trace_id=x.trace_id,
        certificate=x.raw.peer_certificate,
    )


async def handle(x: Exchange, engine: Engine) -> None:
    """The transaction itself; it reads under the scope and notes what is to be written."""
    x.result = await x.transaction.handle(x.call, engine.services)


async def encode_reply(x: Exchange, engine: Engine) -> None:
    """The response in the words of its profile."""
    x.reply = x.transaction.codec.encode(x.result, engine.services.domain)


async def sign_reply(x: Exchange, engine: Engine) -> None:
    """The reply in its envelope, signed by us; its digest is taken for the evidence."""
    x.sealed = await _aside(engine, x.reply.size, _seal, x)


def _seal(x: Exchange) -> Sealed:
    sealed = x.form.seal(x.reply, x.transaction, x.envelope, x.at, x.trace_id, reply_address(x))
    return replace(sealed, sha256=sealed.digest())


async def commit(x: Exchange, engine: Engine) -> None:
    """Record, audit, evidence, replay memory, what leaves later: in one transaction, always last."""
    await conclude(x, engine, tell_success(x, engine))


async def conclude(x: Exchange, engine: Engine, audit_ids: tuple[int, ...]) -> None:
    """What the commit stage does beside the audit rows, which are noted before."""
    await announce(x.result.persons, engine, x.work, x.at, x.trace_id)
    await fulfil(x, engine)
    _remember_token(x, engine)
    if x.proven.message_id is not None:
        sealed = x.sealed
        engine.journal.remember(
            x.work,
            sender=x.node.name,
            message_id=x.proven.message_id,
            digest=x.proven.digest,
            expires=x.at + timedelta(seconds=_remembered(x, engine)),
            answer=b"".join(sealed.chunks()) if x.form.answers_again else None,
            otherwise=SignatureBroken("this message was received before (replay)", location="MessageID"),
        )
    answer = x.sealed
    if (address := reply_address(x)) is not None:
        engine.outbox.check_size(answer.size)
        answer = await leave(x, engine, x.work, answer, address)
    await engine.committer.commit(x.work)
    x.receipt = Receipt(audit_ids=audit_ids, sealed=answer)


def _remembered(x: Exchange, engine: Engine) -> float:
    """As long as a message could be taken once more: fresh when it begins to come in, and slow to come."""
    return engine.replay_seconds + (engine.arrival_seconds if x.form.carries_assertions else 0)


def _remember_token(x: Exchange, engine: Engine) -> None:
    """An assertion for one use is spent together with the effect it allowed."""
    principal = x.principal
    if not principal.one_time or principal.token_id is None:
        return
    engine.journal.remember(
        x.work,
        sender=principal.issuer,
        message_id=principal.token_id,
        digest=principal.token_digest or b"",
        expires=(principal.expires or x.at) + timedelta(seconds=_remembered(x, engine)),
        answer=None,
        otherwise=TokenAbused("the assertion was for one use and was used before", location="OneTimeUse"),
    )


async def _aside(engine: Engine, octets: int, function: Callable[..., T], *arguments: object) -> T:
    """What a function gives; called in a thread where it works on more octets than others should wait for."""
    if octets > LARGE:
        return await engine.heavy.do(function, *arguments)
    return function(*arguments)


STAGES: Final[Sequence[Stage]] = (
    authenticate_node,
    open_envelope,
    match_transaction,
    verify_signature,
    identify_user,
    decode_request,
    authorize,
    handle,
    encode_reply,
    sign_reply,
    commit,
)
