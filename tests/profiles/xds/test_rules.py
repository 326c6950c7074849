from dataclasses import replace
from typing import Any

import pytest

from gateway.errors import Meaning, Problem
from gateway.record.documents import EntryType, Submission
from gateway.record.domain import Domain
from gateway.record.people import Code, PatientId
from profiles.xds.rules import Column, check

OTHER = PatientId("PAT-2", "2.999.1.1")
MISSING = {
    "mime_type": "ExtrinsicObject/@mimeType",
    "unique_id": "XDSDocumentEntry.uniqueId",
    "patient": "XDSDocumentEntry.patientId",
    "class_code": "classCode",
    "type_code": "typeCode",
    "format_code": "formatCode",
    "facility_type": "healthcareFacilityTypeCode",
    "practice_setting": "practiceSettingCode",
    "confidentiality": "confidentialityCode",
    "creation_time": "creationTime",
    "language": "languageCode",
    "source_patient_id": "sourcePatientId",
}
FROM_REPOSITORY = {"hash": "hash", "size": "size", "repository": "repositoryUniqueId"}


def problems(submission: Submission, domain: Domain, column: Column = Column.REPOSITORY) -> list[Problem]:
    return check(submission, column, domain)


def of_entry(make: Any, domain: Domain, column: Column = Column.REPOSITORY, **changes: Any) -> list[Problem]:
    """The problems of a document with some fields changed, each told at that document."""
    entry = make.entry(**changes)
    found = problems(make.submission(entry), domain, column)
    assert all(problem.location == entry.id for problem in found)
    return found


def contexts(found: list[Problem]) -> list[str]:
    assert all(problem.meaning is Meaning.METADATA_INVALID for problem in found)
    return [problem.context for problem in found]


@pytest.mark.parametrize("column", Column)
def test_a_complete_submission_has_no_problem(make: Any, domain: Domain, column: Column) -> None:
    submission = make.submission(make.entry(), make.entry(), folders=[make.folder()])
    assert problems(submission, domain, column) == []


@pytest.mark.parametrize("column", Column)
@pytest.mark.parametrize(("field", "name"), MISSING.items())
def test_what_is_required_everywhere(
    make: Any, domain: Domain, column: Column, field: str, name: str
) -> None:
    empty: Any = "" if field in {"mime_type", "unique_id"} else () if field == "confidentiality" else None
    assert contexts(of_entry(make, domain, column, **{field: empty})) == [f"{name} is missing"]


@pytest.mark.parametrize(("field", "name"), FROM_REPOSITORY.items())
def test_what_the_repository_adds(make: Any, domain: Domain, field: str, name: str) -> None:
    assert of_entry(make, domain, Column.SOURCE, **{field: None}) == []
    assert contexts(of_entry(make, domain, **{field: None})) == [f"{name} is missing"]


def test_a_document_of_no_octets_has_a_size(make: Any, domain: Domain) -> None:
    assert of_entry(make, domain, size=0) == []


@pytest.mark.parametrize(
    ("field", "name"),
    {
        "unique_id": "XDSSubmissionSet.uniqueId",
        "source_id": "XDSSubmissionSet.sourceId",
        "submission_time": "submissionTime",
        "patient": "XDSSubmissionSet.patientId",
        "content_type": "contentTypeCode",
    }.items(),
)
def test_what_a_set_requires(make: Any, domain: Domain, field: str, name: str) -> None:
    empty: Any = None if field in {"patient", "content_type"} else ""
    submission = make.submission(**{field: empty})
    (problem,) = problems(submission, domain)
    assert (problem.context, problem.location) == (f"{name} is missing", submission.submission_set.id)


@pytest.mark.parametrize(
    ("field", "name"),
    {
        "unique_id": "XDSFolder.uniqueId",
        "patient": "XDSFolder.patientId",
        "codes": "codeList",
        "title": "title",
    }.items(),
)
def test_what_a_folder_requires(make: Any, domain: Domain, field: str, name: str) -> None:
    folder = make.folder(**{field: {"unique_id": "", "codes": ()}.get(field)})
    (problem,) = problems(make.submission(folders=[folder]), domain)
    assert (problem.context, problem.location) == (f"{name} is missing", folder.id)


