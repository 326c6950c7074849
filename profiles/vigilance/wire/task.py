"""A review as a Task: alone for the list, with both sides for who decides it (FHIR R4 Task)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from gateway.mpi.reviewing import Question, Side
from gateway.record.domain import Domain
from gateway.record.patients import Person, State
from gateway.stores.reviews import Review
from profiles.pdqm.wire.patient import write_patient
from profiles.vigilance.codes import FHIR_STATUSES, KINDS, PRIORITIES, USUAL_PRIORITY
from profiles.vigilance.wire.values import concept, instant

_SUBJECT = "subject"


def write_listed(review: Review) -> dict[str, Any]:
    """A Task that tells nothing of any patient; what somebody wrote as his reason is left out as well."""
    return _task(review, with_reasons=False)


def write_task(question: Question, domain: Domain, base: str) -> dict[str, Any]:
    """A Task with the identity that is asked about and those of the person, each as its source told it."""
    task = _task(question.review, with_reasons=True)
    others = {f"person-{number}": side for number, side in enumerate(question.person, start=1)}
    sides = {_SUBJECT: question.subject, **others}
    return {
        **task,
        "contained": [_patient(name, side, domain, base) for name, side in sides.items()],
        "for": {"reference": f"#{_SUBJECT}"},
        "input": [
            *task["input"],
            *(
                {"type": {"text": "identity of the person"}, "valueReference": {"reference": f"#{name}"}}
                for name in others
            ),
        ],
    }


def _task(review: Review, *, with_reasons: bool) -> dict[str, Any]:
    notes, outputs = list(_notes(review, with_reasons=with_reasons)), list(_outputs(review))
    last = review.decided_at or review.proposed_at or review.created_at
    return {
        "resourceType": "Task",
        "id": f"{review.key:x}",
        "status": FHIR_STATUSES[review.state],
        "intent": "order",
        "priority": PRIORITIES.get(review.priority, USUAL_PRIORITY),
        "code": concept(review.kind, review.kind.replace("-", " ")),
        "description": KINDS.get(review.kind, "Is it the same human being?"),
        "authoredOn": instant(review.created_at),
        "lastModified": instant(last),
        **({"note": notes} if notes else {}),
        "input": [{"type": {"text": "explanation"}, "valueString": explained(review.explanation)}],
        **({"output": outputs} if outputs else {}),
    }


def _notes(review: Review, *, with_reasons: bool) -> Iterator[dict[str, Any]]:
    said = (
        ("proposed", review.proposed, review.proposed_by, review.proposed_at, review.proposed_reason),
        ("confirmed", review.decided, review.decided_by, review.decided_at, review.decided_reason),
    )
    for verb, outcome, by, at, reason in said:
        if outcome is not None and by is not None and at is not None:
            told = f": {reason}" if with_reasons and reason else ""
            yield {"authorString": by, "time": instant(at), "text": f"{verb} {outcome}{told}"}


def _outputs(review: Review) -> Iterator[dict[str, Any]]:
    if review.proposed is not None:
        yield {"type": {"text": "proposed outcome"}, "valueCode": review.proposed}
    if review.decided is not None:
        yield {"type": {"text": "outcome"}, "valueCode": review.decided}
    if review.operation is not None:
        reference = {"reference": f"Provenance/{review.operation:x}"}
        yield {"type": {"text": "operation"}, "valueReference": reference}


def _patient(name: str, side: Side, domain: Domain, base: str) -> dict[str, Any]:
    identity = side.identity
    person = Person(
        key=identity.key,
        identifiers=(identity.id,),
        demographics=side.told,
        active=not identity.merged and identity.state is not State.REMOVED,
    )
    return {**write_patient(person, domain, base, side.told.identifiers or ()), "id": name}


def explained(explanation: str) -> str:
    """Why people are asked, in one line: the rule, then traits with level and bits, then what forbids."""
    told = orjson.loads(explanation)
    parts = [f"rule {told.get('rule', 'unknown')}"]
    if "odds" in told:
        parts.append(f"odds {told['odds']:+.2f} bits")
    bits = told.get("bits", {})
    levels: dict[str, int] = told.get("levels", {})
    parts += [f"{name} {_level(each)} ({bits.get(name, 0):+.2f})" for name, each in levels.items()]
    if told.get("vetoes"):
        parts.append(f"against it: {', '.join(told['vetoes'])}")
    return "; ".join(parts)


def _level(level: int) -> str:
    """0 is the best there is of every trait (docs/matching.md)."""
    return "equal" if level == 0 else f"level {level}"
