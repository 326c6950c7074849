"""Submissions that are admitted, or refused with their problems."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Refused
from gateway.record.documents import Relation, Submission
from gateway.record.people import PatientId
from gateway.record.submission import Admission, admit

OTHER = PatientId("PAT-2", "2.999.1.1")
RELATIONS = [item for item in Relation if item is not Relation.HAS_MEMBER and not item.updates]
NOWHERE = "urn:uuid:00000000-0000-4000-8000-ffffffffffff"


def admitted(record: Any, make: Any, submission: Submission) -> Admission:
    scope = record.scope(*submission.patients)
    return record.run(admit(submission, record.registry, scope.keys, make.uuid))


def refusals(record: Any, make: Any, submission: Submission) -> list[tuple[Meaning, str | None]]:
    with pytest.raises(Refused) as caught:
        admitted(record, make, submission)
    return [(problem.meaning, problem.location) for problem in caught.value.problems]


def adding(submission: Submission, *links: Any) -> Submission:
    return replace(submission, associations=(*submission.associations, *links))
