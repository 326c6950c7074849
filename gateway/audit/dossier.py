"""The dossier of one exchange: everything the trail knows about it, as data that a program can check again.

Rows with their audit message, signed evidence and decision; their places in the tree with the checkpoint that
covers them (RFC 6962). For people it is written by `gateway.audit.dossierpaper`.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson

from gateway.audit.export import row_content
from gateway.audit.record import instant
from gateway.audit.rows import StoredRow, leaf_of
from gateway.record.events import AuditRecord

VERSION = 1
MEDIA_TYPE = "application/json"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, or one document, with its outcome in words."""

    name: str
    outcome: str
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision: what was asked for whom, and each rule in its order."""

    action: str
    permitted: bool
    reason: str
    rule: str
    policy: str
    rules: tuple[Rule, ...]
    documents: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a row stands in the tree of the proof, and the nodes that lead from it to the root."""

    position: int
    leaf: bytes
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What all rows hang on: a checkpoint, the stamp over it, and who signed it beside us.

    `data` is the evidence of the exchange as `gateway.audit.proof` writes it; `fault` why it does not hold.
    """

    size: int
    note: str
    stamped: datetime | None
    witnesses: tuple[str, ...]
    data: bytes
    fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One row. `fields` are those of its evidence; `fault` is why the evidence does not stand for it."""

    row: StoredRow
    record: AuditRecord
    fields: Mapping[str, object]
    fault: str | None
    standing: Standing | None = None

    @property
    def sealed(self) -> bool:
        """Whether the row is the one that was sealed at its place."""
        return self.standing is not None and self.standing.leaf == leaf_of(self.row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """The exchange. `subjects` name certificates by fingerprint (SHA-256, hex), as far as they are known.

    `certificates` (DER) may have signed the evidence. `unexplained` says why decisions are not told rule by
    rule, where they are not. `proof` is None until all rows are sealed.
    """

    trace_id: str
    origin: str
    environment: str
    made: datetime
    made_by: str
    told: tuple[Told, ...]
    decisions: tuple[Decided, ...] = ()
    unexplained: str = ""
    subjects: Mapping[str, str]
    certificates: Sequence[bytes] = ()
    proof: Proof | None = None


def machine_form(dossier: Dossier) -> bytes:
    """The dossier as JSON; the same dossier gives the same bytes."""
    content = {
        "type": "passerelle-dossier",
        "version": VERSION,
        "trace_id": dossier.trace_id,
        "origin": dossier.origin,
        "environment": dossier.environment,
        "made": instant(dossier.made),
        "made_by": dossier.made_by,
        "rows": [_told(each) for each in dossier.told],
        "decisions": [_decided(each) for each in dossier.decisions],
        "unexplained": dossier.unexplained or None,
        "subjects": dict(dossier.subjects),
        "certificates": [_base64(each) for each in dossier.certificates],
        "proof": None if dossier.proof is None else orjson.Fragment(dossier.proof.data),
    }
    return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def _told(told: Told) -> dict[str, object]:
    receipt = told.row.decision
    return {
        "row": row_content(told.row),
        "evidence": dict(told.fields),
        "evidence_fault": told.fault,
        "decision": None if receipt is None else orjson.Fragment(receipt.encode("utf-8", "replace")),
        "place": None if told.standing is None else _standing(told.standing),
    }


def _standing(standing: Standing) -> dict[str, object]:
    return {"position": standing.position, "leaf": standing.leaf.hex(), "path": list(standing.path)}


def _decided(decided: Decided) -> dict[str, object]:
    return {
        "action": decided.action,
        "permitted": decided.permitted,
        "reason": decided.reason,
        "rule": decided.rule,
        "policy": decided.policy,
        "rules": [_rule(each) for each in decided.rules],
        "documents": [_rule(each) for each in decided.documents],
    }


def _rule(rule: Rule) -> dict[str, str]:
    return {"name": rule.name, "outcome": rule.outcome, "why": rule.why}


def _base64(data: bytes) -> str:
    return b64encode(data).decode("ascii")
