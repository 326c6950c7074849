"""What one request asks of the rights engine, and the answer for one record (rules P1 to P10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.declare.actions import Action
from gateway.policy.engine import decide
from gateway.policy.model import Policy
from gateway.record.access import ASSUMED, Decision, PatientRights, Standing
from gateway.record.people import PatientId, Principal
from gateway.rights.rights_json import combined, from_json

RightsVersions = tuple[tuple[int, int], ...]
"""Where rights came from: record key and version of what was decided under it (table `rights_version`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is the same for every record that a request is about.

    `also` are further actions it needs a permit for; `classes` the class codes of documents it carries or
    names, None when it names none; `at` (aware UTC) is when it began to arrive.
    """

    principal: Principal
    action: Action
    at: datetime
    also: tuple[Action, ...] = ()
    classes: frozenset[str] | None = None
    standing: Standing = ASSUMED


def answer(
    question: Question, policy: Policy, rights: PatientRights | None, patient: PatientId | None
) -> Decision:
    """The decision on one record (`rights` None: there is none); of several actions the first refusal."""
    first: Decision | None = None
    for action in (question.action, *question.also):
        decision = decide(
            policy=policy,
            principal=question.principal,
            action=action,
            rights=rights,
            patient=patient,
            at=question.at,
            document_class=question.classes,
            standing=question.standing,
        )
        if not decision.permitted:
            return decision
        first = first or decision
    return first or decision


def rights_of(stored: Sequence[str]) -> PatientRights:
    """What a patient decided, of the stored texts of all record keys; that of a new record without any."""
    return combined([from_json(text) for text in stored])
