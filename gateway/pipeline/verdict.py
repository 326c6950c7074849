"""The decision on one request: what was asked of the rights engine, and the scope it gave."""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from gateway.record.access import Decision, Scope
from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True)
class Verdict:
    """Decisions by patient (None where the request concerns no record), documents hidden by P9, scope."""

    decisions: tuple[tuple[PatientId | None, Decision], ...]
    scope: Scope
    hidden: tuple[str, ...] = ()
    patients: tuple[PatientId, ...] = field(default=())

    @property
    def leading(self) -> Decision:
        """The first refusal, else the first decision."""
        refusals = [decision for _, decision in self.decisions if not decision.permitted]
        return refusals[0] if refusals else self.decisions[0][1]

    def receipt(self) -> str:
        """The decision receipt as JSON: verdicts with rule paths and policy version."""
        listed = [
            {
                "patient": str(patient) if patient else None,
                "permitted": decision.permitted,
                "reason": decision.reason,
                "rule": decision.rule,
                "path": decision.path,
                "policy": decision.policy_version,
                "obligations": decision.obligations,
            }
            for patient, decision in self.decisions
        ]
        return orjson.dumps({"decisions": listed, "hidden": self.hidden}).decode()
