"""Tells the audit what happened: the event of the transaction, its decision and its evidence (ITI-20)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.audit.alerts import security_alert, user_authentication
from gateway.audit.objects import (
    decision_object,
    deed_object,
    document_object,
    patient_object,
)
from gateway.audit.record import AuditFacts, Participant, human_of
from gateway.declare import events
from gateway.declare.events import EventAction, Outcome
from gateway.declare.transaction import Answer, AnyTransaction, Target
from gateway.errors import (
    ActionMismatch,
    AlgorithmRefused,
    Denied,
    GatewayError,
    KeyNotHeld,
    KeyUnreadable,
    Malformed,
    Meaning,
    MediaTypeUnsupported,
    MessageStale,
    NodeNotPermitted,
    NodeRefused,
    OtherPatient,
    PrivateKeySent,
    Refused,
    ReplyAddressRefused,
    SecurityHeaderInvalid,
    SignatureBroken,
    SignerRefused,
    TokenAbused,
    TokenInvalid,
    TokenMissing,
    TokenUnsupported,
    TooComplex,
    TooLarge,
)
from gateway.pipeline.about import objects_of
from gateway.pipeline.engine import Engine
from gateway.pipeline.exchange import Exchange
from gateway.pipeline.keeping import Circumstances, keep
from gateway.pipeline.repeated import Repeated
from gateway.pipeline.verdict import Verdict
from gateway.record.people import Code, Principal, SubjectKind
from gateway.stores.work import UnitOfWork

_NODE_FAILURES = (NodeRefused, NodeNotPermitted)
_USER_FAILURES = (TokenInvalid, TokenMissing, TokenUnsupported, SignerRefused)
_MESSAGE_FAILURES = (
    ActionMismatch,
    AlgorithmRefused,
    KeyNotHeld,
    Malformed,
    MediaTypeUnsupported,
    MessageStale,
    SecurityHeaderInvalid,
    SignatureBroken,
    TokenAbused,
)
_ABUSE = (TooLarge, TooComplex)
_SERIOUS = frozenset(
    {
        Meaning.DUPLICATE_IN_MESSAGE,
        Meaning.MISSING_DOCUMENT,
        Meaning.MISSING_METADATA,
        Meaning.PATIENT_MISMATCH,
    }
)
"""What a request could not mean by mistake of form alone, though it is seen while the request is read."""
_MINOR = frozenset({Meaning.TOO_MANY_RESULTS, Meaning.TOO_WIDE, Meaning.UNKNOWN_PATIENT})
"""What the caller can put right, though it is seen after the request was read."""


def tell_success(x: Exchange, engine: Engine) -> tuple[int, ...]:
    """Notes the audit rows of an exchange that succeeds, in its own unit of work.

    A partly successful retrieve tells twice, of what was delivered and of what was not (ITI TF-2 3.43.5);
    a merge tells of the end of one identifier and the change of the other (ITI TF-2 3.8.5);
    a medium tells once for each patient, a batch once for each operation (HPD 3.59.5).
    """
    target, result = x.target, x.result
    facts = _transaction_facts(x, engine)
    told = _told_apart(facts, target, result)
    if result.problems:
        failed = frozenset(each.location for each in result.problems if not each.warning and each.location)
        if failed:
            told = list(_partial_facts(facts, failed))
        damaged = [each.context for each in result.problems if each.meaning is Meaning.UNREADABLE_DOCUMENT]
        told += [_alert(x, engine, events.CONTENT_UNREADABLE, text) for text in damaged[:1]]
    about = _circumstances(x, x.sealed.digest(), x.proven.reply_to, x.verdict)
    return tuple([keep(each, about, x.trace_id, engine, x.work) for each in told])


def tell_failure(
    x: Exchange, engine: Engine, work: UnitOfWork, error: Exception, reply: bytes, to: str | None
) -> int:
    """Notes the one audit row of an exchange that was refused; an alert beside it for a foreign address."""
    beside: list[AuditFacts] = []
    if isinstance(error, ReplyAddressRefused):
        # Somebody asked us to call an address that is not listed (server-side request forgery).
        text = f"{error.detail}: {error.address}"
        beside.append(_alert(x, engine, events.MESSAGE_SECURITY, text))
    if isinstance(error, PrivateKeySent):
        beside.append(_alert(x, engine, events.PRIVATE_KEY_SENT, error.detail))
    if isinstance(error, KeyUnreadable) or Meaning.UNREADABLE_DOCUMENT in _meanings(error):
        beside.append(_alert(x, engine, events.CONTENT_UNREADABLE, _described(error)))
    for facts in beside:
        keep(facts, _circumstances(x, reply, to, None), x.trace_id, engine, work)
    about = _circumstances(x, reply, to, x.known("verdict"))
    return keep(_failure_facts(x, engine, error), about, x.trace_id, engine, work)


# --- what is told --------------------------------------------------------------------------------


def _transaction_facts(x: Exchange, engine: Engine) -> AuditFacts:
    """The event of the transaction, of which at least this must be known, as a success."""
    known = x.written
    verdict: Verdict | None = known.get("verdict")
    principal: Principal | None = known.get("principal")
    transaction: AnyTransaction = known["transaction"]
    made: Answer | None = known.get("result")
    event = transaction.audit
    here, peer = engine.here, _peer(x, media=event.media)
    source, destination = (here, peer) if event.from_responder else (peer, here)
    human = principal if principal is not None and principal.kind is not SubjectKind.NODE else None
    emergency = verdict is not None and "audit-emergency" in verdict.leading.obligations
    return AuditFacts(
        event=event.received,
        type=event.type,
        action=(made.action if made is not None else None) or event.received_action,
        at=x.at,
        outcome=Outcome.SUCCESS,
        source=source,
        destination=destination,
        audit_source=engine.audit_source,
        objects=objects_of(transaction, known.get("target"), verdict, made),
        human=human_of(human) if human else None,
        purpose=human.purpose if human else None,
        more_types=(events.EMERGENCY_STARTED,) if emergency else (),
        trace_id=x.trace_id,
    )


def _peer(x: Exchange, *, media: Code | None = None) -> Participant:
    node, host = x.written.get("node"), x.raw.peer_host or "unknown"
    return Participant(node.name if node is not None else host, host, is_requestor=True, media=media)


def _told_apart(facts: AuditFacts, target: Target, result: Answer) -> list[AuditFacts]:
    """The messages of one exchange: a single one, but for merges, media and batches."""
    told = [facts]
    if target.merged:
        told = list(_merge_facts(facts, target))
    if result.sets:
        told = [each for one in told for each in _patient_facts(one, result)]
    if result.deeds:
        told = [each for one in told for each in _deed_facts(one, result)]
    return told


def _merge_facts(facts: AuditFacts, target: Target) -> Iterable[AuditFacts]:
    details = ((target.message_id_type, target.message_id),) if target.message_id else ()
    ended = tuple(patient_object(patient, details) for patient in target.merged)
    stays = tuple(patient_object(patient, details) for patient in target.patients)
    yield replace(facts, action=EventAction.DELETE, objects=ended)
    yield replace(facts, action=EventAction.UPDATE, objects=stays)


def _patient_facts(facts: AuditFacts, result: Answer) -> Iterable[AuditFacts]:
    """One message for each patient whose sets were on a medium (ITI TF-2 3.20.4.1)."""
    names = [{str(patient), name} for patient, name in result.sets]
    patients = dict.fromkeys(str(patient) for patient, _ in result.sets)
    for patient in patients:
        others = set().union(*names) - set().union(*(each for each in names if patient in each))
        yield replace(facts, objects=tuple(each for each in facts.objects if each.identifier not in others))


def _deed_facts(facts: AuditFacts, result: Answer) -> Iterable[AuditFacts]:
    """One message for each operation of a batch."""
    for deed in result.deeds:
        failed = deed.refused is not None
        yield replace(
            facts,
            action=deed.action,
            objects=(deed_object(deed),),
            outcome=Outcome.MINOR_FAILURE if failed else facts.outcome,
            description=deed.refused if failed else facts.description,
        )


def _partial_facts(facts: AuditFacts, failed: frozenset[str]) -> Iterable[AuditFacts]:
    delivered = tuple(each for each in facts.objects if each.identifier not in failed)
    missing = tuple(
        each for each in facts.objects if each.identifier in failed or each.id_type is not _REPORT
    )
    yield replace(facts, objects=delivered)
    yield replace(facts, objects=missing, outcome=Outcome.SERIOUS_FAILURE)


_REPORT = document_object("", None).id_type


def _failure_facts(x: Exchange, engine: Engine, error: Exception) -> AuditFacts:
    """A failed login, a security alert, or the transaction's own event with its failure."""
    transaction: AnyTransaction | None = x.known("transaction")
    kind = _alert_kind(x, error)
    if kind is None and isinstance(error, _USER_FAILURES) and x.known("target") is None:
        facts = user_authentication(
            events.LOGIN,
            at=x.at,
            outcome=Outcome.SERIOUS_FAILURE,
            peer=_peer(x),
            here=engine.here,
            audit_source=engine.audit_source,
        )
    elif kind is not None or transaction is None:
        minor = kind is None or isinstance(error, _ABUSE)
        facts = security_alert(
            kind or events.PROTOCOL_ABUSE,
            at=x.at,
            outcome=Outcome.MINOR_FAILURE if minor else Outcome.SERIOUS_FAILURE,
            peer=_peer(x),
            here=engine.here,
            audit_source=engine.audit_source,
            description=_described(error),
        )
    else:
        facts = _refused_transaction(x, engine, transaction, error)
    return replace(facts, description=_described(error), trace_id=x.trace_id)


