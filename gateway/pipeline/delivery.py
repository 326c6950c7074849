"""Tells the audit what became of a reply that left later: taken, shown to a stranger, given up (ITI-20)."""

from __future__ import annotations

import hashlib
from urllib.parse import urlsplit

from gateway.audit.alerts import reply_delivered, security_alert
from gateway.audit.record import AuditFacts, Participant
from gateway.declare import events
from gateway.declare.events import Outcome
from gateway.pipeline.engine import Engine
from gateway.pipeline.keeping import Circumstances, keep
from gateway.record.people import Code
from gateway.stores.outbox import Claimed
from gateway.stores.work import UnitOfWork


def tell_delivered(reply: Claimed, sent: bytes, certificate: bytes, engine: Engine, work: UnitOfWork) -> int:
    """Notes the audit row of a reply that was taken; its evidence has the octets as they left."""
    facts = reply_delivered(
        at=engine.clock(),
        here=engine.here,
        peer=_peer(reply),
        audit_source=engine.audit_source,
        trace_id=reply.trace_id,
    )
    return _keep(reply, facts, engine, work, certificate=certificate, sent=sent)


def tell_impostor(reply: Claimed, reason: str, engine: Engine, work: UnitOfWork) -> int:
    """Notes an alert: who answered at the address is not the node. Nothing was sent."""
    return _keep(reply, _alert(reply, events.NODE_AUTHENTICATION, reason, engine), engine, work)


def tell_given_up(reply: Claimed, engine: Engine, work: UnitOfWork) -> int:
    """Notes an alert: the reply was not taken in its time and is dropped."""
    reason = f"the reply to {reply.transaction} was given up after {reply.attempts - 1} attempts"
    return _keep(reply, _alert(reply, events.REPLY_GIVEN_UP, reason, engine), engine, work)


def _alert(reply: Claimed, kind: Code, reason: str, engine: Engine) -> AuditFacts:
    return security_alert(
        kind,
        at=engine.clock(),
        outcome=Outcome.SERIOUS_FAILURE,
        peer=_peer(reply),
        here=engine.here,
        audit_source=engine.audit_source,
        description=f"{reply.address}: {reason}",
        trace_id=reply.trace_id,
    )


def _peer(reply: Claimed) -> Participant:
    return Participant(reply.node, urlsplit(reply.address).hostname or "unknown")


def _keep(
    reply: Claimed,
    facts: AuditFacts,
    engine: Engine,
    work: UnitOfWork,
    *,
    certificate: bytes | None = None,
    sent: bytes | None = None,
) -> int:
    about = Circumstances(
        node=reply.node,
        node_certificate=certificate,
        transaction=reply.transaction,
        reply=hashlib.sha256(sent).digest() if sent is not None else None,
        reply_to=reply.address,
    )
    return keep(facts, about, reply.trace_id, engine, work)