@pytest.mark.parametrize("field", ["creation_time", "service_start", "service_stop"])
@pytest.mark.parametrize(
    ("value", "right"),
    [
        ("2026", True), ("202602", True), ("20260203", True), ("2026020304", True), ("202602030405", True),
        ("20260203040506", True), ("20261", False), ("202613", False), ("20260132", False),
        ("2026010124", False),
        ("202601010060", False), ("20260203040506.5", False), ("2026-02-03", False), ("", False),
        ("20260203040506+0100", False), ("٢٠٢٦", False),
    ],
)  # fmt: skip
def test_times(make: Any, domain: Domain, field: str, value: str, right: bool) -> None:  # noqa: FBT001
    found = of_entry(make, domain, **{field: value})
    assert (not found) == right
    assert all("creationTime" in text or "service" in text for text in contexts(found))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("hash", "a" * 39), ("hash", "g" * 40),
        ("source_patient_id", "S-1"), ("source_patient_id", "S-1^^^Hospital&2.999&ISO"),
        ("source_patient_id", "S-1^^^&2.999&DNS"), ("source_patient_id", "^^^&2.999&ISO"),
        ("language", "e_n"), ("language", "englishlanguage"),
        ("repository", "urn:oid:2.999"), ("repository", "2.0999"), ("repository", "2." + "9" * 63),
        ("reference_ids", ("X",)), ("reference_ids", ("X^^^&2.999&ISO",)),
        ("reference_ids", ("^^^&2.999&ISO^t",)),
        ("unique_id", "x" * 129), ("title", "x" * 129), ("mime_type", "x" * 257),
        ("home", "2.999"), ("home", "urn:oid:x"), ("home", "urn:oid:2." + "9" * 63),
        ("id", "urn:uuid:x"), ("id", "urn:uuid:" + "0" * 100),
        ("logical_id", "urn:uuid:00000000-0000-4000-8000-0000000000ff"),
        ("limited", True), ("type", EntryType.ON_DEMAND),
        ("source_patient_info", ("PID-2|x",)), ("source_patient_info", ("PID-19|x",)),
        ("source_patient_info", ("PID3|x",)), ("source_patient_info", ("PID-7|1", "PID-7|2")),
        ("source_patient_info", ("PID-8|M", "PID-3|x", "PID-8|F")),
    ],
)  # fmt: skip
def test_a_value_of_another_form(make: Any, domain: Domain, field: str, value: Any) -> None:
    assert len(contexts(of_entry(make, domain, **{field: value}))) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"reference_ids": ("X^^^&2.999&ISO^urn:ihe:iti:xds:2013:order", "Y^^^^urn:x")},
        {"source_patient_info": ("PID-3|x", "PID-3|y", "PID-5|Doe^Jo^^^", "PID-8|F")},
        {"home": "urn:oid:2.999.1.2"},
        {"id": "Symbol"},
        {"id": "urn:uuid:00000000-0000-4000-8000-0000000000AF"},
        {"hash": "A" * 40},
        {"language": "de-CH-1996"},
        {"unique_id": "2.999^Anything"},
        {"title": None, "authors": ()},
        {"service_start": "20260101", "service_stop": "20260101"},
        {"service_start": "2026010110", "service_stop": "20260101"},
        {"service_start": "20260101", "service_stop": "2026"},
    ],
)
def test_values_that_are_right(make: Any, domain: Domain, changes: dict[str, Any]) -> None:
    assert of_entry(make, domain, **changes) == []


@pytest.mark.parametrize(
    ("start", "stop"), [("20260102", "20260101"), ("2027", "2026"), ("202602", "202601")]
)
def test_a_service_does_not_end_before_it_starts(make: Any, domain: Domain, start: str, stop: str) -> None:
    found = of_entry(make, domain, service_start=start, service_stop=stop)
    assert contexts(found) == ["serviceStartTime is after serviceStopTime"]