def _alert(x: Exchange, engine: Engine, kind: Code, text: str) -> AuditFacts:
    """What stands beside the event of the exchange itself."""
    return security_alert(
        kind,
        at=x.at,
        outcome=Outcome.SERIOUS_FAILURE,
        peer=_peer(x),
        here=engine.here,
        audit_source=engine.audit_source,
        description=text,
        trace_id=x.trace_id,
    )


def _described(error: Exception) -> str:
    if isinstance(error, Repeated):
        return "repeated message; the first answer was given again"
    return error.detail if isinstance(error, GatewayError) else "internal error"


def _refused_transaction(
    x: Exchange, engine: Engine, transaction: AnyTransaction, error: Exception
) -> AuditFacts:
    facts = _transaction_facts(x, engine)
    objects = facts.objects
    if isinstance(error, OtherPatient):
        decision = decision_object("PATIENT_MISMATCH", "resource-id", engine.policies.current().version)
        objects += (decision,)
    if isinstance(error, Denied) and x.known("call") is not None:
        # Permitted as far as the request tells; what it would touch says no.
        version = engine.policies.current().version
        objects += (decision_object(error.reason, transaction.code, version),)
    return replace(facts, outcome=_outcome(x, error), objects=objects)


def _alert_kind(x: Exchange, error: Exception) -> Code | None:
    if isinstance(error, _NODE_FAILURES):
        return events.NODE_AUTHENTICATION
    replayed = x.known("proven") is None and _meanings(error) == {Meaning.DUPLICATE_KEY}
    if isinstance(error, _MESSAGE_FAILURES) or replayed:
        return events.MESSAGE_SECURITY
    if isinstance(error, SignerRefused) and x.known("proven") is None:
        # the signer of the message itself, not the issuer of an assertion
        return events.MESSAGE_SECURITY
    if isinstance(error, _ABUSE):
        return events.PROTOCOL_ABUSE
    return None


