"""How an event is kept: its audit message, the evidence of its exchange, the decision receipt, as one row."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import NamedTuple

from gateway.audit.evidence import EvidenceRecord, digest_of, seal_evidence
from gateway.audit.record import AuditFacts, audit_message
from gateway.crypto.keys import fingerprint
from gateway.pipeline.engine import Engine
from gateway.pipeline.verdict import Verdict
from gateway.record.people import Principal
from gateway.stores.journal import AuditRow
from gateway.stores.work import UnitOfWork

_NOTHING = hashlib.sha256(b"").digest()


class Circumstances(NamedTuple):
    """What the evidence says beside the event. Digests are raw SHA-256; None is unknown or absent.

    `reply_to` is where the reply goes, if not back on the connection.
    """

    node: str
    node_certificate: bytes | None = None
    transaction: str = "-"
    request: bytes = _NOTHING
    reply: bytes | None = None
    principal: Principal | None = None
    verdict: Verdict | None = None
    reply_to: str | None = None


def keep(facts: AuditFacts, about: Circumstances, trace_id: str, engine: Engine, work: UnitOfWork) -> int:
    """Notes the audit row of an event in a unit of work; gives its id."""
    message, outcome = audit_message(facts), facts.outcome._value_
    decision = about.verdict.receipt() if about.verdict is not None else None
    sealed = seal_evidence(_evidence(facts, about, trace_id, message, decision, engine), engine.signer)
    row = AuditRow(
        trace_id=trace_id,
        at=facts.at,
        transaction=about.transaction,
        outcome=outcome,
        message=message,
        evidence=sealed.text,
        evidence_signature=sealed.signature,
        decision=decision,
    )
    return engine.journal.append(work, row)


@lru_cache(maxsize=256)
def _name(certificate: bytes) -> str:
    """The fingerprint of a partner's certificate, remembered for the requests of one connection."""
    return fingerprint(certificate)


def _evidence(
    facts: AuditFacts,
    about: Circumstances,
    trace_id: str,
    message: str,
    decision: str | None,
    engine: Engine,
) -> EvidenceRecord:
    certificate, principal = about.node_certificate, about.principal
    leading = about.verdict.leading if about.verdict is not None else None
    return EvidenceRecord(
        trace_id=trace_id,
        at=facts.at,
        environment=engine.services.domain.environment,
        node=about.node,
        node_certificate_sha256=_name(certificate) if certificate else None,
        transaction=about.transaction,
        request_sha256=about.request,
        reply_sha256=about.reply,
        token_sha256=principal.token_digest if principal else None,
        token_id=principal.token_id if principal else None,
        subject=principal.subject if principal else None,
        reason=leading.reason if leading else None,
        rule=leading.rule if leading else None,
        policy_version=leading.policy_version if leading else None,
        decision_sha256=digest_of(decision) if decision is not None else None,
        outcome=facts.outcome._value_,
        audit_sha256=digest_of(message),
        reply_to=about.reply_to,
    )
