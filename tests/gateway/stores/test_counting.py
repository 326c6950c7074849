"""Counts over the registry, on both databases: numbers only."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.record.people import Code, PatientId
from gateway.stores.counting import RegistryCounts

ANNA, BERT = PatientId("A-1", "2.999.1.1"), PatientId("B-1", "2.999.1.1")
RESTRICTED = (Code("R", "2.16.840.1.113883.5.25", "restricted"),)


@pytest.fixture
def counts(record: Any, make: Any) -> RegistryCounts:
    """Two letters and a restricted report of Anna's, a letter of Bert's, and something without a class."""
    letter, report = Code("letter", "2.999.5", "Letter"), Code("report", "2.999.5", "Report")
    record.feed(ANNA)
    record.feed(BERT)
    for patient, code, more in (
        (ANNA, letter, {}),
        (ANNA, letter, {}),
        (ANNA, report, {"confidentiality": RESTRICTED}),
        (BERT, letter, {}),
        (BERT, None, {}),
    ):
        entry = make.entry(patient=patient, class_code=code, **more)
        submission = make.submission(entry)
        sets = replace(submission.submission_set, patient=patient)
        record.register(replace(submission, submission_set=sets), make)
    return RegistryCounts(record.database)


def test_documents_are_counted_by_class_and_rank(record: Any, counts: RegistryCounts) -> None:
    found = record.run(counts.documents())
    assert sorted(found, key=str) == sorted([("letter", 1, 3), ("report", 2, 1), (None, 1, 1)], key=str)


def test_patients_are_counted_once(record: Any, counts: RegistryCounts) -> None:
    assert record.run(counts.patients([("letter", 1)])) == 2
    assert record.run(counts.patients([("letter", 1), ("report", 2)])) == 2
    assert record.run(counts.patients([("report", 2)])) == 1
    assert record.run(counts.patients([(None, 1)])) == 1
    assert record.run(counts.patients([("report", 1)])) == 0