def _outcome(x: Exchange, error: Exception) -> Outcome:
    """A request that could not be read is a minor failure; one refused after that a serious one."""
    if isinstance(error, Repeated):
        return Outcome.SUCCESS
    meanings = _meanings(error)
    if meanings & _SERIOUS:
        return Outcome.SERIOUS_FAILURE
    if x.known("target") is None or (meanings and meanings <= _MINOR):
        return Outcome.MINOR_FAILURE
    return Outcome.SERIOUS_FAILURE


def _meanings(error: Exception) -> set[Meaning]:
    problems = error.problems if isinstance(error, Refused) else ()
    return {problem.meaning for problem in problems if not problem.warning}


# --- about what it is kept -----------------------------------------------------------------------


def _circumstances(x: Exchange, reply: bytes, to: str | None, verdict: Verdict | None) -> Circumstances:
    known = x.written
    node, transaction = known.get("node"), known.get("transaction")
    return Circumstances(
        node=node.name if node is not None else "unknown",
        node_certificate=x.raw.peer_certificate,
        transaction=transaction.code if transaction is not None else "-",
        request=x.raw.digest(),
        reply=reply,
        principal=known.get("principal"),
        verdict=verdict,
        reply_to=to,
    )


def tell_alone(facts: AuditFacts, engine: Engine, work: UnitOfWork) -> int:
    """Notes an audit row that belongs to no message: start, stop, failed handshakes."""
    about = Circumstances(node=facts.source.user_id)
    return keep(facts, about, facts.trace_id or engine.new_trace(), engine, work)
