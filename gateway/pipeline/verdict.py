"""The decision on one request: what was asked of the rights engine, and the scope it gave."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.policy.question import Question
from gateway.policy.receipt import Answered, write_receipt
from gateway.record.access import Decision, Scope
from gateway.record.people import PatientId


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was asked, the answer for each record, documents hidden by P9, and the scope."""

    question: Question
    answers: tuple[Answered, ...]
    scope: Scope
    hidden: tuple[str, ...] = ()
    patients: tuple[PatientId, ...] = field(default=())

    @property
    def decisions(self) -> tuple[tuple[PatientId | None, Decision], ...]:
        """Decisions by patient; None where the request concerns no record."""
        return tuple((each.patient, each.decision) for each in self.answers)

    @property
    def leading(self) -> Decision:
        """The first refusal, else the first decision."""
        for each in self.answers:
            if not each.decision.permitted:
                return each.decision
        return self.answers[0].decision

    def receipt(self) -> str:
        """The decision receipt as JSON: inputs, verdicts with rule paths and policy version."""
        return write_receipt(self.question, self.answers, self.hidden)
