"""An emergency access as a Task of the review (FHIR R4 Task)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from gateway.record.domain import Domain
from gateway.record.emergencies import Emergency, Judgement, Use
from profiles.emergency.codes import EMERGENCY, ENDS
from profiles.pdqm.wire.patient import write_identifier
from profiles.vigilance.wire.values import concept, instant


def write_listed(emergency: Emergency, now: datetime) -> dict[str, Any]:
    """A Task that names neither the patient nor the reason."""
    who = emergency.claimant
    outputs = list(_outputs(emergency))
    return {
        "resourceType": "Task",
        "id": f"{emergency.key:x}",
        "status": "requested" if emergency.judgement is Judgement.OPEN else "completed",
        **(
            {"businessStatus": concept("overdue", "not reviewed in its time")}
            if emergency.overdue(now)
            else {}
        ),
        "intent": "order",
        "priority": "urgent" if emergency.overdue(now) else "routine",
        "code": concept(EMERGENCY, "Review of an emergency access"),
        "description": "Was this emergency access justified?",
        "authoredOn": _at(emergency.at),
        "lastModified": _at(emergency.judged_at or emergency.at),
        "restriction": {"period": {"end": _at(emergency.deadline)}},
        "input": [
            {"type": {"text": "person"}, "valueString": who.subject},
            {"type": {"text": "name"}, "valueString": who.name or who.subject},
            *([{"type": {"text": "role"}, "valueString": who.role_name}] if who.role_name else ()),
            *({"type": {"text": "organisation"}, "valueString": each} for each in _organisation(emergency)),
            {
                "type": {"text": "window"},
                "valuePeriod": {
                    "start": _at(emergency.at),
                    "end": _at(emergency.stopped_at or emergency.until),
                },
            },
            {"type": {"text": "exchange"}, "valueString": emergency.trace_id},
        ],
        **({"output": outputs} if outputs else {}),
    }


def write_task(emergency: Emergency, uses: Sequence[Use], domain: Domain, now: datetime) -> dict[str, Any]:
    """With the patient, the reason, every request, and what was said in the review."""
    task = write_listed(emergency, now)
    notes = [*_notes(emergency)]
    return {
        **task,
        "for": {"identifier": write_identifier(emergency.patient, domain)},
        **({"note": notes} if notes else {}),
        "input": [
            *task["input"],
            {"type": {"text": "reason"}, "valueString": emergency.claimant.reason},
            *(
                {
                    "type": {"text": "request"},
                    "valueString": f"{each.transaction} {_at(each.at)} trace {each.trace_id}",
                }
                for each in uses
            ),
        ],
    }


def _organisation(emergency: Emergency) -> Iterator[str]:
    who = emergency.claimant
    if who.organisation is not None:
        yield f"{who.organisation_name} ({who.organisation})" if who.organisation_name else who.organisation


def _outputs(emergency: Emergency) -> Iterator[dict[str, Any]]:
    if emergency.judgement is not Judgement.OPEN:
        yield {"type": {"text": "outcome"}, "valueCode": emergency.judgement.value}
    if emergency.stop is not None:
        yield {
            "type": {"text": "ended because"},
            "valueString": ENDS.get(emergency.stop, emergency.stop),
        }


def _notes(emergency: Emergency) -> Iterator[dict[str, Any]]:
    if emergency.judged_by is not None and emergency.judged_at is not None:
        text = f"{emergency.judgement.value}: {emergency.judged_why}"
        yield {"authorString": emergency.judged_by, "time": _at(emergency.judged_at), "text": text}


def _at(at: datetime) -> str:
    return instant(int(at.timestamp() * 1000))