@pytest.mark.parametrize("unique_id", ["2", "2.999.", "2.999.01", "x", "urn:oid:2.999", "2." + "9" * 63])
def test_ids_of_sets_and_folders_are_oids(make: Any, domain: Domain, unique_id: str) -> None:
    text = "is not an OID of at most 64 characters"
    for submission in (
        make.submission(unique_id=unique_id),
        make.submission(source_id=unique_id),
        make.submission(folders=[make.folder(unique_id=unique_id)]),
    ):
        (found,) = contexts(problems(submission, domain))
        assert found.endswith(text)


def test_every_id_is_a_uuid_or_a_symbol(make: Any, domain: Domain) -> None:
    bad = "urn:uuid:not-one"
    link = replace(make.member("a", "b"), id=bad)
    for submission in (
        make.submission(id=bad),
        make.submission(folders=[make.folder(id=bad)]),
        replace(make.submission(), associations=(link,)),
    ):
        (problem,) = problems(submission, domain)
        assert (problem.meaning, problem.location) == (Meaning.METADATA_INVALID, bad)


def test_limited_metadata_are_not_taken(make: Any, domain: Domain) -> None:
    assert len(problems(make.submission(limited=True), domain)) == 1


@pytest.mark.parametrize(("of_set", "of_document", "of_folder"), [(0, 1, 0), (1, 0, 0), (0, 0, 1), (0, 1, 1)])
def test_one_submission_is_of_one_patient(
    make: Any, domain: Domain, of_set: int, of_document: int, of_folder: int
) -> None:
    patients = (PatientId("PAT-1", "2.999.1.1"), OTHER)
    submission = make.submission(
        make.entry(patient=patients[of_document]),
        folders=[make.folder(patient=patients[of_folder])],
        patient=patients[of_set],
    )
    (problem,) = problems(submission, domain)
    assert (problem.meaning, problem.location) == (Meaning.PATIENT_MISMATCH, submission.submission_set.id)
    assert "PAT" not in problem.context


def test_a_unique_id_is_used_once(make: Any, domain: Domain) -> None:
    same = make.oid()
    for submission in (
        make.submission(make.entry(unique_id=same), make.entry(unique_id=same)),
        make.submission(make.entry(unique_id=same), unique_id=same),
        make.submission(folders=[make.folder(unique_id=same)], unique_id=same),
    ):
        (problem,) = problems(submission, domain)
        assert (problem.meaning, problem.location) == (Meaning.DUPLICATE_IN_MESSAGE, same)


@pytest.mark.parametrize(
    ("attribute", "field"),
    {
        "classCode": "class_code",
        "typeCode": "type_code",
        "formatCode": "format_code",
        "healthcareFacilityTypeCode": "facility_type",
        "practiceSettingCode": "practice_setting",
        "confidentialityCode": "confidentiality",
    }.items(),
)
def test_codes_of_the_domain(make: Any, domain: Domain, attribute: str, field: str) -> None:
    limited = replace(domain, codes={attribute: frozenset({"A^^2.999.5"})})

    def found(code: Code) -> list[str]:
        return contexts(of_entry(make, limited, **{field: (code,) if field == "confidentiality" else code}))

    assert found(Code("A", "2.999.5", "any name")) == []
    assert found(Code("B", "2.999.5")) == [
        f"{attribute} B^^2.999.5 is not in the list of this domain; allowed: A^^2.999.5"
    ]
    assert len(found(Code("A", "2.999.6"))) == 1


def test_mime_types_of_the_domain(make: Any, domain: Domain) -> None:
    limited = replace(domain, mime_types=frozenset({"text/xml"}))
    assert of_entry(make, limited) == []
    assert len(contexts(of_entry(make, limited, mime_type="application/x-msdownload"))) == 1


def test_every_problem_is_told_at_once(make: Any, domain: Domain) -> None:
    first, second = make.entry(hash="x", language="?"), make.entry(class_code=None)
    found = problems(make.submission(first, second, source_id="x"), domain)
    assert len(found) == 4
    assert [problem.location for problem in found].count(first.id) == 2
