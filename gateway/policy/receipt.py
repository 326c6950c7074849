"""The decision receipt: what was asked, what was decided and why, complete enough to decide again.

JSON without spaces. What the patient decided is named by record key and version, never repeated; of an
emergency the receipt tells whether a reason was given, not which.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from gateway.declare.actions import Action
from gateway.errors import Defect
from gateway.policy.question import Question, RightsVersions
from gateway.record.access import Decision, Standing
from gateway.record.people import Code, PatientId, Principal, SubjectKind

VERSION = 1
GIVEN, BLANK = "given", "blank"
"""Stand for the reason of an emergency."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A decision on one record. `versions` is None where there was no record to decide on.

    `emergencies` are those that counted against a claimed one.
    """

    patient: PatientId | None
    decision: Decision
    versions: RightsVersions | None = None
    emergencies: int = 0


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt tells. Decisions carry no grant: it follows from the inputs."""

    question: Question
    answers: tuple[Answered, ...]
    hidden: tuple[str, ...] = ()


def write_receipt(question: Question, answers: Sequence[Answered], hidden: Sequence[str]) -> str:
    """The text that is stored beside the audit message."""
    content = {
        "version": VERSION,
        "asked": _asked(question),
        "decisions": [_answered(each) for each in answers],
        "hidden": hidden,
    }
    try:
        return orjson.dumps(content).decode()
    except TypeError:
        # a token may carry half a surrogate pair, which only an escape can hold
        return json.dumps(content, separators=(",", ":"), default=_plain)


def read_receipt(text: str) -> Receipt | None:
    """The receipt of a stored text; None where it holds no inputs, as before they were kept.

    Defect when it is neither.
    """
    try:
        content = json.loads(text)
        if "version" not in content and "decisions" in content:
            return None
        if content["version"] != VERSION:
            raise Defect(f"the decision receipt is not of version {VERSION}")
        question = _read_question(content["asked"])
        answers = tuple(_read_answered(each) for each in content["decisions"])
        return Receipt(question, answers, tuple(content["hidden"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Defect("a decision receipt cannot be read") from error


# --- to JSON -------------------------------------------------------------------------------------


def _asked(question: Question) -> dict[str, object]:
    content: dict[str, object] = {
        "action": question.action.code,
        "at": question.at,
        "who": _who(question.principal),
    }
    if question.also:
        content["also"] = [each.code for each in question.also]
    if question.classes is not None:
        content["classes"] = sorted(question.classes)
    if standing := _standing(question.standing):
        content["standing"] = standing
    return content


def _who(who: Principal) -> dict[str, object]:
    """All that rules look at, how the subject was confirmed and what the token was limited to."""
    content: dict[str, object] = {
        "kind": who.kind._value_,
        "subject": who.subject,
        "confirmation": who.confirmation,
    }
    if who.provider_ids:
        content["ids"] = who.provider_ids
    if who.role is not None:
        content["role"] = (who.role.code, who.role.scheme)
    if who.organisation is not None:
        content["organisation"] = who.organisation
    if who.purpose is not None:
        content["purpose"] = (who.purpose.code, who.purpose.scheme)
    if who.patient is not None:
        content["patient"] = (who.patient.extension, who.patient.root)
    if who.on_behalf_of is not None:
        content["for"] = who.on_behalf_of
    if who.emergency_reason is not None:
        content["reason"] = GIVEN if who.emergency_reason.strip() else BLANK
    if who.expires is not None:
        content["expires"] = who.expires
    if who.scopes is not None:
        content["scopes"] = sorted(who.scopes)
    return content


def _standing(standing: Standing) -> dict[str, object]:
    content: dict[str, object] = {}
    if standing.missing is not None:
        content["missing"] = standing.missing
    if standing.names:
        content["names"] = sorted(standing.names)
    return content


def _answered(each: Answered) -> dict[str, object]:
    decision, patient = each.decision, each.patient
    content: dict[str, object] = {
        "patient": None if patient is None else (patient.extension, patient.root),
        "permitted": decision.permitted,
        "reason": decision.reason,
        "rule": decision.rule,
        "path": decision.path,
        "policy": decision.policy_version,
    }
    if decision.obligations:
        content["obligations"] = decision.obligations
    if each.versions is not None:
        content["rights"] = each.versions
    if each.emergencies:
        content["emergencies"] = each.emergencies
    return content


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise Defect("a decision receipt holds what JSON has no word for")


# --- from JSON -----------------------------------------------------------------------------------


def _read_question(content: Mapping[str, Any]) -> Question:
    classes = content.get("classes")
    return Question(
        principal=_read_who(content["who"]),
        action=Action(content["action"]),
        at=_read_time(content["at"]),
        also=tuple(Action(each) for each in content.get("also", ())),
        classes=None if classes is None else frozenset(classes),
        standing=_read_standing(content.get("standing", {})),
    )


def _read_who(content: Mapping[str, Any]) -> Principal:
    """The subject as the rules see it; name, issuer and token stand in the evidence and the audit message."""
    reason = content.get("reason")
    return Principal(
        kind=SubjectKind(content["kind"]),
        subject=content["subject"],
        name="",
        issuer="",
        role=_read_code(content.get("role")),
        organisation=content.get("organisation"),
        purpose=_read_code(content.get("purpose")),
        provider_ids=tuple(content.get("ids", ())),
        patient=_read_patient(content.get("patient")),
        on_behalf_of=content.get("for"),
        emergency_reason=None if reason is None else GIVEN if reason == GIVEN else "",
        confirmation=content["confirmation"],
        token_id=None,
        token_digest=None,
        expires=_read_time(content["expires"]) if "expires" in content else None,
        scopes=frozenset(content["scopes"]) if "scopes" in content else None,
    )


def _read_standing(content: Mapping[str, Any]) -> Standing:
    return Standing(
        missing=content.get("missing"),
        names=frozenset(content.get("names", ())),
    )


def _read_answered(content: Mapping[str, Any]) -> Answered:
    decision = Decision(
        permitted=content["permitted"],
        reason=content["reason"],
        rule=content["rule"],
        path=tuple(content["path"]),
        policy_version=content["policy"],
        obligations=tuple(content.get("obligations", ())),
    )
    versions = content.get("rights")
    return Answered(
        _read_patient(content["patient"]),
        decision,
        None if versions is None else tuple((key, version) for key, version in versions),
        content.get("emergencies", 0),
    )


def _read_code(pair: Sequence[str] | None) -> Code | None:
    return None if pair is None else Code(pair[0], pair[1])


def _read_patient(pair: Sequence[str] | None) -> PatientId | None:
    return None if pair is None else PatientId(pair[0], pair[1])


def _read_time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise Defect("a time of the decision receipt has no zone")
    return at
