"""Gathers the dossier of one exchange from a database, with a trail of its own (ITI-20, Audit Log Used)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy.engine import Row

from gateway.audit.checkpoint import read as read_checkpoint
from gateway.audit.dossier import Decided, Dossier, Proof, Rule, Standing, Told
from gateway.audit.evidence import load_certificate, read
from gateway.audit.proof import verify_proof
from gateway.audit.rows import StoredRow
from gateway.audit.verify import row_fault
from gateway.cli.explaining import explained_of
from gateway.cli.exporting import prove_exchange
from gateway.cli.policyroom import PolicyRoom
from gateway.cli.trail import Ledger, origin_of
from gateway.config import Settings, load_node
from gateway.crypto.keys import fingerprint, load_certificates
from gateway.errors import GatewayError, SettingsInvalid
from gateway.identity.operators import Operator
from gateway.pipeline.trailuse import tell_used
from gateway.policy.explain import Explanation
from gateway.stores.retention import Leaf
from gateway.trail.dicom import read_message


async def dossier_of(room: PolicyRoom, trace: str, operator: Operator) -> Dossier:
    """The dossier; SettingsInvalid when nothing is known under the trace. That it was made is audited."""
    gateway, engine = room.gateway, room.gateway.engine
    rows = sorted(await engine.journal.trace(trace), key=lambda row: row.id)
    if not rows:
        raise SettingsInvalid(f"there is no exchange under the trace {trace}")
    settings, now = gateway.settings, engine.clock()
    ledger = Ledger.of(settings, gateway.database)
    certificates = await ledger.certificates()
    leaves = await ledger.retention.leaves([row.id for row in rows])
    proof = await _proof(settings, trace) if len(leaves) == len(rows) else None
    told = tuple(_told(row, leaves.get(row.id), proof, certificates) for row in rows)
    decisions, unexplained = await _decisions(room, trace, told, operator)
    await tell_used(f"dossier of {trace}", operator.id, origin_of(settings), engine)
    return Dossier(
        trace_id=trace,
        origin=origin_of(settings),
        environment=settings.environment,
        made=now,
        made_by=operator.id,
        told=told,
        decisions=decisions,
        unexplained=unexplained,
        subjects=_subjects([*certificates, *_of_nodes(settings)]),
        certificates=certificates,
        proof=proof,
    )


def _told(row: Row[Any], leaf: Leaf | None, proof: Proof | None, certificates: Sequence[bytes]) -> Told:
    found = StoredRow(**{name: getattr(row, name) for name in StoredRow.__dataclass_fields__})
    paths = {} if proof is None else _paths(proof)
    standing = None if leaf is None else Standing(leaf.position, leaf.leaf, paths.get(leaf.position, ()))
    return Told(
        row=found,
        record=read_message(found.message.encode()),
        fields=read(found.evidence.encode()),
        fault=row_fault(found, {fingerprint(each): each for each in certificates}),
        standing=standing,
    )


async def _proof(settings: Settings, trace: str) -> Proof:
    """The evidence of the exchange, checked as whoever gets it will check it."""
    data = await prove_exchange(settings, trace)
    fields = orjson.loads(data)
    stamped, fault = None, None
    try:
        stamped = verify_proof(data).stamped
    except GatewayError as error:
        fault = error.detail
    return Proof(
        size=read_checkpoint(fields["checkpoint"]).size,
        note=fields["checkpoint"],
        stamped=stamped,
        witnesses=tuple(each.split(" ")[1] for each in fields["cosignatures"]),
        data=data,
        fault=fault,
    )


def _paths(proof: Proof) -> dict[int, tuple[str, ...]]:
    """The nodes of each path by the position of its row, with their sides."""
    rows = orjson.loads(proof.data)["rows"]
    return {
        each["position"]: tuple(f"{step['side']} {step['hash']}" for step in each["path"]) for each in rows
    }


async def _decisions(
    room: PolicyRoom, trace: str, told: Sequence[Told], operator: Operator
) -> tuple[tuple[Decided, ...], str]:
    """Each decision rule by rule, or why that cannot be told; the machine form has the receipts anyway."""
    if not any(each.row.decision for each in told):
        return (), "No rule was asked: the exchange ended before, or it needs no decision about a record."
    try:
        found = await explained_of(room, trace, (), operator.id)
    except GatewayError as error:
        return (), f"The decision cannot be explained rule by rule any more: {error.detail}."
    return tuple(_decided(each) for each in found), ""


def _decided(found: Explanation) -> Decided:
    decision = found.decision
    return Decided(
        action=found.action,
        permitted=decision.permitted,
        reason=decision.reason,
        rule=decision.rule,
        policy=decision.policy_version,
        rules=tuple(Rule(each.rule, each.outcome, each.why) for each in found.rules),
        documents=tuple(Rule(each.rule, each.outcome, each.why) for each in found.documents),
    )


def _subjects(ders: Sequence[bytes]) -> Mapping[str, str]:
    return {fingerprint(each): load_certificate(each).subject.rfc4514_string() for each in ders}


def _of_nodes(settings: Settings) -> Iterator[bytes]:
    """The certificates of the enrolled nodes, also of blocked ones."""
    for path in sorted(settings.nodes.directory.glob("*.toml")):
        file = load_node(path)
        if file.certificate is not None:
            yield from _ders(file.certificate)


def _ders(path: Path) -> list[bytes]:
    found: list[x509.Certificate] = load_certificates(path.read_bytes())
    return [each.public_bytes(Encoding.DER) for each in found]
